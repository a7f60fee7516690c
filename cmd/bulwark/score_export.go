package main

import (
	"bufio"
	"encoding/csv"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"bulwark/internal/index"
	"bulwark/internal/robustness"
	"bulwark/pkg/composite"
)

// writeJSON writes one document, streamed, with the names of the API.
func writeJSON(s *scoreReport, b *bufio.Writer) error {
	// Names repeat only if codes do, which the scheme refuses.
	w := &jsonWriter{enc: jsontext.NewEncoder(b, jsontext.AllowDuplicateNames(true))}
	w.object(func() {
		w.name("scheme")
		w.object(func() {
			w.text("code", s.scheme.Document.Code)
			w.integer("number", int(s.scheme.Document.Version))
			w.text("hash", s.scheme.Hash)
		})
		w.number("scale", s.scheme.Document.FullScore())
		w.text("engine", index.Engine)
		w.text("data_hash", s.dataHash)
		s.writeRobustness(w)
		scored, rest := s.split()
		w.list("items", len(scored), func(i int) { s.item(w, scored[i]) })
		w.list("insufficient", len(rest), func(i int) { s.insufficient(w, rest[i]) })
		w.list("flags", len(s.result.Flags), func(i int) {
			f := s.result.Flags[i]
			w.text("node", s.nodes[f.Node].Code)
			w.textIfAny("class", f.Class)
			w.text("code", string(f.Code))
		})
		w.list("treated", len(s.result.Treated), func(i int) {
			p := s.result.Treated[i]
			w.text("node", s.nodes[p.Node].Code)
			w.text("branch", s.Data.Units[p.Unit])
			w.number("before", p.Before)
			w.number("after", p.After)
		})
		if s.explained != nil {
			w.value("explanation", s.explained.Explanation)
			w.value("gains", s.explained.Gains)
		}
	})
	return w.err
}

// split returns the branches with a score, and those without.
func (s *scoreReport) split() (scored, rest []composite.Standing) {
	n := 0
	for n < len(s.list) && s.list[n].Status == composite.UnitScored {
		n++
	}
	return s.list[:n], s.list[n:]
}

func (s *scoreReport) item(w *jsonWriter, standing composite.Standing) {
	w.integer("rank", standing.Rank)
	w.integer("class_rank", standing.ClassRank)
	s.branch(w, standing.Unit)
	w.number("score", standing.Score)
	w.textIfAny("grade", standing.Grade)
	w.number("coverage", s.coverage(standing.Unit))
	w.text("status", standing.Status.String())
	w.number("bonus", standing.Bonus)
	w.number("deduction", standing.Deduction)
	w.texts("vetoes", standing.Vetoes)
	s.ranges(w, standing.Unit)
	s.scores(w, standing.Unit)
}

// writeRobustness writes how the robustness was computed.
func (s *scoreReport) writeRobustness(w *jsonWriter) {
	if s.robust == nil {
		return
	}
	w.name("robustness")
	w.object(func() {
		w.text("seed", strconv.FormatUint(s.robust.Seed, 10)) // text: 64 bits are too many for the numbers of some readers
		w.integer("replicates", s.robust.Replicates)
		w.integer("top", s.robust.Top)
		w.integer("bottom", s.robust.Bottom)
		drawn, left := robustness.Alternatives(s.scheme, s.scheme.Document.Options(), s.robust.LeftOut, s.language)
		w.texts("alternatives", drawn)
		w.value("left_out", left)
	})
}

// ranges writes how robust the rank of the unit is.
func (s *scoreReport) ranges(w *jsonWriter, unit int) {
	r, ok := s.robust.of(unit)
	if !ok {
		return
	}
	w.name("rank_interval")
	w.object(func() {
		w.integer("low", r.RankLow)
		w.integer("high", r.RankHigh)
	})
	w.integer("rank_median", r.RankMedian)
	w.number("p_top", r.Top)
	w.number("p_bottom", r.Bottom)
	w.name("p_grades")
	w.object(func() {
		for i, grade := range s.robust.Robustness.Grades {
			w.number(grade, r.Grades[i])
		}
	})
	codes := make([]string, len(r.Indistinguishable))
	for i, other := range r.Indistinguishable {
		codes[i] = s.Data.Units[other]
	}
	w.texts("not_apart", codes)
}

