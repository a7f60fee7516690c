package api

import (
	"context"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/rest"
)

type listKeysRequest struct{}

// listKeys returns all keys, revoked and expired ones too, on one page.
//
//	@Summary	List the keys
func (s *Server) listKeys(ctx context.Context, _ listKeysRequest) (rest.Page[access.Key], error) {
	keys, err := access.ListKeys(ctx, s.db(ctx))
	return rest.Page[access.Key]{Items: keys}, err
}

// keyInput is what a new key opens, and for whom.
type keyInput struct {
	Roles     []access.Role `json:"roles" validate:"required,min=1,max=8" swaggertype:"array,string" example:"mentor"` // a request acts under one: see Act-As
	Towns     []string      `json:"towns" validate:"max=100" example:"lishui"`                                         // that it opens; absent or empty = every town
	Branches  []string      `json:"branches" validate:"max=200" example:"b07"`                                         // of its one town; absent or empty = all that the role reaches
	Person    *string       `json:"person" example:"mentor-1"`                                                         // who holds it; needed for a role that works on branches
	ReadOnly  *bool         `json:"read_only"`                                                                         // true if absent
	ExpiresAt *time.Time    `json:"expires_at"`                                                                        // absent = never
}

// NewKey is a key with its secret, which is told this once.
type NewKey struct {
	access.Key
	Secret string `json:"secret" example:"bw_3f9ac1d2_…"`
}

type createKeyRequest struct{ Body keyInput }

// createKey makes a key. The answer is the only place that ever has its secret.
//
//	@Summary	Make a key and tell its secret, once
func (s *Server) createKey(ctx context.Context, req createKeyRequest) (rest.Created[NewKey], error) {
	b := req.Body
	k, secret, err := access.CreateKey(ctx, s.db(ctx), access.Key{
		Roles: b.Roles, Towns: b.Towns, Branches: b.Branches, PersonCode: b.Person, ReadOnly: b.ReadOnly == nil || *b.ReadOnly, ExpiresAt: b.ExpiresAt,
	})
	return rest.Created[NewKey]{Value: NewKey{k, secret}}, err
}

type revokeKeyRequest struct {
	Key string `uri:"key"`
	rest.IfMatch
}

// revokeKey ends a key at once. It stays in the list.
//
//	@Summary	Revoke a key
func (s *Server) revokeKey(ctx context.Context, req revokeKeyRequest) (rest.Nothing, error) {
	return rest.Nothing{}, access.RevokeKey(ctx, s.db(ctx), req.Key, req.Version)
}
