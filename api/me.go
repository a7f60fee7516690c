package api

import (
	"context"
	"slices"

	"bulwark/internal/access"
)

// Me is the caller as the service sees him or her.
type Me struct {
	access.Principal
	Actions []access.Action `json:"actions"` // what the caller may do under the acting role; without a key: where a town opens its results
}

type meRequest struct{}

// me answers who the caller is. Without a key there is no role.
//
//	@ID			me
//	@Summary	Who am I, and what may I do?
//	@Tags		access
//	@Security
//	@Success	200	{object}	Me
//	@Router		/me [get]
func (s *Server) me(ctx context.Context, _ meRequest) (Me, error) {
	p := access.Caller(ctx)
	may := slices.DeleteFunc(access.ActionsOf(p.Role), func(a access.Action) bool { return !p.May(a) })
	return Me{p, may}, nil
}
