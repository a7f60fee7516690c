package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/pages"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// addPages adds every page: the path, the action that the policy table must allow, and the
// handler. Pages read by the functions that the handlers of the API call, and change nothing.
func (s *Server) addPages(r rest.Router) {
	r.Static("/static", func(name string) (rest.Raw, bool) {
		a, ok := pages.File(name)
		return rest.Raw{ContentType: a.ContentType, Body: a.Body}, ok
	})
	rest.GetPage(r, "/", policy.ReadStructure, s.townsPage)
	rest.GetPage(r, "/sign-in", policy.ReadService, s.signInPage)
	rest.GetPage(r, "/signed-out", policy.ReadService, s.signedOutPage)
	rest.GetPage(r, "/password", policy.ReadIdentity, s.passwordPage)
	rest.GetPage(r, "/home", policy.ReadIdentity, s.homePage)
	t := r.Under("/t/:town")
	rest.GetPage(t, "", policy.ReadStructure, s.townPage)
	rest.GetPage(t, "/ranking", policy.ReadRanking, s.rankingPage)
	rest.GetPage(t, "/branches/:branch", policy.ReadRanking, s.scorecardPage, rest.Costly)
	rest.GetPage(t, "/entry", policy.WriteSheets, s.entryPage)
	rest.GetPage(t, "/review", policy.ReadSignals, s.reviewPage)
	rest.GetPage(t, "/method", policy.ReadStructure, s.methodPage)
	rest.GetPage(t, "/notice", policy.ReadRanking, s.noticePage)
	rest.GetPage(t, "/verify", policy.ReadRanking, s.verifyPage, rest.Costly)
}

// pageQuery is what the address of a page about a result may hold.
type pageQuery struct {
	townRequest
	rest.Localized
	Period      string `form:"period"`                       // its code; the last published one if absent
	Publication int64  `form:"publication" validate:"min=0"` // number of an earlier publication; the latest if absent
}

// frame returns what a page has around its content.
func (s *Server) frame(ctx context.Context) pages.Frame {
	f := pages.Frame{Language: rest.LanguageOf(ctx), Base: s.Config.Base(), Address: rest.Address(ctx)}
	if p := rest.CallerOf(ctx); p.Credential() != "" {
		f.Account = &pages.Account{Name: s.nameOf(ctx, p, f.Language), Role: p.Role, Roles: p.Roles}
	}
	return f
}

// nameOf returns how people call the caller: the name of the person, and where that cannot be
// read, the code.
func (s *Server) nameOf(ctx context.Context, p access.Principal, language string) string {
	if p.Person == "" || len(p.Towns) != 1 {
		return p.Name()
	}
	person, err := people.Find(ctx, s.db(ctx), p.Towns[0], p.Person)
	if err != nil {
		return p.Name()
	}
	return cmp.Or(person.Name.In(language), p.Name())
}

// townFrame returns the frame of a page about a town, with the menu of what the caller may
// read there.
func (s *Server) townFrame(ctx context.Context, place pages.Place, period string) pages.Frame {
	f := s.frame(ctx)
	f.Town = &place
	page, _, _ := strings.Cut(strings.TrimPrefix(f.Address.Path, "/t/"+place.Code+"/"), "/")
	add := func(path, name string, words text.Text) {
		f.Menu = append(f.Menu, pages.Item{Path: path, Words: words, Current: name == page})
	}
	if f.Account != nil {
		add("/home", "home", text.Text{ZH: "今天要做的", EN: "To do today"})
	}
	if access.PrincipalFrom(ctx).May(policy.WriteSheets) {
		add(pages.InTown(place.Code, "entry"), "entry", text.Text{ZH: "填报", EN: "Entry"})
	}
	if access.PrincipalFrom(ctx).May(policy.ReadSignals) {
		add(pages.InTown(place.Code, "review"), "review", text.Text{ZH: "审核", EN: "Review"})
	}
	for _, i := range []struct{ name, zh, en string }{
		{"ranking", "排名", "Ranking"}, {"method", "计算方法", "Method"}, {"notice", "公示", "Notice"}, {"verify", "核验", "Verification"},
	} {
		if period != "" || i.name == "ranking" {
			add(pages.InTown(place.Code, i.name, "period", period), i.name, text.Text{ZH: i.zh, EN: i.en})
		}
	}
	return f
}

// page returns rendered bytes as the answer of a page.
func page(body []byte, err error) (rest.HTML, error) { return rest.HTML{Body: body}, err }

// townResults is what the pages about results of a town need.
type townResults struct {
	town    town.Town
	periods []evaluation.Period // that have a publication that counts, the latest last
	all     []evaluation.Period
	classes []town.Class
	kinds   []town.Kind
}

// entering returns the codes of the periods in which sheets are entered or decided, the latest last.
func (p townResults) entering() (codes []string) {
	for _, x := range p.all {
		if x.State == evaluation.Open || x.State == evaluation.Review {
			codes = append(codes, x.Code)
		}
	}
	return codes
}

