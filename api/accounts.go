package api

import (
	"context"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/rest"
)

type listAccountsRequest struct{ rest.PageQuery }

// listAccounts answers all accounts in the order of names.
//
//	@ID			listAccounts
//	@Summary	List the accounts
//	@Tags		access
//	@Param		query	query		listAccountsRequest	false	"."
//	@Success	200		{object}	rest.Page[access.Account]
//	@Router		/accounts [get]
func (s *Server) listAccounts(ctx context.Context, req listAccountsRequest) (rest.Page[access.Account], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[access.Account]{}, err
	}
	accounts, err := access.ListAccounts(ctx, s.db(ctx), after, req.Limit())
	if err != nil {
		return rest.Page[access.Account]{}, err
	}
	return rest.NewPage(accounts, req.PageQuery, func(a access.Account) []any { return []any{a.Name} })
}

type accountInput struct {
	Town    *string       `json:"town" example:"demo"`                                                  // the one town it opens; absent = every town
	Person  *string       `json:"person" example:"mentor-1"`                                            // who signs in, under the roles that he or she is appointed to
	Roles   []access.Role `json:"roles" validate:"max=8" swaggertype:"array,string" example:"admin"`    // of an account without a person
	Issuer  *string       `json:"issuer" validate:"omitempty,max=255" example:"https://id.example.org"` // of an outside provider, with subject
	Subject *string       `json:"subject" validate:"omitempty,max=255"`                                 // who it is for the issuer
}

func (in accountInput) account(name string) access.Account {
	return access.Account{Name: name, OnlyTown: in.Town, PersonCode: in.Person, Roles: in.Roles, Issuer: in.Issuer, Subject: in.Subject}
}

type newAccount struct {
	Name string `json:"name" validate:"required" example:"li.ming"` // lower case
	accountInput
}

type createAccountRequest struct{ Body newAccount }

// createAccount adds an account. It has no password: set one, or link it to an
// outside identity.
//
//	@ID			createAccount
//	@Summary	Add an account
//	@Tags		access
//	@Param		body	body		newAccount	true	"the new account"
//	@Success	201		{object}	access.Account
//	@Router		/accounts [post]
func (s *Server) createAccount(ctx context.Context, req createAccountRequest) (rest.Created[access.Account], error) {
	a, err := access.CreateAccount(ctx, s.db(ctx), req.Body.account(req.Body.Name))
	return rest.Created[access.Account]{Key: a.Name, Value: a}, err
}

type accountRequest struct {
	Account string `uri:"account"`
}

// findAccount answers one account.
//
//	@ID			findAccount
//	@Summary	Read an account
//	@Tags		access
//	@Success	200	{object}	access.Account
//	@Router		/accounts/{account} [get]
func (s *Server) findAccount(ctx context.Context, req accountRequest) (access.Account, error) {
	return access.FindAccount(ctx, s.db(ctx), req.Account)
}

type accountChange struct {
	accountInput
	Disabled bool `json:"disabled"` // nobody signs in by it; may be undone
}

type updateAccountRequest struct {
	accountRequest
	rest.IfMatch
	Body accountChange
}

// updateAccount replaces what the account opens and for whom, links it to an
// outside identity, disables it or lets it in again. Its sessions end.
//
//	@ID			updateAccount
//	@Summary	Change, link or disable an account
//	@Tags		access
//	@Param		body	body		accountChange	true	"the account as it shall be"
//	@Success	200		{object}	access.Account
//	@Router		/accounts/{account} [put]
func (s *Server) updateAccount(ctx context.Context, req updateAccountRequest) (access.Account, error) {
	return access.UpdateAccount(ctx, s.db(ctx), req.Body.account(req.Account), req.Body.Disabled, req.Version)
}

// OneTimePassword is a new password of an account, told this once.
type OneTimePassword struct {
	access.Account
	Password string `json:"password" example:"KX3FA7QZ2LM4BCYD5TRW"` // good for one sign-in, which must change it
}

type resetPasswordRequest struct {
	accountRequest
	rest.IfMatch
}

// resetPassword gives the account a random password that must be changed before
// anything else. Its sessions end.
//
//	@ID			resetPassword
//	@Summary	Give an account a one-time password
//	@Tags		access
//	@Param		If-Match	header		string	true	"."
//	@Success	200			{object}	OneTimePassword
//	@Router		/accounts/{account}/password [post]
func (s *Server) resetPassword(ctx context.Context, req resetPasswordRequest) (OneTimePassword, error) {
	a, password, err := access.ResetPassword(ctx, s.db(ctx), s.Passwords, req.Account, req.Version)
	return OneTimePassword{a, password}, err
}

type listKeysRequest struct{}

// listKeys answers all keys, revoked and expired ones too, on one page.
//
//	@ID			listKeys
//	@Summary	List the keys
//	@Tags		access
//	@Success	200	{object}	rest.Page[access.Key]
//	@Router		/keys [get]
func (s *Server) listKeys(ctx context.Context, _ listKeysRequest) (rest.Page[access.Key], error) {
	keys, err := access.ListKeys(ctx, s.db(ctx))
	return rest.Page[access.Key]{Items: keys}, err
}

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
//	@ID			createKey
//	@Summary	Make a key and tell its secret, once
//	@Tags		access
//	@Param		body	body		keyInput	true	"what the key opens, and for whom"
//	@Success	201		{object}	NewKey
//	@Router		/keys [post]
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
//	@ID			revokeKey
//	@Summary	Revoke a key
//	@Tags		access
//	@Success	204
//	@Router		/keys/{key} [delete]
func (s *Server) revokeKey(ctx context.Context, req revokeKeyRequest) (rest.Nothing, error) {
	return rest.Nothing{}, access.RevokeKey(ctx, s.db(ctx), req.Key, req.Version)
}
