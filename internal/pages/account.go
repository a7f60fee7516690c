package pages

import (
	"strings"

	"bulwark/internal/dashboard"
	"bulwark/internal/day"
	"bulwark/internal/policy"
	"bulwark/internal/town"
)

// Towns returns the page that lets a visitor choose a town.
func Towns(f Frame, towns []TownLine) ([]byte, error) { return render("towns", f, towns) }

// TownLine is a town and the last period that it has published; empty: none.
type TownLine struct {
	Place
	Published string
	Invented  bool // its data are no one's
}

// SignInView is what the page of signing in needs.
type SignInView struct {
	Next     string // path as the browser knows it, where it goes once it is signed in
	Provider string // path at which the sign-in of the identity provider begins; empty: there is none
	Ended    bool   // a session ended
}

// SignIn returns the page of signing in.
func SignIn(f Frame, v SignInView) ([]byte, error) { return render("sign-in", f, v) }

// SignedOut returns the page that is shown after signing out.
func SignedOut(f Frame) ([]byte, error) { return render("signed-out", f, struct{}{}) }

// PasswordView is what the page of a new password needs.
type PasswordView struct {
	Must bool   // nothing else is allowed before
	Next string // as of SignInView
}

// Password returns the page on which somebody changes the own password.
func Password(f Frame, v PasswordView) ([]byte, error) { return render("password", f, v) }

// HomeView is what waits for somebody.
type HomeView struct {
	Today day.Date
	Towns []homeTown
}

type homeTown struct {
	Place
	Roles []homeRole
}

type homeRole struct {
	Role   policy.Role
	Acting bool // under which the page is shown
	Total  int
	Shown  int
	Tasks  []homeTask
}

// homeTask is what waits of one kind in one period.
type homeTask struct {
	dashboard.HomeItem // the one to be done first
	Items              []dashboard.HomeItem
	Overdue            int
	Path               string // of the page on which it is done; empty: there is none yet
}

// Home returns the page of what waits for somebody.
func Home(f Frame, home dashboard.Home) ([]byte, error) {
	v := HomeView{Today: home.Today}
	for _, t := range home.Towns {
		one := homeTown{Place: Place{t.Code, t.Name}}
		for _, r := range t.Roles {
			one.Roles = append(one.Roles, homeRole{
				Role: r.Role, Acting: f.Account != nil && f.Account.Role == r.Role, Total: r.Total, Shown: len(r.Items),
				Tasks: tasksOf(t.Code, r),
			})
		}
		v.Towns = append(v.Towns, one)
	}
	return render("home", f, v)
}

// tasksOf returns the items of one kind and period together, in the order of the first ones.
func tasksOf(town string, r dashboard.HomeRole) []homeTask {
	var tasks []homeTask
	at := map[[3]string]int{}
	for _, item := range r.Items {
		key := [3]string{item.Kind, item.Period, item.Message}
		i, known := at[key]
		if !known {
			i = len(tasks)
			at[key] = i
			tasks = append(tasks, homeTask{HomeItem: item, Path: taskPath(town, r.Role, item)})
		}
		tasks[i].Items = append(tasks[i].Items, item)
		if item.Overdue {
			tasks[i].Overdue++
		}
	}
	return tasks
}

// taskPath returns the page on which something is done, under the role that does it; empty
// where there is none.
func taskPath(town string, role policy.Role, item dashboard.HomeItem) string {
	if strings.HasPrefix(item.Kind, "sheet_") && item.Locked == nil {
		return InTown(town, "entry", "period", item.Period, "as", string(role))
	}
	if item.Kind == "decide_sheet" {
		return InTown(town, "review", "period", item.Period, "as", string(role))
	}
	return ""
}

// Branches returns the branches of the task, each once.
func (t homeTask) Branches() (list []town.BranchRef) {
	seen := map[string]bool{}
	for _, item := range t.Items {
		if item.Branch != nil && !seen[item.Branch.Code] {
			seen[item.Branch.Code] = true
			list = append(list, *item.Branch)
		}
	}
	return list
}