func (s *Server) publishedOf(ctx context.Context, code string) (p townResults, err error) {
	db := s.db(ctx)
	if p.town, err = town.Find(ctx, db, code); err != nil {
		return p, err
	}
	if p.all, err = evaluation.ListPeriods(ctx, db, code, evaluation.PeriodFilter{Limit: -1}); err != nil {
		return p, err
	}
	for _, x := range p.all {
		if x.State == evaluation.Published || x.State == evaluation.Final {
			p.periods = append(p.periods, x)
		}
	}
	if p.classes, err = town.ListClasses(ctx, db, code); err != nil {
		return p, err
	}
	p.kinds, err = town.ListKinds(ctx, db, code)
	return p, err
}

// last returns the code of the last published period; empty: there is none.
func (p townResults) last() string {
	if len(p.periods) == 0 {
		return ""
	}
	return p.periods[len(p.periods)-1].Code
}

// maxTabs is how many periods a page offers to choose from.
const maxTabs = 8

// ask returns which result is asked for: that of the period, or else the last published one;
// ok is false where nothing is published.
func (p townResults) ask(q *pageQuery) (_ evaluation.Period, codes []string, ok bool) {
	for _, x := range p.periods[max(len(p.periods)-maxTabs, 0):] {
		codes = append(codes, x.Code)
	}
	if q.Period == "" {
		if len(p.periods) == 0 {
			return evaluation.Period{}, nil, false
		}
		q.Period = p.last()
	}
	for _, x := range p.all {
		if x.Code == q.Period {
			if !slices.Contains(codes, x.Code) {
				codes = append(codes, x.Code)
			}
			return x, codes, true
		}
	}
	return evaluation.Period{Code: q.Period}, codes, true // what reads it states that it is missing
}

// result returns the frame and what all pages about a result have. Where the town has
// published nothing, body is the page that states so.
func (s *Server) result(ctx context.Context, q *pageQuery) (f pages.Frame, r pages.Result, body []byte, err error) {
	p, err := s.publishedOf(ctx, q.Town)
	if err != nil {
		return f, r, nil, err
	}
	language := string(q.Language)
	place := pages.Place{Code: p.town.Code, Name: p.town.Name.In(language)}
	period, codes, ok := p.ask(q)
	if !ok {
		v := pages.UnpublishedView{Town: place, Periods: p.all}
		branches, err := town.ListBranches(ctx, s.db(ctx), q.Town, town.BranchFilter{On: day.Of(s.Now())})
		if err != nil {
			return f, r, nil, err
		}
		for _, b := range branches {
			v.Branches = append(v.Branches, b.Ref(language))
		}
		body, err = pages.Unpublished(s.townFrame(ctx, place, ""), v)
		return f, r, body, err
	}
	return s.townFrame(ctx, place, period.Code), pages.Result{
		Town: place, Period: period, Periods: codes, Asked: q.Publication, Classes: p.classes, Kinds: p.kinds,
		Today: day.Of(s.Now()),
	}, nil, nil
}

// withView returns the result with what a view shows.
func withView(r pages.Result, v index.View) pages.Result {
	subject := v.Subject()
	r.Status, r.Source, r.Scheme = subject.Status, subject.Source, v.Scheme()
	return r
}

func (q pageQuery) request() resultRequest {
	return resultRequest{periodRequest: periodRequest{Town: q.Town, Period: q.Period}, Publication: q.Publication}
}

// errorPage returns the page that states a problem, or where the browser goes instead: to sign
// in, or to set a password of one's own first.
func (s *Server) errorPage(ctx context.Context, p rest.Problem, action policy.Action) (body []byte, to string) {
	f := s.frame(ctx)
	switch {
	case p.Status == http.StatusUnauthorized:
		q := url.Values{"next": {f.Here()}}
		if p.Code == "session_ended" {
			q.Set("ended", "true")
		}
		return nil, f.Link("/sign-in?" + q.Encode())
	case p.Code == errMustChange.Code:
		return nil, f.Link("/password?" + url.Values{"next": {f.Here()}}.Encode())
	}
	v := pages.ProblemView{
		Status: p.Status, Title: p.Title, Detail: p.Detail, Locked: p.Locked, RequestID: p.RequestID,
		Ours: p.Status == http.StatusInternalServerError, Wait: rest.RetryAfter(ctx),
	}
	for _, e := range p.Errors {
		v.Faults = append(v.Faults, e.Message)
	}
	if p.Status == http.StatusForbidden && action != "" {
		v.May = action.Roles()
		for _, role := range rest.CallerOf(ctx).Roles {
			if slices.Contains(v.May, role) && role != rest.CallerOf(ctx).Role {
				v.Switch = append(v.Switch, role)
			}
		}
	}
	body, err := pages.Problem(f, v)
	if err != nil {
		s.Log.ErrorContext(ctx, "page of a problem", "error", err, "request_id", p.RequestID)
		return []byte(p.Title), ""
	}
	return body, ""
}

// signedIn returns the caller of a page for whom something waits; a visitor has to sign in.
func signedIn(ctx context.Context) (access.Principal, error) {
	p := access.PrincipalFrom(ctx)
	if p.Credential() == "" {
		return p, errNotSignedIn
	}
	return p, nil
}

// isAbsent reports whether err is that something is not there, or not for the reader to know.
func isAbsent(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && (e.Kind == fault.KindNotFound || e.Kind == fault.KindConflict)
}
