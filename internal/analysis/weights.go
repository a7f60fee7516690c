package analysis

import (
	"slices"
	"strconv"

	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Method is a way to find weights.
type Method string

// The methods. All but Pairwise find weights from the scores of a period.
const (
	Entropy   Method = "entropy"   // the less alike the scores of a node are, the more it weighs
	CRITIC    Method = "critic"    // spread, and how little a node says the same as the others
	Deviation Method = "deviation" // spread
	PCA       Method = "pca"       // share in the first principal component
	Balanced  Method = "balanced"  // each node correlates with the result in proportion to its importance
	Pairwise  Method = "pairwise"  // people compare the nodes two by two
)

// WeightsQuery is how weights are to be found.
type WeightsQuery struct {
	Method Method
	Node   string // of whose children; empty: of every node with several, for all methods but Pairwise
	// Judgements compare each two children once, for Pairwise.
	Judgements []Judgement
	// Importance is by the codes of the children of Node, for Balanced; nil: all the same.
	Importance map[string]float64
}

// Judgement is how many times as important one node is as another.
type Judgement struct {
	More  string
	Less  string
	Times float64 // 1/9 to 9
}

// ProposedWeights are weights that a method finds. Nothing applies them.
type ProposedWeights struct {
	index.Subject                // whose scores they were found from; of pairwise judgements only the scheme
	Method        Method         `json:"method" swaggertype:"string" enums:"entropy,critic,deviation,pca,balanced,pairwise"`
	Nodes         []ProposedNode `json:"nodes"` // in document order
	// codes of nodes that would weigh nothing; a scheme refuses such weights
	Weightless []string `json:"weightless"`
	// the scheme with the weights, to be sent as a draft; absent where nodes would weigh nothing
	Document *scheme.Document `json:"document,omitempty"`
}

// ProposedNode is a node with the weights of the nodes below it.
type ProposedNode struct {
	Node     NodeRef          `json:"node"`
	Branches int              `json:"branches"` // with the scores of all nodes below it; 0 for pairwise judgements
	Children []ProposedWeight `json:"children"` // in document order
	// of pairwise judgements
	Consistency *Consistency `json:"consistency,omitempty"`
	// whether each node below correlates in proportion to its importance; only of balanced weights
	Balanced *bool `json:"balanced,omitempty"`
}

// ProposedWeight is the weight of one node among its siblings.
type ProposedWeight struct {
	Node     NodeRef `json:"node"`
	Present  float64 `json:"present"`  // share of the weight of all siblings, 0 to 1
	Proposed float64 `json:"proposed"` // the same, as proposed
	Weight   float64 `json:"weight"`   // as in the document: the weights of the siblings sum to what they do now
	// with the result under these weights; only of balanced weights
	Correlation *float64 `json:"correlation,omitempty"`
	// works against its siblings: its share in the first component has the opposite sign; only of pca
	Against bool `json:"against"`
}

// Consistency is how far pairwise judgements agree with each other.
type Consistency struct {
	LambdaMax  float64 `json:"lambda_max"` // principal eigenvalue, at least the number of nodes
	Index      float64 `json:"index"`
	Ratio      float64 `json:"ratio" example:"0.04"` // of the index to that of random judgements
	Acceptable bool    `json:"acceptable"`           // the ratio is 0.1 or less
}

// acceptable is the largest consistency ratio with which judgements can be used (Saaty 1980).
const acceptable = 0.1

// weightDecimals are those of proposed weights in a document.
const weightDecimals = 4

// PairwiseWeights proposes the weights that pairwise judgements imply.
func PairwiseWeights(c *scheme.Compiled, q WeightsQuery, language string) (ProposedWeights, error) {
	p := &proposer{scheme: c, language: language}
	nodes, err := p.nodes(q)
	if err != nil {
		return ProposedWeights{}, err
	}
	n := nodes[0]
	children := p.children(n)
	matrix, err := p.matrix(children, q.Judgements)
	if err != nil {
		return ProposedWeights{}, err
	}
	found, err := stats.PairwiseWeights(matrix)
	if err != nil {
		return ProposedWeights{}, fault.Broken(fault.Field("/node", "too_many_children",
			"两两比较最多适用于 15 个下级：请先分组", "pairwise judgements take at most 15 nodes: put them into groups first"))
	}
	p.propose(n, children, found.Weights).Consistency = &Consistency{
		LambdaMax: round(found.LambdaMax), Index: round(found.ConsistencyIndex), Ratio: round(found.ConsistencyRatio),
		Acceptable: round(found.ConsistencyRatio) <= acceptable,
	}
	return p.done(index.Subject{Scheme: c.Document.Ref()}, q.Method)
}

// Weights proposes weights from the scores of the study.
func (s *Study) Weights(q WeightsQuery) (ProposedWeights, error) {
	p := &proposer{scheme: s.Scheme, language: s.language}
	nodes, err := p.nodes(q)
	if err != nil {
		return ProposedWeights{}, err
	}
	var faults []fault.FieldError
	for _, n := range nodes {
		children, scores := s.Result.Children(n)
		complete, err := stats.Complete(scores)
		if err != nil {
			return ProposedWeights{}, err
		}
		if f, refused := p.refuses(n, q, complete); refused {
			faults = append(faults, f)
			continue
		}
		if f := p.find(n, q, children, scores); f != nil {
			faults = append(faults, *f)
			continue
		}
		p.found[len(p.found)-1].Branches = len(complete[0])
	}
	if len(faults) > 0 {
		return ProposedWeights{}, fault.Broken(faults...)
	}
	return p.done(s.Subject, q.Method)
}

// proposer collects proposed weights for a scheme.
type proposer struct {
	scheme   *scheme.Compiled
	language string
	found    []ProposedNode
}

func (p *proposer) ref(n int) NodeRef { return refOf(p.scheme, n, p.language) }

// children lists the nodes right below a node.
func (p *proposer) children(n int) (list []int) {
	for i, info := range p.scheme.Index.Nodes() {
		if info.Parent == n {
			list = append(list, i)
		}
	}
	return list
}

// nodes returns the nodes whose children are to be weighed.
func (p *proposer) nodes(q WeightsQuery) (list []int, err error) {
	for n, info := range p.scheme.Index.Nodes() {
		several := len(p.children(n)) > 1
		switch {
		case q.Node == "" && several:
			list = append(list, n)
		case q.Node == info.Code && !several:
			return nil, fault.Broken(fault.Field("/node", "few_children",
				"“%s”没有两个以上的下级，无需分配权重", "%q does not have two nodes below it: there is nothing to weigh",
				p.scheme.NodeName(info.Code, "")))
		case q.Node == info.Code:
			list = append(list, n)
		}
	}
	switch {
	case q.Node == "" && (q.Method == Pairwise || q.Importance != nil):
		return nil, fault.Broken(fault.Field("/node", "required",
			"请指明要分配哪个节点的下级权重", "name the node below which weights are to be found"))
	case len(list) == 0:
		return nil, fault.Broken(fault.Field("/node", "unknown_node",
			"该指标体系没有节点“%s”，或没有可分配权重的节点", "the scheme has no node %q, or none with nodes to weigh", q.Node))
	}
	return list, nil
}

// refuses returns why a method cannot weigh the children of a node.
func (p *proposer) refuses(n int, q WeightsQuery, complete [][]float64) (fault.FieldError, bool) {
	name := p.ref(n)
	kind := p.scheme.Node(name.Code).Aggregation.Kind
	varies := slices.ContainsFunc(complete, func(x []float64) bool { return stats.Summarise(x).Distinct > 1 })
	switch {
	case kind == composite.Minimum || kind == composite.Maximum:
		return fault.Field("/node", "weights_unused", "“%s”取下级的最低分或最高分，权重不起作用",
			"%q takes the lowest or the highest score below it: weights play no part", name.Name), true
	case q.Method == Balanced && kind != "" && kind != composite.Arithmetic:
		return fault.Field("/method", "not_arithmetic", "“%s”不是算术平均，不能按相关性平衡权重",
			"%q is no arithmetic mean: its weights cannot be balanced", name.Name), true
	case len(complete) == 0 || len(complete[0]) < Least:
		return fault.Field("/period", "too_few_values", "“%[1]s”的下级得分齐全的党组织不足 %[2]d 个，不能据此推算权重",
			"fewer than %[2]d branches have all scores below %[1]q: no weights can be found from them", name.Name, Least), true
	case !varies:
		return fault.Field("/period", "nothing_varies", "“%s”的下级得分全都相同，不能据此推算权重",
			"no score below %q varies: no weights can be found from them", name.Name), true
	}
	return fault.FieldError{}, false
}

// find adds the weights of the children of one node.
func (p *proposer) find(n int, q WeightsQuery, children []int, scores [][]float64) *fault.FieldError {
	var w []float64
	var err error
	switch q.Method {
	case Entropy:
		w, err = stats.EntropyWeights(scores)
	case CRITIC:
		w, err = stats.CRITICWeights(scores)
	case Deviation:
		w, err = stats.DeviationWeights(scores)
	case PCA:
		w, err = stats.PCAWeights(scores)
	case Balanced:
		return p.balance(n, q, children, scores)
	default:
		return new(fault.Field("/method", "unknown_method", "没有这种方法", "there is no such method"))
	}
	if err != nil { // only of entropy: the others take any column
		return new(fault.Field("/method", "negative_scores", "“%s”的下级有负分，不能用熵权法",
			"scores below %q are negative: entropy weights need scores of 0 or more", p.ref(n).Name))
	}
	node := p.propose(n, children, w)
	if components, err := stats.PrincipalComponents(scores); q.Method == PCA && err == nil {
		for c, v := range components.Vectors[0] {
			node.Children[c].Against = v < 0
		}
	}
	return nil
}

// balance adds balanced weights.
func (p *proposer) balance(n int, q WeightsQuery, children []int, scores [][]float64) *fault.FieldError {
	var importance []float64
	for _, child := range children {
		code := p.ref(child).Code
		if x, ok := q.Importance[code]; ok {
			importance = append(importance, x)
		} else if q.Importance != nil {
			return new(fault.Field("/importance/"+code, "required",
				"缺少“%s”的重要程度", "the importance of %q is missing", p.ref(child).Name))
		}
	}
	if len(importance) != len(q.Importance) {
		return new(fault.Field("/importance", "unknown_node",
			"重要程度只能针对该节点的下级", "name only nodes below this node"))
	}
	found, err := stats.BalancedWeights(scores, importance)
	if err != nil {
		return new(fault.Field("/importance", "bad_importance",
			"重要程度须在 1e-9 与 1e9 之间", "an importance is between 1e-9 and 1e9"))
	}
	node := p.propose(n, children, found.Weights)
	node.Balanced = new(found.Balanced)
	for c := range node.Children {
		node.Children[c].Correlation = new(round(found.Correlations[c]))
	}
	return nil
}

// matrix returns the judgements as a square: each cell how many times as important the row is as
// the column.
func (p *proposer) matrix(children []int, judgements []Judgement) ([][]float64, error) {
	m := make([][]float64, len(children))
	for a := range m {
		m[a] = make([]float64, len(children))
		m[a][a] = 1
	}
	place := func(code string) int {
		return slices.IndexFunc(children, func(n int) bool { return p.ref(n).Code == code })
	}
	var faults []fault.FieldError
	for i, j := range judgements {
		at := "/judgements/" + strconv.Itoa(i)
		a, b := place(j.More), place(j.Less)
		_, outside := stats.PairwiseWeights([][]float64{{1, j.Times}, {1 / j.Times, 1}})
		switch {
		case a < 0:
			faults = append(faults, fault.Field(at+"/more", "unknown_node", "该节点没有下级“%s”", "%q is not below the node", j.More))
		case b < 0:
			faults = append(faults, fault.Field(at+"/less", "unknown_node", "该节点没有下级“%s”", "%q is not below the node", j.Less))
		case a == b || m[a][b] != 0:
			faults = append(faults, fault.Field(at, "repeated", "每两个节点只比较一次", "compare each two nodes once"))
		case outside != nil:
			faults = append(faults, fault.Field(at+"/times", "out_of_range", "倍数须在 1/9 与 9 之间", "give a number from 1/9 to 9"))
		default:
			m[a][b], m[b][a] = j.Times, 1/j.Times
		}
	}
	for a := range m {
		for b := range a {
			if m[a][b] == 0 && len(faults) == 0 {
				faults = append(faults, fault.Field("/judgements", "missing", "缺少“%[1]s”与“%[2]s”的比较",
					"%[1]q and %[2]q are not compared", p.ref(children[b]).Name, p.ref(children[a]).Name))
			}
		}
	}
	if len(faults) > 0 {
		return nil, fault.Broken(faults...)
	}
	return m, nil
}

// propose adds the shares of the children of a node.
func (p *proposer) propose(n int, children []int, shares []float64) *ProposedNode {
	infos, total := p.scheme.Index.Nodes(), 0.0
	for _, child := range children {
		total += infos[child].Weight
	}
	exact := make([]float64, len(shares))
	for c, share := range shares {
		exact[c] = total * share
	}
	x := ProposedNode{Node: p.ref(n), Children: []ProposedWeight{}}
	weights := stats.Apportion(stats.Round(total, weightDecimals), exact, weightDecimals)
	for c, child := range children {
		x.Children = append(x.Children, ProposedWeight{
			Node: p.ref(child), Present: round(infos[child].Weight / total), Proposed: round(shares[c]), Weight: weights[c],
		})
	}
	p.found = append(p.found, x)
	return &p.found[len(p.found)-1]
}

// done returns the proposal with the document that it leads to.
func (p *proposer) done(subject index.Subject, method Method) (ProposedWeights, error) {
	out := ProposedWeights{Subject: subject, Method: method, Nodes: p.found, Weightless: []string{}}
	weights := map[string]float64{}
	for _, n := range p.found {
		for _, child := range n.Children {
			if weights[child.Node.Code] = child.Weight; child.Weight <= 0 {
				out.Weightless = append(out.Weightless, child.Node.Code)
			}
		}
	}
	if len(out.Weightless) > 0 {
		return out, nil
	}
	d := p.scheme.Document.WithWeights(weights)
	if _, err := scheme.Compile(d); err != nil {
		return ProposedWeights{}, err
	}
	out.Document = &d
	return out, nil
}
