package api

import (
	"context"
	"time"

	"bulwark/internal/people"
)

type listKeysRequest struct{}

// listKeys answers all keys, revoked and expired ones too, on one page.
//
//	@ID			listKeys
//	@Summary	List the keys
//	@Tags		access
//	@Success	200	{object}	Page[people.Key]
//	@Router		/keys [get]
func (s *Server) listKeys(ctx context.Context, _ listKeysRequest) (Page[people.Key], error) {
	keys, err := people.ListKeys(ctx, s.db(ctx))
	return Page[people.Key]{Items: keys}, err
}

type keyInput struct {
	Role      people.Role `json:"role" validate:"required" example:"mentor"`
	Town      *string     `json:"town" example:"lishui"`     // the one town it opens; absent = every town
	Person    *string     `json:"person" example:"mentor-1"` // who holds it; needed for a role that works on branches
	ReadOnly  *bool       `json:"read_only"`                 // true if absent
	ExpiresAt *time.Time  `json:"expires_at"`                // absent = never
}

// NewKey is a key with its secret, which is told this once.
type NewKey struct {
	people.Key
	Secret string `json:"secret" example:"bw_3f9ac1d2_…"`
}

type createKeyRequest struct{ Body keyInput }

// createKey makes a key. The answer is the only place that ever has its secret.
//
//	@ID			createKey
//	@Summary	Make a key and tell its secret, once
//	@Tags		access
//	@Param		body	body		keyInput	true	"what the key opens, and for whom"
//	@Success	201		{object}	NewKey
//	@Router		/keys [post]
func (s *Server) createKey(ctx context.Context, req createKeyRequest) (Created[NewKey], error) {
	b := req.Body
	k, secret, err := people.CreateKey(ctx, s.db(ctx), people.Key{
		Role: b.Role, OnlyTown: b.Town, PersonCode: b.Person, ReadOnly: b.ReadOnly == nil || *b.ReadOnly, ExpiresAt: b.ExpiresAt,
	})
	return Created[NewKey]{Value: NewKey{k, secret}}, err
}

type revokeKeyRequest struct {
	Key string `uri:"key"`
	ifMatch
}

// revokeKey ends a key at once. It stays in the list.
//
//	@ID			revokeKey
//	@Summary	Revoke a key
//	@Tags		access
//	@Success	204
//	@Router		/keys/{key} [delete]
func (s *Server) revokeKey(ctx context.Context, req revokeKeyRequest) (Nothing, error) {
	return Nothing{}, people.RevokeKey(ctx, s.db(ctx), req.Key, req.Version)
}
