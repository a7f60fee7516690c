// Package access holds what a caller may do: the caller of a request, held against the
// policy, and the branches in his or her reach.
package access

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// Principal is the caller of one request. It acts under one role, which is one
// of those that it holds.
type Principal struct {
	// that the caller may enter; none = every town
	Towns []string `json:"towns,omitempty" example:"demo"`
	// that the caller is limited to; none = all that the role reaches
	Branches []string `json:"branches,omitempty" example:"b07"`
	// code of the person behind the key or account, in the one town
	Person string `json:"person,omitempty" example:"mentor-1"`
	// under which this request acts; empty = anonymous
	Role policy.Role `json:"role,omitempty" example:"mentor"`
	// held now, in the order of the policy table
	Roles []policy.Role `json:"roles,omitempty" swaggertype:"array,string" example:"mentor"`
	// name of the account; empty for a key
	Account  string `json:"account,omitempty" example:"mentor-1"`
	Key      string `json:"key,omitempty" example:"bw_3f9ac1d2"` // public prefix of the key
	ReadOnly bool   `json:"read_only" example:"false"`           // may not change anything
}

type principalKey struct{}

// WithPrincipal returns a context that carries the caller.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns the principal of the request, an anonymous one where none was set.
func PrincipalFrom(ctx context.Context) Principal {
	p, _ := ctx.Value(principalKey{}).(Principal)
	return p
}

// Name returns the caller as the audit trail names it.
func (p Principal) Name() string {
	switch {
	case p.Person != "":
		return p.Person
	case p.Account != "":
		return p.Account
	}
	return p.Key
}

// Told returns how the caller sees who did something in the role: the name where it is his
// or her own or he or she may read people, else the role; empty stays empty.
func (p Principal) Told(name string, role policy.Role) string {
	if name == "" || name == p.Name() || p.May(policy.ReadPeople) {
		return name
	}
	return string(role)
}

// ToldLock returns the lock as the caller may read it: with the name of a colleague or
// the caller, and with the role alone, if it is known, where the caller may not read people.
func (p Principal) ToldLock(l *fault.Lock) *fault.Lock {
	if l == nil {
		return l
	}
	named := *l
	named.By = p.Told(l.By, policy.Role(l.Role))
	return &named
}

// Credential returns the key or account of the caller, as key/PREFIX or account/NAME; it
// is empty for an anonymous one.
func (p Principal) Credential() string {
	switch {
	case p.Key != "":
		return "key/" + p.Key
	case p.Account != "":
		return "account/" + p.Account
	}
	return ""
}

// Holding returns the caller with the roles, in the order of the policy table, acting
// under the first. Roles that the table does not know are left out.
func (p Principal) Holding(roles ...policy.Role) Principal {
	p.Role, p.Roles = "", nil
	for _, r := range policy.Roles() {
		if slices.Contains(roles, r) {
			p.Roles = append(p.Roles, r)
		}
	}
	if len(p.Roles) > 0 {
		p.Role = p.Roles[0]
	}
	return p
}

// ActingAs returns the caller under another of the roles that he or she has.
func (p Principal) ActingAs(role policy.Role) (Principal, error) {
	if len(p.Roles) == 0 {
		return p, errKeyNeeded
	}
	if !slices.Contains(p.Roles, role) {
		held := make([]string, len(p.Roles))
		for i, r := range p.Roles {
			held[i] = string(r)
		}
		return p, fault.Forbidden("role_not_held",
			"您目前没有“%s”角色：可选角色（Act-As）为 %s", "you do not have the role %q now: send Act-As with one of %s",
			role.Name(), strings.Join(held, ", "))
	}
	p.Role = role
	return p, nil
}

// May reports whether the policy allows the caller the action on some branch at
// least. A caller without a role reads as a reader does.
func (p Principal) May(a policy.Action) bool { return p.ScopeOf(a) != policy.None }

// ScopeOf returns the scope of the action for the caller: that of the acting role, of
// which a limit to branches leaves only what is done branch by branch, and a credential
// without a person nothing by which people judge.
func (p Principal) ScopeOf(a policy.Action) policy.Scope {
	role := p.Role
	if role == "" {
		role = policy.Reader
	}
	switch {
	case p.needsPerson(a):
		return policy.None
	case len(p.Branches) > 0:
		return a.LimitedScopeFor(role)
	}
	return a.ScopeFor(role)
}

// needsPerson reports whether the action is refused to the caller for want of a person.
func (p Principal) needsPerson(a policy.Action) bool {
	return a.NeedsPerson() && p.Person == "" && p.Role != policy.Admin && a.ScopeFor(p.Role) != policy.None
}

// NotAllowed returns the refusal of an action that the policy does not allow the caller.
func (p Principal) NotAllowed(a policy.Action) error {
	if p.needsPerson(a) {
		return fault.Forbidden("person_needed",
			"此操作须由人员作出：该密钥或账号未关联人员，不能%s。请使用关联人员的账号或密钥，或请管理员建立",
			"only a person may do this, and this key or account belongs to no person: it may not %s. "+
				"Use a key or account of a person, or ask an administrator for one", a.Name())
	}
	return fault.Forbidden("not_allowed", "“%s”不能%s", "the role %q may not %s", p.Role.Name(), a.Name())
}

// In returns the caller in the town: an anonymous one if he or she is limited to other towns. Outside towns,
// where townID is empty, it is p.
func (p Principal) In(townID string) Principal {
	if townID == "" || len(p.Towns) == 0 || slices.Contains(p.Towns, townID) {
		return p
	}
	return Principal{}
}

// Self returns the principal itself, also of what embeds it.
func (p Principal) Self() Principal { return p }

// Caller is the caller in a town with what the rules of a kind of record need. The readers of the kinds embed
// it.
type Caller struct {
	Principal
	Town  string
	Today day.Date
	Reach Reach // branches whose records the caller reads
	Ties  Ties  // of who decides: about these branches he or she does not
}

// Tied reports whether the caller had any tie to the branch since the day, and so does not
// decide about it.
func (c Caller) Tied(branch string, since day.Date) bool { return c.Ties.Any(branch, since, c.Today) }

// CallerOf returns the caller of ctx: Reach is that of the action read, and Ties are filled
// for who may do one of the actions deciding.
func CallerOf(ctx context.Context, db *gorm.DB, townID string, read policy.Action, deciding ...policy.Action) (v Caller, err error) {
	v = Caller{Principal: PrincipalFrom(ctx), Town: townID, Today: day.Of(db.NowFunc())}
	if v.Reach, err = v.Principal.ReachOf(ctx, db, read, townID, v.Today); err != nil {
		return v, err
	}
	v.Ties, err = v.TiesIn(ctx, db, townID, deciding...)
	return v, err
}

// Visible narrows a query to the rows of branches in reach, by their branch_code.
func (c Caller) Visible(q *gorm.DB) *gorm.DB { return c.Reach.Narrow(q) }

// RefuseTied refuses a decision about a branch to which the caller had a tie since the day.
func (c Caller) RefuseTied(branch string, since day.Date) error {
	if c.Tied(branch, since) {
		return OwnBranch()
	}
	return nil
}

// OwnBranch returns the refusal of a decision about a branch to which the caller is tied.
func OwnBranch() error {
	return fault.Forbidden("conflict_of_interest",
		"您在该党组织任职、担任导师或指导员，或所在挂钩办与其挂钩（或在有关期间曾经如此），不能决定其事项：请由工作领导小组其他成员决定",
		"nobody decides about a branch that he or she leads or helps, or led or helped in the time that counts: "+
			"another member of the leading group does")
}
