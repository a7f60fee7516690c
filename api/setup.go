package api

import (
	"context"

	"bulwark/internal/access"
	"bulwark/internal/rest"
)

// setupInput is the token that the service printed at its first start, and the first
// account.
type setupInput struct {
	Token    rest.Secret `json:"token" validate:"required" swaggertype:"string"` // as bulwark serve or bulwark setup printed it
	Account  string      `json:"account" validate:"required,max=64" example:"admin"`
	Password rest.Secret `json:"password" validate:"required" swaggertype:"string" example:"correct horse battery"` // 12 to 128 characters
}

type setUpRequest struct{ Body setupInput }

// setUp makes the first administrator, once: there is nothing here afterwards.
//
//	@Summary	Make the first administrator of an empty installation
func (s *Server) setUp(ctx context.Context, req setUpRequest) (rest.Created[access.Account], error) {
	if err := rest.TooManyRequests(s.logins.TakeUnnamed(rest.ClientAddress(ctx), s.Now())); err != nil {
		return rest.Created[access.Account]{}, err
	}
	b := req.Body
	ctx = rest.WithActor(ctx, access.Principal{Account: b.Account, Role: access.Admin})
	a, err := access.SetUp(ctx, s.db(ctx), s.Passwords, b.Token.Value(), b.Account, b.Password.Value())
	return rest.Created[access.Account]{Value: a}, err
}
