package api

import (
	"context"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/access"
	"bulwark/internal/analysis"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
)

type figuresRequest struct {
	resultRequest
	rest.Localized
}

// analysed returns the analysis of a period, published or not. That of a publication is kept:
// its run has the same one each time.
func (s *Server) analysed(
	ctx context.Context, req figuresRequest, key cacheKey, analyse func(*analysis.Study) (any, error),
) (rest.Raw, error) {
	view, _, err := s.view(ctx, req.resultRequest)
	if err != nil {
		return rest.Raw{}, err
	}
	render := func() (rest.Raw, error) {
		study, err := s.study(ctx, view, req.Language)
		if err != nil {
			return rest.Raw{}, err
		}
		found, err := analyse(study)
		if err != nil {
			return rest.Raw{}, err
		}
		body, err := json.Marshal(found, json.Deterministic(true))
		return rest.Raw{ContentType: "application/json", Body: body}, err
	}
	if view.Token == "" {
		return render()
	}
	key.town, key.period, key.publication, key.language = req.Town, req.Period, req.Publication, req.Language
	key.view = "analysis/" + key.view
	return s.responses.Get(key, view.Token, render)
}

// study returns the view with the ratings behind it, ready to be analysed.
func (s *Server) study(ctx context.Context, view index.View, language rest.Language) (*analysis.Study, error) {
	study, err := analysis.New(view, string(language))
	if err != nil {
		return nil, err
	}
	if study.Ratings, study.Evaluators, err = view.Ratings(ctx, s.db(ctx)); err != nil {
		return nil, err
	}
	study.Counts, err = view.Counts(ctx, s.db(ctx))
	return study, err
}

type sensitivityRequest struct {
	figuresRequest
	Branch string `form:"branch"` // only this branch; the first 200 of the ranking if absent
}

// findSensitivity returns which choices move the ranking, and which each branch: Sobol indices of
// the sources of uncertainty that the scheme lists, drawn by the seed of the run.
//
//	@Summary	Say what the uncertainty of the ranks comes from
func (s *Server) findSensitivity(ctx context.Context, req sensitivityRequest) (rest.Raw, error) {
	return s.analysed(ctx, req.figuresRequest, cacheKey{view: "sensitivity", around: req.Branch},
		func(study *analysis.Study) (any, error) { return study.Sensitivity(req.Branch) })
}

// findRemoval returns what becomes of the ranking without each node of the scheme.
//
//	@Summary	Leave out one node of the scheme at a time
func (s *Server) findRemoval(ctx context.Context, req figuresRequest) (rest.Raw, error) {
	return s.analysed(ctx, req, cacheKey{view: "removal"},
		func(study *analysis.Study) (any, error) { return study.Removal() })
}

// findBurden returns what each indicator costs in entries, and what the ranking would lose
// without it.
//
//	@Summary	Set what indicators cost against what they decide
func (s *Server) findBurden(ctx context.Context, req figuresRequest) (rest.Raw, error) {
	return s.analysed(ctx, req, cacheKey{view: "burden"},
		func(study *analysis.Study) (any, error) { return study.Burden() })
}

// findStatistics returns moments, correlations, Cronbach's α and principal components of the
// nodes, over all branches and by class. A statistic of fewer than five values is not stated.
//
//	@Summary	Describe the nodes of the scheme
func (s *Server) findStatistics(ctx context.Context, req figuresRequest) (rest.Raw, error) {
	return s.analysed(ctx, req, cacheKey{view: "statistics"},
		func(study *analysis.Study) (any, error) { return study.Statistics(), nil })
}

// findFunnels returns of every ratio whose counts vary by chance between which limits a branch of so many
// cases lies by chance alone, and which branches lie outside. A town with fewer than five such branches has none.
//
//	@Summary	Say which ratios are further from the town's than chance makes them
func (s *Server) findFunnels(ctx context.Context, req figuresRequest) (rest.Raw, error) {
	return s.analysed(ctx, req, cacheKey{view: "funnels"},
		func(study *analysis.Study) (any, error) { return study.Funnels(), nil })
}

