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

// me returns who the caller is. Without a key there is no role.
//
//	@Summary	Who am I, and what may I do?
func (s *Server) me(ctx context.Context, _ meRequest) (Me, error) {
	p := access.Caller(ctx)
	may := slices.DeleteFunc(access.ActionsOf(p.Role), func(a access.Action) bool { return !p.May(a) })
	return Me{p, may}, nil
}
