package api

import (
	"context"
	"time"

	"bulwark/internal/credential"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

type listAccountsRequest struct{ rest.PageQuery }

// listAccounts returns all accounts in the order of names.
//
//	@Summary	List the accounts
func (s *Server) listAccounts(ctx context.Context, req listAccountsRequest) (rest.Page[credential.Account], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[credential.Account]{}, err
	}
	accounts, err := credential.ListAccounts(ctx, s.db(ctx), after, req.Limit())
	if err != nil {
		return rest.Page[credential.Account]{}, err
	}
	return rest.NewPage(accounts, req.PageQuery, func(a credential.Account) []any { return []any{a.Name} })
}

type accountInput struct {
	// the one town it opens; absent = every town
	Town *string `json:"town" example:"demo"`
	// who signs in, under the roles that he or she is appointed to
	Person *string `json:"person" example:"mentor-1"`
	// of an account without a person
	Roles []policy.Role `json:"roles" validate:"max=8" swaggertype:"array,string" example:"admin"`
	// the configured provider, with subject
	Issuer *string `json:"issuer" validate:"omitempty,max=255" example:"https://id.example.org"`
	// who it is for the issuer
	Subject *string `json:"subject" validate:"omitempty,max=255"`
}

func (in accountInput) account(name string) credential.Account {
	return credential.Account{
		Name: name, OnlyTown: in.Town, PersonCode: in.Person, Roles: in.Roles, Issuer: in.Issuer, Subject: in.Subject,
	}
}

// newAccount is a new account.
type newAccount struct {
	Name string `json:"name" validate:"required" example:"li.ming"` // lower case
	accountInput
}

type createAccountRequest struct{ Body newAccount }

// createAccount adds an account. It has no password: set one, or link it to an
// outside identity.
//
//	@Summary	Add an account
func (s *Server) createAccount(
	ctx context.Context, req createAccountRequest,
) (rest.Created[credential.Account], error) {
	a := req.Body.account(req.Body.Name)
	if err := credential.CheckLink(ctx, s.db(ctx), a, s.Config.OIDCIssuer); err != nil {
		return rest.Created[credential.Account]{}, err
	}
	a, err := credential.CreateAccount(ctx, s.db(ctx), a)
	return rest.Created[credential.Account]{Key: a.Name, Value: a}, err
}

type accountRequest struct {
	Account string `uri:"account"`
}

// findAccount returns one account.
//
//	@Summary	Read an account
func (s *Server) findAccount(ctx context.Context, req accountRequest) (credential.Account, error) {
	return credential.FindAccount(ctx, s.db(ctx), req.Account)
}

// accountChange is an account as it shall be.
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
//	@Summary	Change, link or disable an account
func (s *Server) updateAccount(ctx context.Context, req updateAccountRequest) (credential.Account, error) {
	a := req.Body.account(req.Account)
	if err := credential.CheckLink(ctx, s.db(ctx), a, s.Config.OIDCIssuer); err != nil {
		return credential.Account{}, err
	}
	return credential.UpdateAccount(ctx, s.db(ctx), a, req.Body.Disabled, req.Version)
}

// OneTimePassword is a new password of an account. It is shown once.
type OneTimePassword struct {
	credential.Account
	Password string `json:"password" example:"KX3FA7QZ2LM4BCYD5TRW"` // good for one sign-in, which must change it
}

type resetPasswordRequest struct {
	accountRequest
	rest.IfMatch
}

// resetPassword sets a random password of the account, which must be changed before
// anything else. Its sessions end.
//
//	@Summary	Give an account a one-time password
func (s *Server) resetPassword(ctx context.Context, req resetPasswordRequest) (OneTimePassword, error) {
	a, password, err := credential.ResetPassword(ctx, s.db(ctx), s.Passwords, req.Account, req.Version)
	return OneTimePassword{a, password}, err
}

type listKeysRequest struct{ rest.TableQuery }

// listKeys returns all keys, revoked and expired ones too, on one page.
//
//	@Summary	List the keys
func (s *Server) listKeys(ctx context.Context, _ listKeysRequest) (rest.Page[credential.Key], error) {
	keys, err := credential.ListKeys(ctx, s.db(ctx))
	return rest.Page[credential.Key]{Items: keys}, err
}

// keyInput is what a new key opens, and for whom.
type keyInput struct {
	// a request acts under one: see Act-As
	Roles []policy.Role `json:"roles" validate:"required,min=1,max=8" swaggertype:"array,string" example:"mentor"`
	// that it opens; absent or empty = every town
	Towns []string `json:"towns" validate:"max=100" example:"lishui"`
	// of its one town; absent or empty = all that the role reaches
	Branches []string `json:"branches" validate:"max=200" example:"b07"`
	// who holds it; needed for a role that works on branches
	Person *string `json:"person" example:"mentor-1"`
	// true if absent
	ReadOnly *bool `json:"read_only"`
	// absent = never
	ExpiresAt *time.Time `json:"expires_at"`
}

// NewKey is a key with its secret, which is shown once.
type NewKey struct {
	credential.Key
	Secret string `json:"secret" example:"bw_3f9ac1d2_…"`
}

type createKeyRequest struct{ Body keyInput }

// createKey makes a key. The answer is the only place that ever has its secret.
//
//	@Summary	Make a key and tell its secret, once
func (s *Server) createKey(ctx context.Context, req createKeyRequest) (rest.Created[NewKey], error) {
	b := req.Body
	k, secret, err := credential.CreateKey(ctx, s.db(ctx), credential.Key{
		Roles: b.Roles, Towns: b.Towns, Branches: b.Branches, PersonCode: b.Person,
		ReadOnly: b.ReadOnly == nil || *b.ReadOnly, ExpiresAt: b.ExpiresAt,
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
	return rest.Nothing{}, credential.RevokeKey(ctx, s.db(ctx), req.Key, req.Version)
}