// findRaters returns how severe those who rate are, how well they agree, and the ranking without
// each. A mentor sees of a published period how severe he or she is, and nothing else.
//
//	@Summary	Say how severe evaluators are and how well they agree
func (s *Server) findRaters(ctx context.Context, req figuresRequest) (rest.Raw, error) {
	p, own := access.PrincipalFrom(ctx), ""
	if p.Role == policy.Mentor {
		if own = p.Person; own == "" {
			return rest.Raw{}, fault.Forbidden("person_needed",
				"只能查看本人的评分松严程度，而该密钥没有对应的人员", "a mentor reads only the own severity, and this key belongs to no person")
		}
		_, published, err := s.results.Published(ctx, s.db(ctx), req.Town, req.Period, req.Publication)
		if err == nil && !published {
			err = fault.Missing(text.Text{ZH: "已公布的考评周期", EN: "published period"}, req.Period)
		}
		if err != nil {
			return rest.Raw{}, err
		}
	}
	return s.analysed(ctx, req, cacheKey{view: "raters", around: own},
		func(study *analysis.Study) (any, error) { return study.Raters(own) })
}

type screeningRequest struct {
	figuresRequest
	// least share of the branches to which an indicator applies that have a value of it
	Indicator float64 `form:"indicator" default:"0.65" validate:"min=0,max=1"`
	// least share of the kept indicators of which a branch has a value
	Share float64 `form:"share" default:"0.65" validate:"min=0,max=1"`
}

// findScreening returns the indicators and branches with enough values to be compared.
//
//	@Summary	List indicators and branches with enough values
func (s *Server) findScreening(ctx context.Context, req screeningRequest) (rest.Raw, error) {
	limits := analysis.ScreeningLimits{Indicator: req.Indicator, Branch: req.Share}
	return s.analysed(ctx, req.figuresRequest, cacheKey{
		view: "screening", around: strconv.FormatFloat(req.Indicator, 'g', -1, 64), class: strconv.FormatFloat(req.Share, 'g', -1, 64),
	}, func(study *analysis.Study) (any, error) { return study.Screening(limits) })
}

// schemeChoice is a scheme: a version of the town, or a whole document.
type schemeChoice struct {
	Code     string         `json:"code" example:"five-forces"` // of a version of the town
	Number   int64          `json:"number" example:"2"`         // of the version
	Document jsontext.Value `json:"document"`                   // instead of a version
}

// documentedChoice is schemeChoice as the API describes it: package scheme reads the document.
type documentedChoice struct {
	Code     string           `json:"code" example:"five-forces"` // of a version of the town
	Number   int64            `json:"number" example:"2"`         // of the version
	Document *scheme.Document `json:"document"`                   // instead of a version
}

// given reports whether a scheme is named at all.
func (c schemeChoice) given() bool { return c.Code != "" || c.Number != 0 || len(c.Document) > 0 }

// chosen returns the scheme that the choice at a place of the body names.
func (s *Server) chosen(ctx context.Context, townID string, c schemeChoice, at string) (*scheme.Compiled, error) {
	if len(c.Document) > 0 && (c.Code != "" || c.Number != 0) || len(c.Document) == 0 && c.Code == "" {
		return nil, fault.Broken(fault.Field(at, "one_scheme",
			"请给出本镇一个版本的代码和版本号（code、number），或一份完整的指标体系（document）",
			"give either the code and number of a version of this town, or a whole document"))
	}
	if len(c.Document) == 0 {
		compiled, err := scheme.Load(ctx, s.db(ctx), townID, c.Code, c.Number)
		return compiled, fault.MissingAt(err, at, "unknown_scheme",
			text.F("本镇没有指标体系“%[1]s”的第 %[2]d 版", "this town has no version %[2]d of the scheme %[1]q", c.Code, c.Number))
	}
	d, err := scheme.Decode(c.Document)
	if err != nil {
		return nil, fault.Below(err, at+"/document")
	}
	compiled, err := scheme.Compile(d)
	return compiled, fault.Below(err, at+"/document")
}

type compareSchemesRequest struct {
	periodRequest
	rest.Localized
	Body struct {
		Schemes []schemeChoice `json:"schemes" validate:"required,min=1,max=5"`
	}
}

// comparedSchemes names one to five schemes to score the entries of the period by.
type comparedSchemes struct {
	Schemes []documentedChoice `json:"schemes" validate:"required"`
}

// compareSchemes returns the ranking of a period as it would be by other schemes, side by side:
// what was entered is scored by each. Nothing is stored.
//
//	@Summary	Suppose other schemes and compare them
func (s *Server) compareSchemes(ctx context.Context, req compareSchemesRequest) (analysis.Variants, error) {
	view, _, err := s.view(ctx, resultRequest{periodRequest: req.periodRequest})
	if err != nil {
		return analysis.Variants{}, err
	}
	study, err := analysis.New(view, string(req.Language))
	if err != nil {
		return analysis.Variants{}, err
	}
	schemes := make([]*scheme.Compiled, len(req.Body.Schemes))
	for i, c := range req.Body.Schemes {
		if schemes[i], err = s.chosen(ctx, req.Town, c, "/schemes/"+strconv.Itoa(i)); err != nil {
			return analysis.Variants{}, err
		}
	}
	return study.Variants(schemes)
}

