package feed_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/demo/demotest"
	"bulwark/internal/feed"
)

// untold are the actions of the audit trail that nobody is told of, on purpose.
var untold = strings.Fields(`
	account.create account.disable account.enable account.link account.password account.strip account.unlink account.update
	key.create key.revoke session.end session.open setup.token signing_key.begin signing_key.end
	right.acknowledge right.give right.give_alone right.reject right.second right.supersede
	person.create person.everything person.pseudonymise person.rename
	appointment.cancel appointment.confirm_cancellation appointment.create appointment.end
	assignment.cancel assignment.confirm_cancellation assignment.create assignment.end
	office.create office.update office_link.cancel office_link.confirm_cancellation office_link.create office_link.end
	office_member.cancel office_member.confirm_cancellation office_member.create office_member.end
	area.create area.rename class.create class.rename kind.create kind.rename town.create town.update
	sub_branch.create sub_branch.rename branch.code
	scheme.create scheme.delete scheme.retire scheme.update
	evaluation.attach evaluation.remark case.attach appeal.attach visit.attach plan-item.attach problem.attach evidence.attach evidence.remove
	evaluation.begin evaluation.submit evaluation.withdraw evaluation.write
	adjustment.approve adjustment.propose adjustment.reject adjustment.withdraw
	contradiction.choose exception.end exception.grant
	proposal.confirm proposal.lapse proposal.propose proposal.reject proposal.withdraw
	run.appraise run.create
	target.lapse target.refresh
	improvement-settings.update measure.name
	task.change task.drop task.finish task.reopen task.report task.set
	analysis.begin analysis.submit analysis.withdraw analysis.write
	visit.begin visit.correct visit.record visit.write
	report.begin report.receive report.submit report.write reminder.acknowledge
	case.draft case.edit case.publish case.renew case.retract case.return case.submit case.supersede case.withdraw
	event.cancel event.edit event.hold event.plan rating.change rating.give
	team.create team.update project.bonus project.choose project.edit project.finish project.pass_over
	project.propose_bonus project.register project.shortlist project.withdraw
	round.choose round.close round.edit round.judge round.open round.score round.shortlist round.update
	webhook.create webhook.delete webhook.disable webhook.ping webhook.resend webhook.rotate webhook.update
	backup.restore demo.begin rows.change person.read`)

// computed are the actions that the program puts together, by the expression.
var computed = map[string][]string{
	`"period." + string(Planned)`: {"period.planned"},
	`"period." + string(m.To)`:    {"period.open", "period.review", "period.locked", "period.published", "period.final", "period.cancelled"},
	`"period." + verb.Name`:       {"period.withdraw"},
	`c.facet + ".create"`:         {"kind.create", "class.create"},
	`t.noun + "." + c.verb`:       {}, // below
	`roundKind + "." + verb`:      {"round.edit", "round.judge", "round.close", "round.shortlist", "round.choose"},
	`"webhook." + verb`:           {},
	`k.Name + "." + m.verb`:       {}, // the verbs of all kinds, which are read below
	`k.Name + "." + s.verb.Name`:  {},
	`RowsAction`:                  {"rows.change"},
	`audit.RestoreAction`:         {"backup.restore"},
	`c.Action`:                    {},
	`action`:                      {}, // passed on: as a text elsewhere, which is read too
	`c.action`:                    {},
}

// program is what the source says of actions.
type program struct {
	found map[string]string // action → where; ?expression: one that computed lacks
}

