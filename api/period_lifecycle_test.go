package api

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"testing"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/apitest"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/evaluation"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// TestTheWholeLifeOfAPeriod is the story of a quarter, told through the API alone:
// three evaluators enter for each of forty branches, one comes late, two are sent
// back, one appeal is upheld. The town has nobody to confirm what the leading group
// publishes, and the result says so. At each stage every figure is held against the sum
// that is meant to come out.
func TestTheWholeLifeOfAPeriod(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		h, clock := newHarnessAt(t, db, "2026-03-20 09:00:00")
		l := &life{
			harness: h, clock: clock, t: t, group: h.as(policy.LeadingGroup), says: map[string]marks{},
			secretaries: map[string]*apitest.Client{},
		}
		h.alone()
		l.thereAreFortyBranches()
		l.aQuarterIsPlanned()
		l.everybodyEnters()
		l.oneIsLate()
		l.twoAreReturned()
		l.itIsLocked()
		l.itIsPublished()
		l.anAppealIsUpheld()
		l.itIsFinal()
	})
}

// lifeScheme has one reported and one rated indicator: the score of a branch is
// 0.4 × meetings + 0.6 × the mean of its two ratings.
const lifeScheme = `{
  "code": "small", "version": 1, "name": {"zh": "两指标"}, "decimals": 2, "min_coverage": 0.6,
  "tree": {"code": "index", "aggregation": {"kind": "arithmetic"}, "children": [
    {"code": "meetings", "name": {"zh": "会议"}, "weight": 40, "direction": "benefit", "entry": "reported", "rule": {"kind": "points", "max": 100}},
    {"code": "spirit", "name": {"zh": "作风"}, "weight": 60, "direction": "benefit", "entry": "rated", "rule": {"kind": "points", "max": 100},
     "combine": {"kind": "mean"}}]},
  "grades": [{"code": "good", "from": 80}, {"code": "fair", "from": 60}, {"code": "poor", "from": 0}]}`

// marks are what is said of one branch.
type marks struct{ meetings, mentor, instructor float64 }

func (m marks) score() float64 { return 0.4*m.meetings + 0.6*(m.mentor+m.instructor)/2 }

type life struct {
	*harness
	clock              *wallClock
	t                  *testing.T
	group              *apitest.Client
	mentor, instructor *apitest.Client
	secretaries        map[string]*apitest.Client
	says               map[string]marks // what counts when all is decided
	sheets             []string         // addresses, in the order of their beginning
	published          *apitest.Answer
}

const late, returnedOne, returnedTwo, appellant = "b40", "b05", "b06", "b07"

func (l *life) branches() []string { return slices.Sorted(maps.Keys(l.says)) }

func (l *life) thereAreFortyBranches() {
	all := ties{}
	for n := 1; n <= 40; n++ {
		branch := fmt.Sprintf("b%02d", n)
		if n > 3 {
			l.group.Post("/towns/demo/branches", object{
				"code": branch, "name": named(branch), "kind": "village", "class": "rural", "founded_on": "2020-01-01",
			}).Want(http.StatusCreated)
		}
		l.secretaries[branch] = l.joins("secretary-"+branch, policy.Secretary, ties{branch: access.Leads})
		l.says[branch] = marks{meetings: float64(40 + n), mentor: float64(30 + (n*7)%60), instructor: float64(35 + (n*11)%60)}
		all[branch] = ""
	}
	for branch := range all {
		all[branch] = access.Mentors
	}
	l.mentor = l.joins("m", policy.Mentor, all)
	for branch := range all {
		all[branch] = access.Instructs
	}
	l.instructor = l.joins("i", policy.Instructor, all)
}

func (l *life) aQuarterIsPlanned() {
	l.inForce(lifeScheme)
	l.group.Post("/towns/demo/periods", object{
		"code": "2026Q1", "kind": "quarter", "starts_on": "2026-01-01", "ends_on": "2026-03-31", "scheme": object{"code": "small"},
		"entry_from": "2026-04-01", "entry_until": "2026-04-10", "review_until": "2026-04-20", "notice_days": 5,
		"answer_days": 5,
	}).Want(http.StatusCreated)
	l.steps("2026Q1", "open")
	early := l.mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil))
	if p := early.Problem(http.StatusLocked); p.Code == "" {
		l.t.Errorf("before the window: %+v", p)
	}
}