// judgementInput is how many times as important one node is as another.
type judgementInput struct {
	More  string  `json:"more" validate:"required" example:"governance"` // code of a node
	Less  string  `json:"less" validate:"required" example:"ethos"`      // code of its sibling
	Times float64 `json:"times" example:"3"`                             // 1/9 to 9; below 1 the other one is more important
}

// weightsMethod is how weights are to be found.
type weightsMethod struct {
	Method analysis.Method `json:"method" validate:"required,oneof=entropy critic deviation pca balanced pairwise" swaggertype:"string" enums:"entropy,critic,deviation,pca,balanced,pairwise"`
	Period string          `json:"period" example:"2023Q2"` // whose scores the weights are found from; not for pairwise
	// code of the node whose children are weighed; every one if absent. Pairwise and importance need it
	Node string `json:"node" example:"index"`
	// pairwise: every two children once
	Judgements []judgementInput `json:"judgements" validate:"max=105,dive"`
	// balanced: by code of the child; all the same if absent
	Importance map[string]float64 `json:"importance" validate:"max=1000"`
}

type proposeWeightsRequest struct {
	townRequest
	rest.Localized
	Body struct {
		weightsMethod
		Scheme schemeChoice `json:"scheme"`
	}
}

// weightsProposal is how weights are to be found, and for which scheme.
type weightsProposal struct {
	weightsMethod
	Scheme documentedChoice `json:"scheme"` // that of the period if absent
}

// proposeWeights returns weights for a scheme, found from the scores of a period or from pairwise
// judgements. It applies nothing: the document can be sent as a draft.
//
//	@Summary	Propose weights for a scheme
func (s *Server) proposeWeights(ctx context.Context, req proposeWeightsRequest) (_ analysis.ProposedWeights, err error) {
	q := analysis.WeightsQuery{Method: req.Body.Method, Node: req.Body.Node, Importance: req.Body.Importance}
	for _, j := range req.Body.Judgements {
		q.Judgements = append(q.Judgements, analysis.Judgement(j))
	}
	if err = req.refuse(); err != nil {
		return analysis.ProposedWeights{}, err
	}
	var compiled *scheme.Compiled
	if c := req.Body.Scheme; c.given() {
		if compiled, err = s.chosen(ctx, req.Town, c, "/scheme"); err != nil {
			return analysis.ProposedWeights{}, err
		}
	}
	if q.Method == analysis.Pairwise && compiled != nil {
		return analysis.PairwiseWeights(compiled, q, string(req.Language))
	}
	at := periodRequest{Town: req.Town, Period: req.Body.Period}
	view, _, err := s.view(ctx, resultRequest{periodRequest: at})
	if err != nil {
		return analysis.ProposedWeights{}, fault.MissingAt(err, "/period", "unknown_period", text.F("没有考评周期“%s”", "there is no period %q", at.Period))
	}
	if q.Method == analysis.Pairwise {
		return analysis.PairwiseWeights(view.Scheme(), q, string(req.Language))
	}
	if compiled != nil {
		if view, _, _, err = view.Under(compiled); err != nil {
			return analysis.ProposedWeights{}, err
		}
	}
	study, err := analysis.New(view, string(req.Language))
	if err != nil {
		return analysis.ProposedWeights{}, err
	}
	return study.Weights(q)
}

// refuse returns what the method does not go together with.
func (r proposeWeightsRequest) refuse() error {
	var faults []fault.FieldError
	b := r.Body
	pairwise := b.Method == analysis.Pairwise
	if !pairwise && b.Period == "" || pairwise && b.Period == "" && !b.Scheme.given() {
		faults = append(faults, fault.Field("/period", "required", "请指明考评周期", "name the period"))
	}
	if len(b.Judgements) > 0 && !pairwise {
		faults = append(faults, fault.Field("/judgements", "other_method", "只有两两比较法使用比较", "only pairwise weights take judgements"))
	}
	if b.Importance != nil && b.Method != analysis.Balanced {
		faults = append(faults, fault.Field("/importance", "other_method",
			"只有平衡权重法使用重要程度", "only balanced weights take an importance"))
	}
	if len(faults) > 0 {
		return fault.Broken(faults...)
	}
	return nil
}