// readProgram finds every action that the program can write into the trail: texts like
// noun.verb, and the verbs of each kind of record under its name.
func readProgram(t *testing.T) program {
	t.Helper()
	p := program{found: map[string]string{}}
	files := token.NewFileSet()
	for _, root := range []string{"../../internal", "../../cmd", "../../api"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.CompositeLit:
					p.literal(x, path)
				case *ast.BasicLit: // passed on as an argument
					if text, ok := word(x); ok && looksLikeAction(text) && !strings.Contains(path, "internal/feed/") {
						p.found[text] = path
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, list := range computed {
		for _, action := range list {
			p.found[action] = "computed"
		}
	}
	for _, noun := range []string{"appointment", "assignment", "office_member", "office_link"} {
		for _, verb := range []string{"end", "cancel", "confirm_cancellation"} {
			p.found[noun+"."+verb] = "internal/people/term.go"
		}
	}
	return p
}

var nouns = func() map[string]bool {
	all := map[string]bool{}
	for _, action := range untold {
		noun, _, _ := strings.Cut(action, ".")
		all[noun] = true
	}
	for _, noun := range strings.Fields("appeal branch evaluation period plan plan-item problem publication result scheme target targets") {
		all[noun] = true
	}
	return all
}()

func looksLikeAction(text string) bool {
	noun, verb, two := strings.Cut(text, ".")
	return two && nouns[noun] && verb != "" && verb != "json" && verb != "txt" && strings.Trim(verb, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// literal reads audit.Change{…} and workflow.Kind[…]{…}.
func (p program) literal(c *ast.CompositeLit, path string) {
	switch typ := c.Type.(type) {
	case *ast.SelectorExpr, *ast.Ident:
		if name := expression(typ); name != "audit.Change" && !(name == "Change" && strings.Contains(path, "internal/audit/")) {
			return
		}
		if action := field(c, "Action"); action != nil {
			if text, ok := word(action); ok {
				p.found[text] = path
			} else if _, known := computed[expression(action)]; !known {
				p.found["?"+expression(action)] = path
			}
		}
	case *ast.IndexListExpr:
		if expression(typ.X) != "workflow.Kind" {
			return
		}
		name, _ := word(field(c, "Name"))
		verbs, ok := field(c, "Verbs").(*ast.CompositeLit)
		if !ok {
			p.found["?verbs of "+name] = path
			return
		}
		for _, v := range verbs.Elts {
			if verb, ok := word(field(v.(*ast.CompositeLit), "Name")); ok {
				p.found[name+"."+verb] = path
			} else {
				p.found["?verb of "+name] = path
			}
		}
	}
}

func field(c *ast.CompositeLit, name string) ast.Expr {
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && expression(kv.Key) == name {
			return kv.Value
		}
	}
	return nil
}

func word(e ast.Expr) (string, bool) {
	b, ok := e.(*ast.BasicLit)
	if !ok || b.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(b.Value)
	return s, err == nil
}

func expression(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return expression(x.X) + "." + x.Sel.Name
	case *ast.BasicLit:
		return x.Value
	case *ast.BinaryExpr:
		return expression(x.X) + " " + x.Op.String() + " " + expression(x.Y)
	case *ast.CallExpr:
		return expression(x.Fun) + "(" + expression(x.Args[0]) + ")"
	}
	return "?"
}

// Every action that the program can write into the trail is told or is on the list of those
// that are not: a new one is on neither, and this test says so.
func TestEveryActionIsToldOrUntold(t *testing.T) {
	p := readProgram(t)
	if len(p.found) < 120 {
		t.Fatalf("only %d actions were found: %v", len(p.found), p.found)
	}
	for action, path := range p.found {
		if told, listed := feed.TypeOf(action) != "", slices.Contains(untold, action); told == listed {
			t.Errorf("%s of %s: told %v, untold %v; it must be one of them", action, path, told, listed)
		}
	}
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) { // and what the demo has written, wherever that is put together
		var seen []string
		if err := db.Table("audit_records").Distinct().Pluck("action", &seen).Error; err != nil {
			t.Fatal(err)
		}
		for _, action := range seen {
			if told, listed := feed.TypeOf(action) != "", slices.Contains(untold, action); told == listed {
				t.Errorf("%s of the demo: told %v, untold %v", action, told, listed)
			}
		}
	})
}

// Nothing about sessions, accounts, keys, persons and rights is ever told.
func TestSecretsAreNotTold(t *testing.T) {
	for _, action := range untold {
		if typ := feed.TypeOf(action); typ != "" {
			t.Errorf("%s is told as %s", action, typ)
		}
	}
	for _, typ := range feed.Types() {
		noun, _, _ := strings.Cut(typ, ".")
		if !slices.Contains(strings.Fields("appeal branch evaluation period plan problem publication scheme target"), noun) {
			t.Errorf("%s is told", typ)
		}
	}
}