// everybodyEnters within the window, but for one secretary.
func (l *life) everybodyEnters() {
	l.clock.set(l.t, "2026-04-08 10:00:00")
	for _, branch := range l.branches() {
		m := l.says[branch]
		if branch != late {
			l.enters(l.secretaries[branch], branch, value("meetings", m.meetings))
		}
		rated := m.mentor
		if branch == returnedOne || branch == returnedTwo {
			rated = 100 // which the group will not believe
		}
		l.enters(l.mentor, branch, value("spirit", rated))
		l.enters(l.instructor, branch, value("spirit", m.instructor))
	}
	r := apitest.Decode[index.Ranking](l.group.Get(q1+"/ranking"), http.StatusOK)
	if len(r.Items) != 0 || len(r.Insufficient) != 40 {
		l.t.Errorf("nothing is approved, and %d branches have a score", len(r.Items))
	}
}

func (l *life) enters(c *apitest.Client, branch string, entry object) {
	l.t.Helper()
	sheet := begun(c, "2026Q1", branch, entry)
	moved(c, sheet, "submitted", "").Want(http.StatusOK)
	l.sheets = append(l.sheets, sheet)
}

// oneIsLate by a second, and enters when the group has let the sheet come late.
func (l *life) oneIsLate() {
	c, sheet := l.secretaries[late], sheetOf("2026Q1", late, []object{value("meetings", l.says[late].meetings)})
	l.clock.set(l.t, "2026-04-11 00:00:00")
	p := c.Post("/towns/demo/evaluations", sheet).Problem(http.StatusLocked)
	if p.Code == "" || len(p.Detail) == 0 {
		l.t.Errorf("late without a word: %+v", p)
	}
	grant := object{
		"branch": late, "evaluator": "secretary-" + late, "until": "2026-04-12", "reason": "the village was flooded",
	}
	refused(l.t, c.Post(q1+"/exceptions", grant), http.StatusForbidden, "not_allowed")
	l.group.Post(q1+"/exceptions", grant).Want(http.StatusCreated)
	l.enters(c, late, value("meetings", l.says[late].meetings))
	s := apitest.Decode[evaluation.Sheet](c.Get(l.sheets[len(l.sheets)-1]), http.StatusOK)
	if !s.Late {
		l.t.Error("the late sheet does not say so")
	}
	if len(l.sheets) != 120 {
		l.t.Errorf("%d sheets", len(l.sheets))
	}
}

// twoAreReturned and corrected in the review; all others are approved at once.
func (l *life) twoAreReturned() {
	l.steps("2026Q1", "review")
	var rest []object
	var back []string
	for _, path := range l.sheets {
		s := apitest.Decode[evaluation.Sheet](l.group.Get(path), http.StatusOK)
		if s.EvaluatorCode == "m" && (s.BranchCode == returnedOne || s.BranchCode == returnedTwo) {
			back = append(back, path)
			moved(l.group, path, "returned", "100 of 100, without evidence?").Want(http.StatusOK)
			continue
		}
		rest = append(rest, object{"id": s.ID, "version": s.Version})
	}
	d := apitest.Decode[decisions](l.group.Post("/towns/demo/evaluations/decide",
		object{"to": "approved", "items": rest}), http.StatusOK)
	if d.Done != 118 || d.Refused != 0 || len(back) != 2 {
		l.t.Errorf("%d approved, %d refused, %d returned", d.Done, d.Refused, len(back))
	}
	l.scoresAre("without the two ratings", l.group.Get(q1+"/ranking"), func(branch string, m marks) marks {
		if branch == returnedOne || branch == returnedTwo {
			m.mentor = m.instructor // the one rating there is
		}
		return m
	})
	for _, path := range back {
		s := l.mentor.Get(path)
		branch := apitest.Decode[evaluation.Sheet](s, http.StatusOK).BranchCode
		l.mentor.IfMatch(s.ETag()).Put(path,
			object{"entries": []object{value("spirit", l.says[branch].mentor)}}).Want(http.StatusOK)
		moved(l.mentor, path, "submitted", "").Want(http.StatusOK)
		refused(l.t, moved(l.group, q1, "locked", ""), http.StatusConflict, "undecided_sheets", path[len("/towns/demo/"):])
		moved(l.group, path, "approved", "").Want(http.StatusOK)
	}
}

func (l *life) itIsLocked() {
	asSaid := func(_ string, m marks) marks { return m }
	l.scoresAre("all approved", l.group.Get(q1+"/ranking"), asSaid)
	l.steps("2026Q1", "locked")
	refused(l.t, l.mentor.Post("/towns/demo/evaluations", sheetOf("2026Q1", "b01", nil)),
		http.StatusLocked, "period_locked")
	refused(l.t, l.Get(q1+"/ranking"), http.StatusUnauthorized, "not_published")
	l.group.Post(q1+"/runs", nil).Want(http.StatusCreated)
	l.scoresAre("locked", l.group.Get(q1+"/ranking"), asSaid)
}

