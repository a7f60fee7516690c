package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/odata"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/review"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// odataSets are the tables of a town, each with what fills it.
var odataSets = []struct {
	odata.Set
	rows func(*odataReader, context.Context) error
}{
	{odata.Set{Name: "results", Columns: []odata.Column{
		{Name: "period", Type: odata.String, Key: true},
		{Name: "branch", Type: odata.String, Key: true},
		{Name: "ends_on", Type: odata.Date},
		{Name: "publication", Type: odata.Integer},
		{Name: "branch_name_zh", Type: odata.String},
		{Name: "branch_name_en", Type: odata.String},
		{Name: "kind", Type: odata.String},
		{Name: "class", Type: odata.String},
		{Name: "status", Type: odata.String},
		{Name: "score", Type: odata.Double},
		{Name: "grade", Type: odata.String},
		{Name: "rank", Type: odata.Integer},
		{Name: "class_rank", Type: odata.Integer},
		{Name: "coverage", Type: odata.Double},
	}}, (*odataReader).results},
	{odata.Set{Name: "nodes", Columns: []odata.Column{
		{Name: "period", Type: odata.String, Key: true},
		{Name: "branch", Type: odata.String, Key: true},
		{Name: "node", Type: odata.String, Key: true},
		{Name: "ends_on", Type: odata.Date},
		{Name: "publication", Type: odata.Integer},
		{Name: "parent", Type: odata.String},
		{Name: "depth", Type: odata.Integer},
		{Name: "name_zh", Type: odata.String},
		{Name: "name_en", Type: odata.String},
		{Name: "effective_weight", Type: odata.Double},
		{Name: "status", Type: odata.String},
		{Name: "raw", Type: odata.Double},
		{Name: "level", Type: odata.String},
		{Name: "unit", Type: odata.String},
		{Name: "score", Type: odata.Double},
		{Name: "coverage", Type: odata.Double},
	}}, (*odataReader).nodes},
	{odata.Set{Name: "branches", Columns: []odata.Column{
		{Name: "code", Type: odata.String, Key: true},
		{Name: "name_zh", Type: odata.String},
		{Name: "name_en", Type: odata.String},
		{Name: "kind", Type: odata.String},
		{Name: "class", Type: odata.String},
		{Name: "founded_on", Type: odata.Date},
		{Name: "closed_on", Type: odata.Date},
		{Name: "merged_into", Type: odata.String},
	}}, (*odataReader).branches},
	{odata.Set{Name: "indicators", Columns: []odata.Column{
		{Name: "scheme", Type: odata.String, Key: true},
		{Name: "version", Type: odata.Integer, Key: true},
		{Name: "code", Type: odata.String, Key: true},
		{Name: "name_zh", Type: odata.String},
		{Name: "name_en", Type: odata.String},
		{Name: "dimension", Type: odata.String},
		{Name: "unit", Type: odata.String},
		{Name: "direction", Type: odata.String},
		{Name: "effective_weight", Type: odata.Double},
	}}, (*odataReader).indicators},
	{odata.Set{Name: "periods", Columns: []odata.Column{
		{Name: "code", Type: odata.String, Key: true},
		{Name: "kind", Type: odata.String},
		{Name: "starts_on", Type: odata.Date},
		{Name: "ends_on", Type: odata.Date},
		{Name: "state", Type: odata.String},
		{Name: "scheme", Type: odata.String},
		{Name: "version", Type: odata.Integer},
	}}, (*odataReader).periods},
	{odata.Set{Name: "completeness", Columns: []odata.Column{
		{Name: "period", Type: odata.String, Key: true},
		{Name: "branch", Type: odata.String, Key: true},
		{Name: "expected", Type: odata.Integer},
		{Name: "missing", Type: odata.Integer},
		{Name: "draft", Type: odata.Integer},
		{Name: "submitted", Type: odata.Integer},
		{Name: "returned", Type: odata.Integer},
		{Name: "approved", Type: odata.Integer},
		{Name: "late", Type: odata.Integer},
		{Name: "overdue", Type: odata.Integer},
	}}, (*odataReader).completeness},
}

func odataTypes() (list []odata.Set) {
	for _, s := range odataSets {
		list = append(list, s.Set)
	}
	return list
}

// odataAt returns the address of the service document of a town.
func (s *Server) odataAt(town string) string {
	return s.Config.Link("/odata/" + url.PathEscape(town) + "/")
}