func (s *scoreReport) insufficient(w *jsonWriter, standing composite.Standing) {
	s.branch(w, standing.Unit)
	w.text("status", standing.Status.String())
	w.number("coverage", s.coverage(standing.Unit))
	w.texts("missing", s.missing(standing.Unit))
	s.scores(w, standing.Unit)
}

// missing returns the indicators that apply to the unit and have no entered value.
func (s *scoreReport) missing(unit int) []string {
	codes := []string{}
	for _, n := range s.result.Missing(unit) {
		codes = append(codes, s.nodes[n].Code)
	}
	return codes
}

func (s *scoreReport) branch(w *jsonWriter, unit int) {
	w.name("branch")
	w.object(func() {
		w.text("code", s.Data.Units[unit])
		w.textIfAny("name", at(s.Names, unit))
		w.textIfAny("kind", at(s.Kinds, unit))
		w.textIfAny("class", s.class(unit))
	})
}

func (s *scoreReport) scores(w *jsonWriter, unit int) {
	w.name("nodes")
	w.object(func() {
		for n := range s.nodes {
			if x, ok := s.node(n, unit); ok {
				w.number(s.nodes[n].Code, x)
			}
		}
	})
}

// jsonWriter writes tokens and keeps the first error.
type jsonWriter struct {
	enc *jsontext.Encoder
	err error
}

func (w *jsonWriter) token(t jsontext.Token) {
	if w.err == nil {
		w.err = w.enc.WriteToken(t)
	}
}

func (w *jsonWriter) object(members func()) {
	w.token(jsontext.BeginObject)
	members()
	w.token(jsontext.EndObject)
}

// list writes an array of objects.
func (w *jsonWriter) list(name string, n int, members func(i int)) {
	w.name(name)
	w.token(jsontext.BeginArray)
	for i := 0; i < n && w.err == nil; i++ {
		w.object(func() { members(i) })
	}
	w.token(jsontext.EndArray)
}

func (w *jsonWriter) name(name string) { w.token(jsontext.String(name)) }

func (w *jsonWriter) text(name, value string) {
	w.name(name)
	w.token(jsontext.String(value))
}

func (w *jsonWriter) textIfAny(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

func (w *jsonWriter) texts(name string, values []string) {
	w.name(name)
	w.token(jsontext.BeginArray)
	for _, v := range values {
		w.token(jsontext.String(v))
	}
	w.token(jsontext.EndArray)
}

func (w *jsonWriter) value(name string, v any) {
	w.name(name)
	if w.err == nil {
		w.err = json.MarshalEncode(w.enc, v, json.Deterministic(true))
	}
}

func (w *jsonWriter) integer(name string, value int) {
	w.name(name)
	w.token(jsontext.Int(int64(value)))
}

func (w *jsonWriter) number(name string, value float64) {
	w.name(name)
	w.token(jsontext.Float(value))
}

// writeCSV writes a line per branch, by rank, with a column per node of the tree, and one of the scale where scores are
// not out of 100.
func writeCSV(s *scoreReport, b *bufio.Writer) error {
	w := csv.NewWriter(b)
	row := []string{"branch", "class", "score", "grade", "rank", "class_rank", "coverage"}
	if s.robust != nil {
		row = append(row, "rank_low", "rank_high")
	}
	scale := s.scheme.Document.FullScore()
	if scale != 100 {
		row = append(row, "scale")
	}
	for _, n := range s.nodes {
		row = append(row, n.Code)
	}
	if err := w.Write(row); err != nil {
		return err
	}
	for _, standing := range s.list {
		u := standing.Unit
		row = append(row[:0], s.Data.Units[u], s.class(u), "", "", "", "", number(s.coverage(u)))
		if standing.Status == composite.UnitScored {
			row[2], row[3], row[4], row[5] = number(standing.Score), standing.Grade, strconv.Itoa(standing.Rank),
				strconv.Itoa(standing.ClassRank)
		}
		if s.robust != nil {
			low, high := "", ""
			if r, ok := s.robust.of(u); ok {
				low, high = strconv.Itoa(r.RankLow), strconv.Itoa(r.RankHigh)
			}
			row = append(row, low, high)
		}
		if scale != 100 {
			row = append(row, number(scale))
		}
		for n := range s.nodes {
			cell := ""
			if x, ok := s.node(n, u); ok {
				cell = number(x)
			}
			row = append(row, cell)
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// number returns x with all its bits.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
