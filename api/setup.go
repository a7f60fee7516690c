package api

import (
	"context"

	"bulwark/internal/access"
)

type setupInput struct {
	Token    hidden `json:"token" validate:"required" swaggertype:"string"` // as bulwark serve or bulwark setup printed it
	Account  string `json:"account" validate:"required,max=64" example:"admin"`
	Password hidden `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"` // 12 to 128 characters
}

type setUpRequest struct{ Body setupInput }

// setUp makes the first administrator, once: there is nothing here afterwards.
//
//	@ID			setUp
//	@Summary	Make the first administrator of an empty installation
//	@Tags		access
//	@Security
//	@Param		body	body		setupInput	true	"the token that the service printed, and the account to make"
//	@Success	201		{object}	access.Account
//	@Router		/setup [post]
func (s *Server) setUp(ctx context.Context, req setUpRequest) (Created[access.Account], error) {
	if err := slowDown(s.logins.EnterUnnamed(traceOf(ctx).client, s.Now())); err != nil {
		return Created[access.Account]{}, err
	}
	b := req.Body
	ctx = recorded(ctx, access.Principal{Account: b.Account, Role: access.Admin})
	a, err := access.SetUp(ctx, s.db(ctx), s.Passwords, access.FirstAdmin{Token: b.Token.value, Name: b.Account, Password: b.Password.value})
	return Created[access.Account]{Value: a}, err
}