func odataJSON(v any) (rest.Raw, error) {
	body, err := json.Marshal(v)
	return rest.Raw{ContentType: "application/json;odata.metadata=minimal", ODataVersion: "4.0", Body: body}, err
}

type odataRequest struct {
	townRequest
	rest.RawQuery
}

// odataService returns the sets of the town as OData 4.0 lists them: the address to give to
// Excel or Power BI.
//
//	@Summary	List the tables of a town for programs that speak OData
func (s *Server) odataService(_ context.Context, req odataRequest) (rest.Raw, error) {
	return odataJSON(odata.Service(s.odataAt(req.Town), odataTypes()))
}

// odataMetadata returns the columns of the sets and their types.
//
//	@Summary	Read the types of the tables of a town
func (s *Server) odataMetadata(context.Context, odataRequest) (rest.Raw, error) {
	body, err := odata.Metadata(odataTypes())
	return rest.Raw{ContentType: "application/xml", ODataVersion: "4.0", Body: body}, err
}

// odataConnection returns a file that Power BI Desktop opens as a new report on the tables
// of the town.
//
//	@Summary	Download a connection file for Power BI
func (s *Server) odataConnection(_ context.Context, req townRequest) (rest.Raw, error) {
	body, err := json.Marshal(map[string]any{"version": "0.1", "connections": []any{map[string]any{
		"details": map[string]any{"protocol": "odata", "address": map[string]string{"url": s.odataAt(req.Town)}},
		"mode":    "Import",
	}}})
	return rest.Raw{ContentType: "application/json", Filename: req.Town + ".pbids", Body: body}, err
}

type odataSetRequest struct {
	townRequest
	Set string `uri:"set"`
	rest.RawQuery
}

// odataSet returns rows of one table: what is published, and of that what the caller may
// read. The options $top, $skip, $count, $select, $orderby and $filter with eq, ne, in and
// and are known; others are 501. An answer has at most 1000 rows and a link to the next ones.
//
//	@Summary	Read one table of a town for programs that speak OData
func (s *Server) odataSet(ctx context.Context, req odataSetRequest) (rest.Raw, error) {
	at := slices.IndexFunc(odataTypes(), func(x odata.Set) bool { return x.Name == req.Set })
	if at < 0 {
		return rest.Raw{}, fault.Missing(text.Text{ZH: "数据集", EN: "set"}, req.Set)
	}
	set := odataSets[at]
	q, err := set.Parse(req.Query())
	if missing, ok := errors.AsType[odata.Unsupported](err); ok {
		return rest.Raw{}, rest.NotImplemented(missing.Fault)
	}
	if err != nil {
		return rest.Raw{}, err
	}
	r := odataReader{Server: s, town: req.Town}
	if err := set.rows(&r, ctx); err != nil {
		return rest.Raw{}, err
	}
	body, err := set.Answer(s.odataAt(req.Town), q, r.rows)
	return rest.Raw{ContentType: "application/json;odata.metadata=minimal", ODataVersion: "4.0", Body: body}, err
}

// odataReader gathers the rows of one set.
type odataReader struct {
	*Server
	town string
	rows [][]any
}

func (r *odataReader) add(values ...any) { r.rows = append(r.rows, values) }

