package access

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// outsideTowns are the actions that a key limited to a town, or nobody's key, may
// do outside any town. All others there concern every town.
var outsideTowns = map[policy.Action]bool{
	policy.ReadService: true, policy.SignIn: true, policy.ReadIdentity: true, policy.OwnIdentity: true,
	policy.ReadStructure: true, policy.ReadRanking: true,
}

var errKeyNeeded = fault.Unauthenticated("key_needed",
	"此内容需要密钥：请随请求提供（Authorization: Bearer）", "this needs a key: send Authorization: Bearer KEY")

// Authorize refuses an action that the caller may not do in the town (empty: outside any
// town). A town that the caller may not know of is not found. Which branches the action
// reaches is up to ReachOf and InScope.
func (p Principal) Authorize(ctx context.Context, db *gorm.DB, a policy.Action, townID string) (err error) {
	defer fault.Wrap(&err, "authorize %s in %q", a, townID)
	welcome := p.Role != "" || outsideTowns[a] // the list of towns shows an anonymous caller open ones only
	if townID != "" {
		t, err := town.Find(ctx, db, townID)
		if err != nil {
			return hide(err, p)
		}
		if p.In(townID).Role != p.Role {
			if t.OpenResults && (Principal{}).May(a) {
				return nil // nobody needs a key for it
			}
			return unknownTown(townID)
		}
		welcome = p.Role != "" || t.OpenResults
	}
	switch {
	case townID == "" && len(p.Towns) > 0 && !outsideTowns[a]:
		return fault.Forbidden("key_of_a_town",
			"您的权限仅限 %[1]s，不能管理整个系统", "you are limited to %[1]s, and this concerns the whole installation",
			strings.Join(p.Towns, ", "))
	case welcome && p.May(a):
		return nil
	case p.Role == "":
		return errKeyNeeded
	case p.needsPerson(a):
		return p.NotAllowed(a)
	case a.ScopeFor(p.Role) != policy.None:
		return fault.Forbidden("key_of_branches",
			"您的权限仅限党组织 %[1]s，此操作涉及全镇", "you are limited to the branches %[1]s, and this concerns the whole town",
			strings.Join(p.Branches, ", "))
	}
	return p.NotAllowed(a)
}

// hide keeps an anonymous caller from finding out which towns exist: a closed town and a
// missing one are refused alike.
func hide(err error, p Principal) error {
	if fault.Is(err, fault.KindNotFound) && p.Role == "" {
		return errKeyNeeded
	}
	return err
}

func unknownTown(code string) error {
	return fault.Missing(text.Text{ZH: "镇（街道）", EN: "town"}, code)
}

// Reach is the set of branches that an action of a caller reaches.
type Reach struct {
	All      bool
	Branches map[string]bool
}

// Has reports whether the branch is in reach.
func (r Reach) Has(branch string) bool { return r.All || r.Branches[branch] }

// Codes lists the branches of a reach that is not All.
func (r Reach) Codes() []string {
	codes := make([]string, 0, len(r.Branches))
	for code := range r.Branches {
		codes = append(codes, code)
	}
	return codes
}

// Narrow narrows a query to the rows of branches in reach, by their branch_code.
func (r Reach) Narrow(q *gorm.DB) *gorm.DB {
	if r.All {
		return q
	}
	return q.Where("branch_code IN ?", append(r.Codes(), "")) // never an empty list
}

// ReachOf returns the branches on which the caller may do the action on the day.
func (p Principal) ReachOf(
	ctx context.Context, db *gorm.DB, a policy.Action, townID string, on day.Date,
) (_ Reach, err error) {
	defer fault.Wrap(&err, "reach of %s", a)
	role := p.Role
	if role == "" {
		role = policy.Reader // Authorize has let the caller into an open town
	}
	reach := Reach{All: true}
	switch a.ScopeFor(role) {
	case policy.None:
		return Reach{}, nil
	case policy.Assigned:
		tied, err := tiedBranches(ctx, db, p, townID, on)
		if err != nil {
			return Reach{}, err
		}
		reach = Reach{Branches: tied}
	}
	return reach.within(p.Branches), nil
}

// within is the part of the reach that lies in a list of branches; an empty list
// is no limit.
func (r Reach) within(limit []string) Reach {
	if len(limit) == 0 {
		return r
	}
	narrow := Reach{Branches: map[string]bool{}}
	for _, code := range limit {
		if r.Has(code) {
			narrow.Branches[code] = true
		}
	}
	return narrow
}

// Refuse refuses a branch that is out of reach. The branch itself is public
// structure, so the answer says what is missing.
func (r Reach) Refuse(branch string) error {
	if r.Has(branch) {
		return nil
	}
	return fault.Forbidden("not_assigned", "您当日未与党组织“%s”建立相应关系", "you are not assigned to the branch %q on that day",
		branch)
}

// InScope refuses an action on a branch that is out of the caller's reach.
func (p Principal) InScope(ctx context.Context, db *gorm.DB, a policy.Action, townID, branch string, on day.Date) error {
	reach, err := p.ReachOf(ctx, db, a, townID, on)
	if err != nil {
		return err
	}
	return reach.Refuse(branch)
}
