package api

import (
	"context"
	"net/url"

	"bulwark/internal/access"
	"bulwark/internal/dashboard"
	"bulwark/internal/evaluation"
	"bulwark/internal/pages"
	"bulwark/internal/rest"
	"bulwark/internal/town"
)

type townsPageRequest struct{ rest.Localized }

// townsPage is the first page: who is signed in goes to what waits, a visitor to the one town
// that there is, or chooses.
func (s *Server) townsPage(ctx context.Context, req townsPageRequest) (rest.HTML, error) {
	f, p := s.frame(ctx), access.PrincipalFrom(ctx)
	if p.Account != "" {
		return rest.HTML{To: f.Link("/home")}, nil
	}
	towns, err := town.List(ctx, s.db(ctx), town.Filter{Only: p.Towns, Open: p.Role == ""})
	if err != nil {
		return rest.HTML{}, err
	}
	if len(towns) == 1 {
		return rest.HTML{To: f.Link(pages.InTown(towns[0].Code, "ranking"))}, nil
	}
	lines := make([]pages.TownLine, len(towns))
	for i, t := range towns {
		lines[i] = pages.TownLine{
			Place: pages.Place{Code: t.Code, Name: t.Name.In(string(req.Language))}, Invented: t.Provenance == "invented",
		}
		if lines[i].Published, err = s.lastPublished(ctx, t.Code); err != nil {
			return rest.HTML{}, err
		}
	}
	return page(pages.Towns(f, lines))
}

// lastPublished returns the code of the last published period of a town; empty: there is none.
func (s *Server) lastPublished(ctx context.Context, code string) (last string, err error) {
	list, err := evaluation.ListPeriods(ctx, s.db(ctx), code, evaluation.PeriodFilter{Limit: -1})
	for _, p := range list {
		if p.State == evaluation.Published || p.State == evaluation.Final {
			last = p.Code
		}
	}
	return last, err
}

// townPage sends the browser to the ranking of the town.
func (s *Server) townPage(ctx context.Context, req townRequest) (rest.HTML, error) {
	return rest.HTML{To: s.frame(ctx).Link(pages.InTown(req.Town, "ranking"))}, nil
}

type signInPageRequest struct {
	Next  string `form:"next"` // path as the browser knows it, where it goes then; what waits if absent
	Ended bool   `form:"ended"`
}

// signInPage is the form of signing in. It goes on to paths of this service alone.
func (s *Server) signInPage(ctx context.Context, req signInPageRequest) (rest.HTML, error) {
	f := s.frame(ctx)
	v := pages.SignInView{Next: s.next(req.Next), Ended: req.Ended}
	if s.provider != nil {
		v.Provider = f.Link("/api/v1/oidc/start?" + url.Values{"return": {v.Next}}.Encode())
	}
	return page(pages.SignIn(f, v))
}

// next returns where a browser goes on, as it knows the path: to what waits where that is no
// path of this service.
func (s *Server) next(path string) string {
	if to, ok := localPath(path); ok && to != "" {
		return to
	}
	return s.Config.Base() + "/home"
}

// signedOutPage is shown once a session has ended, and makes the browser forget what scripts
// have stored.
func (s *Server) signedOutPage(ctx context.Context, _ struct{}) (rest.HTML, error) {
	rest.ClearStorage(ctx)
	return page(pages.SignedOut(s.frame(ctx)))
}

type passwordPageRequest struct {
	Next string `form:"next"` // as of signInPageRequest
}

// passwordPage is the form of a new password.
func (s *Server) passwordPage(ctx context.Context, req passwordPageRequest) (rest.HTML, error) {
	must, err := s.mustChange(ctx)
	if err != nil {
		return rest.HTML{}, err
	}
	return page(pages.Password(s.frame(ctx), pages.PasswordView{Must: must, Next: s.next(req.Next)}))
}

// mustChange reports whether the caller, who is signed in, has to set a password first.
func (s *Server) mustChange(ctx context.Context) (bool, error) {
	session, err := s.findSession(ctx, findSessionRequest{})
	return session.MustChange, err
}

type homePageRequest struct{ rest.Localized }

// homePage is what waits for the caller.
func (s *Server) homePage(ctx context.Context, req homePageRequest) (rest.HTML, error) {
	p, err := signedIn(ctx)
	if err != nil {
		return rest.HTML{}, err
	}
	if p.Account != "" {
		if must, err := s.mustChange(ctx); err != nil || must {
			return rest.HTML{To: s.frame(ctx).Link("/password")}, err
		}
	}
	home, err := dashboard.FindHome(ctx, s.db(ctx), string(req.Language))
	if err != nil {
		return rest.HTML{}, err
	}
	f := s.frame(ctx)
	if len(home.Towns) == 1 {
		t := home.Towns[0]
		last, err := s.lastPublished(ctx, t.Code)
		if err != nil {
			return rest.HTML{}, err
		}
		f = s.townFrame(ctx, pages.Place{Code: t.Code, Name: t.Name}, last)
		for i := range f.Menu {
			f.Menu[i].Current = f.Menu[i].Path == "/home"
		}
	}
	return page(pages.Home(f, home))
}