func (l *life) itIsPublished() {
	l.clock.set(l.t, "2026-04-15 09:00:00")
	l.steps("2026Q1", "published")
	l.published = l.Get(q1 + "/ranking?publication=1")
	l.scoresAre("published", l.Get(q1+"/ranking"), func(_ string, m marks) marks { return m })
}

// anAppealIsUpheld on the last day of the notice; the result is amended, the first
// one stays.
func (l *life) anAppealIsUpheld() {
	t := l.t
	l.clock.set(t, "2026-04-20 23:59:59")
	filed := l.secretaries[appellant].Post("/towns/demo/appeals", object{
		"period": "2026Q1", "branch": appellant, "statement": "the minutes of the third week were overlooked",
		"points": []object{{"code": "meetings", "claim": "95"}},
	}).Want(http.StatusCreated)
	refused(t, moved(l.group, q1, "final", ""), http.StatusLocked, "notice_open", "appeals/"+last(filed))
	l.clock.set(t, "2026-04-21 09:00:00")
	waiting := moved(l.group, q1, "final", "")
	if waiting.Status < 400 {
		t.Fatalf("final with an appeal undecided: %d", waiting.Status)
	}
	path := "/towns/demo/appeals/" + last(filed)
	l.group.IfMatch(l.group.Get(path).ETag()).Post(path+"/transitions", object{
		"to": "upheld", "reason": "the minutes are there", "corrections": []object{{"code": "meetings", "value": 95}},
	}).Want(http.StatusOK)
	for _, publication := range []string{"1", "2"} {
		receipt := apitest.Decode[index.Receipt](l.Get(q1+"/receipt?publication="+publication), http.StatusOK)
		if !receipt.OnePerson || !receipt.Notice.OnePerson {
			t.Errorf("publication %s does not say that one person made it: %+v", publication, receipt.Source)
		}
	}
	m := l.says[appellant]
	m.meetings = 95
	l.says[appellant] = m
	asSaid := func(_ string, m marks) marks { return m }
	l.scoresAre("amended", l.Get(q1+"/ranking"), asSaid)
	first := apitest.Decode[index.Ranking](l.Get(q1+"/ranking?publication=1"), http.StatusOK)
	was := apitest.Decode[index.Ranking](l.published, http.StatusOK)
	if !slices.EqualFunc(first.Items, was.Items, func(a, b index.Ranked) bool {
		return a.Branch.Code == b.Branch.Code && a.Score == b.Score && a.Rank == b.Rank
	}) {
		t.Error("the first publication has changed")
	}
}

func (l *life) itIsFinal() {
	t := l.t
	for day := 22; ; day++ { // an amendment has a notice of its own for those whom it changes
		l.clock.set(t, fmt.Sprintf("2026-04-%d 00:00:00", day))
		a := moved(l.group, q1, "final", "")
		if a.Status == http.StatusOK {
			if day != 27 {
				t.Errorf("final on 2026-04-%d", day)
			}
			break
		}
		if a.Status != http.StatusLocked || day == 30 {
			t.Fatalf("final on 2026-04-%d: %d %s", day, a.Status, a.Body)
		}
	}
	l.scoresAre("final", l.Get(q1+"/ranking"), func(_ string, m marks) marks { return m })
	for _, query := range []string{"", "?publication=1", "?publication=2"} {
		if v := apitest.Decode[index.Verification](l.Get(q1+"/receipt/verify"+query), http.StatusOK); !v.OK {
			t.Errorf("receipt%s: %+v", query, v)
		}
	}
}

// scoresAre holds a ranking against the sums: every score to two decimals, and the
// places that follow from them.
func (l *life) scoresAre(stage string, a *apitest.Answer, said func(branch string, m marks) marks) {
	l.t.Helper()
	r := apitest.Decode[index.Ranking](a, http.StatusOK)
	want := map[string]float64{}
	for branch, m := range l.says {
		want[branch] = math.Floor(said(branch, m).score()*100+0.5+1e-9) / 100
	}
	if len(r.Items) != len(want) {
		l.t.Errorf("%s: %d branches have a score", stage, len(r.Items))
	}
	for _, i := range r.Items {
		better := 0
		for _, score := range want {
			if score > want[i.Branch.Code] {
				better++
			}
		}
		if i.Score != want[i.Branch.Code] || i.Rank != better+1 {
			l.t.Errorf("%s: %s has %v at rank %d, want %v at rank %d", stage, i.Branch.Code, i.Score, i.Rank,
				want[i.Branch.Code], better+1)
		}
	}
}
