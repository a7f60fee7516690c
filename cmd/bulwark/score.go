package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"io"

	"bulwark/internal/datafile"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// score computes an index from two files, without a database.
func score(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("score", flag.ContinueOnError)
	schemeFile := f.String("scheme", "", "the scheme document, a `FILE` of JSON")
	dataFile := f.String("data", "", "the values, a `FILE` of CSV with one line per branch; - reads standard input")
	format := f.String("format", "table", "of the result: table, csv or json")
	out := f.String("out", "-", "`FILE` for the result, replaced only when all went well; - is standard output")
	exact := f.Bool("exact", false, "write node scores and coverage with all their bits, not rounded")
	branch := f.String("explain", "", "say why the branch of this `CODE` scores what it does, and what would move it up")
	replicates := f.Int("robust", 0, "say how sure each rank is, from `N` draws of what could have been chosen otherwise; 0 = do not")
	seed := f.Uint64("seed", 1, "of the draws: the same one gives the same figures")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	write, known := scoreFormats[*format]
	switch {
	case !known:
		return usageError{text.F("没有格式 %q：请用 table、csv 或 json", "there is no format %q: use table, csv or json", *format)}
	case *format == "csv" && *branch != "":
		return usageError{text.F("--explain 请用 table 或 json 格式", "--explain has no place in CSV: use --format table or json")}
	case *schemeFile == "" || *dataFile == "":
		return usageError{text.F("请给出 --scheme 与 --data", "give --scheme and --data: see bulwark score -h")}
	}
	compiled, err := p.readScheme(*schemeFile)
	if err != nil {
		return err
	}
	s, err := p.scored(ctx, compiled, *dataFile)
	if err != nil {
		return err
	}
	s.exact, s.language = *exact, p.language()
	if err := s.appraise(ctx, *replicates, *seed); err != nil {
		return err
	}
	if err := s.explain(*branch); err != nil {
		return err
	}
	return p.writeResult(*out, []string{*schemeFile, *dataFile}, func(w *bufio.Writer) error { return write(s, w) })
}

var scoreFormats = map[string]func(*scored, *bufio.Writer) error{"table": writeTable, "csv": writeCSV, "json": writeJSON}

// scored is a data file with everything that the scheme made of it.
type scored struct {
	*datafile.File
	scheme   *scheme.Compiled
	dataHash string // SHA-256 of the data file, as in a receipt
	nodes    []composite.NodeInfo
	result   *composite.Result
	list     []composite.Standing // by rank, those without a score last
	sure     *robustness          // nil unless asked for
	why      *explained           // nil unless asked for
	exact    bool
	language string
}

// scored reads the data file and scores it.
func (p program) scored(ctx context.Context, c *scheme.Compiled, name string) (*scored, error) {
	in, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	hash := sha256.New()
	data, err := datafile.Read(&patient{ctx, io.TeeReader(in, hash)}, c)
	var faults *datafile.Faults
	switch {
	case errors.As(err, &faults):
		return nil, complaint("invalid_data", func(language string) string { return faults.In(language, title(name)) })
	case err != nil:
		return nil, unreadableFile(name, err)
	}
	s := &scored{File: data, scheme: c, dataHash: hex.EncodeToString(hash.Sum(nil)), nodes: c.Index.Nodes()}
	s.result = c.Index.Score(data.Data, keep(s.nodes))
	s.list, err = c.Index.Standings(s.result, data.Adjustments)
	return s, err
}

// keep is down to the lowest node that aggregates: the scores of indicators are
// worked out again when they are written, which takes less than their memory.
func keep(nodes []composite.NodeInfo) composite.Keep {
	deepest := 0
	for _, n := range nodes {
		if !n.Leaf {
			deepest = max(deepest, n.Depth)
		}
	}
	return composite.Keep(deepest)
}

// complaint is a list of mistakes, on lines of its own.
func complaint(code string, in func(language string) string) error {
	return fault.New(fault.KindInvalid, code, text.Text{ZH: "\n" + in("zh"), EN: "\n" + in("en")})
}

// node is the score of a node as it is shown; false where it has none.
func (s *scored) node(n, unit int) (float64, bool) {
	x, ok := s.result.Score(n, unit)
	if ok && !s.exact {
		x = stats.Round(x, s.scheme.Document.Decimals)
	}
	return x, ok
}

// coverage is that of the unit as it is shown: 0 where no indicator applies.
func (s *scored) coverage(unit int) float64 {
	x, _ := s.result.Coverage(0, unit)
	if s.exact {
		return x
	}
	return stats.Round(x, 4)
}

// class of the unit, "" without classes.
func (s *scored) class(unit int) string { return at(s.Data.Classes, unit) }

func at(words []string, unit int) string {
	if words == nil {
		return ""
	}
	return words[unit]
}