// known returns a text, or nil for the empty one.
func known[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// there returns what a pointer points to, or nil.
func there[T ~string](s *T) any {
	if s == nil {
		return nil
	}
	return known(*s)
}

func figure(x *float64) any {
	if x == nil {
		return nil
	}
	return *x
}

func ranked(n int) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

// allPeriods is more periods than a town has.
const allPeriods = 1 << 16

// published calls do with each period whose result stands.
func (r *odataReader) published(ctx context.Context, do func(p evaluation.Period, v index.View) error) error {
	list, err := evaluation.ListPeriods(ctx, r.db(ctx), r.town, evaluation.PeriodFilter{Limit: allPeriods})
	if err != nil {
		return err
	}
	for _, p := range list {
		v, standing, err := r.Server.results.Published(ctx, r.db(ctx), r.town, p.Code, 0)
		if err != nil {
			return err
		}
		if !standing {
			continue
		}
		if err := do(p, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *odataReader) results(ctx context.Context) error {
	return r.published(ctx, func(p evaluation.Period, v index.View) error {
		zh, err := v.Ranking(index.RankingFilter{}, "zh")
		if err != nil {
			return err
		}
		for _, x := range zh.Items {
			r.add(p.Code, x.Branch.Code, string(x.EndsOn), zh.Publication, x.Branch.Name, v.Branch(x.Branch.Code, "en").Name,
				known(x.Branch.Kind), known(x.Branch.Class), x.Status, x.Score, known(x.Grade), ranked(x.Rank), ranked(x.ClassRank), x.Coverage)
		}
		for _, x := range zh.Insufficient {
			r.add(p.Code, x.Branch.Code, string(x.EndsOn), zh.Publication, x.Branch.Name, v.Branch(x.Branch.Code, "en").Name,
				known(x.Branch.Kind), known(x.Branch.Class), x.Status, nil, nil, nil, nil, x.Coverage)
		}
		return nil
	})
}

// nodes are those of scorecards as the caller may see each: all, or the first level.
func (r *odataReader) nodes(ctx context.Context) error {
	reach, err := access.PrincipalFrom(ctx).ReachOf(ctx, r.db(ctx), policy.ReadScorecard, r.town, day.Of(r.Now()))
	if err != nil {
		return err
	}
	return r.published(ctx, func(p evaluation.Period, v index.View) error {
		for _, x := range v.Figures() {
			zh, err := v.Scorecard(x.BranchCode, "zh", reach.Has(x.BranchCode))
			if err != nil {
				return err
			}
			en, err := v.Scorecard(x.BranchCode, "en", reach.Has(x.BranchCode))
			if err != nil {
				return err
			}
			for i, n := range zh.Nodes {
				r.add(p.Code, x.BranchCode, n.Code, string(p.EndsOn), zh.Publication, known(n.Parent), int64(n.Depth), n.Name,
					en.Nodes[i].Name, n.EffectiveWeight, n.Status, figure(n.Raw), there(n.Level), known(n.Unit), figure(n.Score),
					figure(n.Coverage))
			}
		}
		return nil
	})
}

func (r *odataReader) branches(ctx context.Context) error {
	list, err := town.ListBranches(ctx, r.db(ctx), r.town, town.BranchFilter{On: day.Of(r.Now()), Closed: true})
	for _, b := range list {
		r.add(b.Code, b.Name.In("zh"), b.Name.In("en"), known(b.Kind), there(b.Class), there(b.FoundedOn), there(b.ClosedOn),
			there(b.MergedInto))
	}
	return err
}

func (r *odataReader) indicators(ctx context.Context) error {
	seen := map[scheme.Ref]bool{}
	return r.published(ctx, func(p evaluation.Period, v index.View) error {
		ref := v.Scheme().Document.Ref()
		if seen[ref] {
			return nil
		}
		seen[ref] = true
		for _, n := range v.Scheme().Flat() {
			var dimension any
			if len(n.Path) > 0 {
				dimension = n.Path[0]
			}
			r.add(ref.Code, ref.Number, n.Code, n.Name.In("zh"), n.Name.In("en"), dimension, known(n.Unit), known(n.Direction),
				n.EffectiveWeight)
		}
		return nil
	})
}

func (r *odataReader) periods(ctx context.Context) error {
	list, err := evaluation.ListPeriods(ctx, r.db(ctx), r.town, evaluation.PeriodFilter{Limit: allPeriods})
	for _, p := range list {
		r.add(p.Code, known(p.Kind), string(p.StartsOn), string(p.EndsOn), string(p.State), p.Scheme.Code, p.Scheme.Number)
	}
	return err
}

// completeness is of published periods, for those who may read their sheets.
func (r *odataReader) completeness(ctx context.Context) error {
	if p := access.PrincipalFrom(ctx); !p.May(policy.ReadSheets) {
		return p.NotAllowed(policy.ReadSheets)
	}
	return r.published(ctx, func(p evaluation.Period, _ index.View) error {
		c, err := review.FindCompleteness(ctx, r.db(ctx), r.town, review.CompletenessQuery{Period: p.Code, By: "branch", Language: "zh"})
		for _, x := range c.Rows {
			r.add(p.Code, x.Branch.Code, int64(x.Expected), int64(x.Missing), int64(x.Draft), int64(x.Submitted), int64(x.Returned),
				int64(x.Approved), int64(x.Late), int64(x.Overdue))
		}
		return err
	})
}
