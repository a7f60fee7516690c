package api

import (
	"context"

	"github.com/go-json-experiment/json"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

type rankingRequest struct {
	resultRequest
	rest.Localized
	rest.TableQuery
	Class  string `form:"class"`                                     // only this peer group
	Around string `form:"around"`                                    // only the places near this branch
	Span   int    `form:"span" default:"5" validate:"min=0,max=100"` // so many places above and below it
}

// findRanking returns the published list, or, to those who may see it, the
// provisional one, computed now from what is approved. As a workbook it has a sheet for each class, one that says how the
// index is made, and the receipt.
//
//	@Summary	Read the ranking of a period
func (s *Server) findRanking(ctx context.Context, req rankingRequest) (rest.Raw, error) {
	view, _, err := s.view(ctx, req.resultRequest)
	if err != nil {
		return rest.Raw{}, err
	}
	format := req.FormatOf(ctx)
	render := func() (rest.Raw, error) {
		r, err := view.Ranking(index.RankingFilter{Class: req.Class, Around: req.Around, Span: req.Span},
			string(req.Language))
		if err != nil {
			return rest.Raw{}, err
		}
		if format != rest.JSON {
			tables := []spreadsheet.Table{view.RankingTable(r, string(req.Language))}
			if format == rest.XLSX {
				if tables, err = s.rankingBook(ctx, req, view, tables); err != nil {
					return rest.Raw{}, err
				}
			}
			return s.engine.Table(ctx, req.TableQuery, req.Town+"-"+req.file("ranking"), tables...)
		}
		body, err := json.Marshal(r, json.Deterministic(true))
		return rest.Raw{ContentType: "application/json", Body: body}, err
	}
	if view.Token == "" {
		return render()
	}
	token := view.Token
	if format != rest.JSON { // names of kinds and classes are those of now
		head, err := audit.FindHead(ctx, s.db(ctx), req.Town)
		if err != nil {
			return rest.Raw{}, err
		}
		token += " " + head.Hash
	}
	return s.responses.Get(cacheKey{
		"ranking", req.Town, req.Period, req.Class, req.Around, req.Publication, req.Span, req.Language, format, req.Header,
	}, token, render)
}

// rankingBook adds to the list the list of each class, unless it is narrowed, how the index is made, and the receipt of what
// is published.
func (s *Server) rankingBook(
	ctx context.Context, req rankingRequest, view index.View, tables []spreadsheet.Table,
) ([]spreadsheet.Table, error) {
	language := string(req.Language)
	if req.Class == "" && req.Around == "" {
		classes, err := town.ListClasses(ctx, s.db(ctx), req.Town)
		if err != nil {
			return nil, err
		}
		for _, c := range classes {
			r, err := view.Ranking(index.RankingFilter{Class: c.Code}, language)
			if err != nil {
				return nil, err
			}
			if len(r.Items)+len(r.Insufficient) == 0 {
				continue
			}
			t := view.RankingTable(r, language)
			t.Name += " " + c.Name.In(language)
			tables = append(tables, t)
		}
	}
	tables = append(tables, view.MethodTable(language))
	if view.Token == "" {
		return tables, nil
	}
	receipt, err := s.results.Receipt(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	return append(tables, receipt.Table(language)), err
}

// view is the period as the caller may see it: published, or provisional of the
// branches in reach.
func (s *Server) view(ctx context.Context, req resultRequest) (index.View, access.Reach, error) {
	all := access.Reach{All: true}
	v, published, err := s.results.Published(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
	if err != nil || published {
		return v, all, err
	}
	if _, err := evaluation.FindPeriod(ctx, s.db(ctx), req.Town, req.Period); err != nil {
		return v, all, err
	}
	p := access.PrincipalFrom(ctx)
	if !p.May(policy.ReadProvisional) {
		if err := s.results.RefuseWithdrawn(ctx, s.db(ctx), req.Town, req.Period); err != nil {
			return v, all, err
		}
		return v, all, notYetPublished(p)
	}
	reach, err := p.ReachOf(ctx, s.db(ctx), policy.ReadProvisional, req.Town, day.Of(s.Now()))
	if err != nil {
		return v, all, err
	}
	v, err = s.results.Provisional(ctx, s.db(ctx), req.Town, req.Period, reach)
	return v, reach, err
}

// notYetPublished returns the fault for a stranger, who needs a key, or for anyone else.
func notYetPublished(p access.Principal) error {
	kind := fault.KindForbidden
	if p.Role == "" {
		kind = fault.KindUnauthenticated
	}
	return fault.New(kind, "not_published", text.F(
		"该考评周期尚未公布，结果只供参与考评工作的人员查看", "this period is not published yet: its results are for those who work on it"))
}

var rawDataRefused = fault.Forbidden("not_allowed",
	"原始数据只供工作领导小组和镇领导下载", "the raw data of all branches are for the leading group and the leadership")

type scorecardRequest struct {
	resultRequest
	rest.Localized
	Branch string `uri:"branch"`
}

type findScorecardRequest struct {
	scorecardRequest
	rest.TableQuery
}

// findScorecard returns everything about one branch in one period. Who may not
// see its details gets the root and the first level. As a workbook it has the nodes of the tree, the figures of the branch
// as a whole, and how the index is made.
//
//	@Summary	Read the scorecard of a branch
func (s *Server) findScorecard(ctx context.Context, req findScorecardRequest) (rest.Raw, error) {
	view, detailed, err := s.branchView(ctx, req.scorecardRequest)
	if err != nil {
		return rest.Raw{}, err
	}
	language := string(req.Language)
	card, err := view.Scorecard(req.Branch, language, detailed)
	if err != nil {
		return rest.Raw{}, err
	}
	if req.FormatOf(ctx) != rest.JSON {
		return s.engine.Table(ctx, req.TableQuery, req.Town+"-"+req.file("scorecard-"+req.Branch), card.Table(language),
			card.Summary(language), view.MethodTable(language))
	}
	if err := view.FillSources(ctx, s.db(ctx), &card); err != nil {
		return rest.Raw{}, err
	}
	body, err := json.Marshal(card, json.Deterministic(true))
	return rest.Raw{ContentType: "application/json", Body: body}, err
}

// branchResults returns every published period of a branch, the latest first, on
// one page.
//
//	@Summary	Read the published results of a branch
func (s *Server) branchResults(ctx context.Context, req branchListRequest) (rest.Page[index.HistoryEntry], error) {
	if _, err := town.FindBranch(ctx, s.db(ctx), req.Town, req.Branch, day.Latest); err != nil {
		return rest.Page[index.HistoryEntry]{}, err
	}
	list, err := s.results.History(ctx, s.db(ctx), req.Town, req.Branch)
	return rest.Page[index.HistoryEntry]{Items: list}, err
}

type trendRequest struct {
	townRequest
	rest.Localized
	rest.TableQuery
	By string `form:"by" default:"town" validate:"oneof=town class branch dimension"` // whose figures
	// of which branch; with by=dimension it adds its lines to those of the town
	Branch string `form:"branch" validate:"required_if=By branch"`
	// of period; that of the latest published one if absent
	Kind string `form:"kind" validate:"omitempty,oneof=quarter half_year year"`
	Last int    `form:"last" default:"12" validate:"min=1,max=12"` // so many published periods
}

// findTrend returns the published figures of the last periods in order, each beside the one
// before where one ruler measured both.
//
// Names are those of now: every change of one leaves a record in the trail of the town, so an
// answer holds as long as its head and what this process believes to be published.
//
//	@Summary	Read the course of published results over the periods
func (s *Server) findTrend(ctx context.Context, req trendRequest) (rest.Raw, error) {
	head, err := audit.FindHead(ctx, s.db(ctx), req.Town)
	if err != nil {
		return rest.Raw{}, err
	}
	steps, err := s.results.Steps(ctx, s.db(ctx), req.Town, req.Kind, req.Last)
	if err != nil {
		return rest.Raw{}, err
	}
	format := req.FormatOf(ctx)
	return s.responses.Get(cacheKey{
		view: "trend/" + req.By + "/" + req.Kind, town: req.Town, around: req.Branch, span: req.Last, language: req.Language,
		format: format, header: req.Header,
	}, head.Hash+" "+steps.Token, func() (rest.Raw, error) {
		q, err := s.trendQuery(ctx, req)
		if err != nil {
			return rest.Raw{}, err
		}
		t := steps.Trend(q)
		if format != rest.JSON {
			return s.engine.Table(ctx, req.TableQuery, req.Town+"-trend-"+req.By, t.Table(q.Language))
		}
		body, err := json.Marshal(t, json.Deterministic(true))
		return rest.Raw{ContentType: "application/json", Body: body}, err
	})
}

// trendQuery returns the request with the names of the town, its classes and the branch.
func (s *Server) trendQuery(ctx context.Context, req trendRequest) (q index.TrendQuery, err error) {
	q = index.TrendQuery{By: req.By, Language: string(req.Language)}
	if q.Town, err = town.Find(ctx, s.db(ctx), req.Town); err != nil {
		return q, err
	}
	if req.Branch != "" && (req.By == "branch" || req.By == "dimension") {
		b, err := town.FindBranch(ctx, s.db(ctx), req.Town, req.Branch, day.Latest)
		if err != nil {
			return q, err
		}
		q.Branch = new(b.Ref(q.Language))
	}
	q.Classes, err = town.ListClasses(ctx, s.db(ctx), req.Town)
	return q, err
}

type rankingsRequest struct {
	rest.Localized
	Area   string `form:"area" validate:"required" example:"999999"`   // statistical code: all towns below it
	Period string `form:"period" validate:"required" example:"2023Q2"` // code that the towns give the period
	rest.TableQuery
	Class string `form:"class"` // only this peer group
	Kind  string `form:"kind"`  // only this kind of branch
}

// findRankings returns what the towns of an area have published, side by side. It
// shows the towns that the list of towns shows to the caller.
//
//	@Summary	Rank branches across the towns of an area
func (s *Server) findRankings(ctx context.Context, req rankingsRequest) (index.Rankings, error) {
	area, err := town.FindArea(ctx, s.db(ctx), req.Area)
	if err != nil {
		return index.Rankings{}, err
	}
	p := access.PrincipalFrom(ctx)
	towns, err := town.List(ctx, s.db(ctx), town.Filter{Area: area.Code, Only: p.Towns, Open: p.Role == ""})
	if err != nil {
		return index.Rankings{}, err
	}
	return s.results.Rankings(ctx, s.db(ctx), towns, index.RankingsQuery{
		Area: area.Code, Period: req.Period, Language: string(req.Language), Class: req.Class, Kind: req.Kind,
	})
}
