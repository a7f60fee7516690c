package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"bulwark/internal/datafile"
	"bulwark/internal/explanation"
	"bulwark/internal/fault"
	"bulwark/internal/index"
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
	branch := f.String("explain", "", "explain the score of the branch of this `CODE`, and what would raise it")
	replicates := f.Int("robust", 0, "show how robust each rank is, by `N` replicates with other choices; 0: do not")
	seed := f.Uint64("seed", 1, "of the replicates: the same seed returns the same figures")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	write, known := scoreFormats[*format]
	switch {
	case !known:
		return usageError{text.F(
			"没有格式 %q：请用 table、csv 或 json", "there is no format %q: use table, csv or json", *format)}
	case *format == "csv" && *branch != "":
		return usageError{text.F(
			"--explain 请用 table 或 json 格式", "--explain does not work with CSV: use --format table or json")}
	case *schemeFile == "" || *dataFile == "":
		return usageError{text.F("请给出 --scheme 与 --data", "give --scheme and --data: see bulwark score -h")}
	}
	compiled, err := p.readScheme(*schemeFile)
	if err != nil {
		return err
	}
	s, err := p.scoreFile(ctx, compiled, *dataFile)
	if err != nil {
		return err
	}
	s.exact, s.language = *exact, p.language()
	if err := s.addRobustness(ctx, *replicates, *seed); err != nil {
		return err
	}
	if err := s.explain(ctx, *branch); err != nil {
		return err
	}
	return p.writeResult(*out, []string{*schemeFile, *dataFile}, func(w *bufio.Writer) error { return write(s, w) })
}

var scoreFormats = map[string]func(*scoreReport, *bufio.Writer) error{
	"table": writeTable, "csv": writeCSV, "json": writeJSON,
}

// scoreReport is a data file with everything that the scheme made of it.
type scoreReport struct {
	*datafile.File
	scheme    *scheme.Compiled
	dataHash  string // SHA-256 of the data file, as in a receipt
	nodes     []composite.NodeInfo
	result    *composite.Result
	list      []composite.Standing // by rank, those without a score last
	robust    *drawnRanks          // nil unless asked for
	explained *explainedBranch     // nil unless asked for
	exact     bool
	language  string
}

// scoreFile reads the data file and scores it.
func (p program) scoreFile(ctx context.Context, c *scheme.Compiled, name string) (*scoreReport, error) {
	in, err := p.open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	hash := sha256.New()
	data, err := datafile.Read(&contextReader{ctx, io.TeeReader(in, hash)}, c)
	var faults *datafile.Faults
	switch {
	case errors.As(err, &faults):
		return nil, listedFaults("invalid_data", func(language string) string { return faults.In(language, title(name)) })
	case err != nil:
		return nil, unreadableFile(name, err)
	}
	s := &scoreReport{File: data, scheme: c, dataHash: hex.EncodeToString(hash.Sum(nil)), nodes: c.Index.Nodes()}
	s.result = c.Index.Score(data.Data, keep(s.nodes))
	s.list, err = c.Index.Standings(s.result, data.Adjustments)
	return s, err
}

// keep returns the depth of the lowest node that aggregates: the scores of indicators are
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

// listedFaults returns the fault of a file with its mistakes, one a line.
func listedFaults(code string, in func(language string) string) error {
	return fault.New(fault.KindInvalid, code, text.Text{ZH: "\n" + in("zh"), EN: "\n" + in("en")})
}

// node returns the score of a node as it is shown; false where it has none.
func (s *scoreReport) node(n, unit int) (float64, bool) {
	x, ok := s.result.Score(n, unit)
	if ok && !s.exact {
		x = stats.Round(x, s.scheme.Document.Decimals)
	}
	return x, ok
}

// coverage returns that of the unit as it is shown: 0 where no indicator applies.
func (s *scoreReport) coverage(unit int) float64 {
	x, _ := s.result.Coverage(0, unit)
	if s.exact {
		return x
	}
	return stats.Round(x, 4)
}

// class returns the class of the unit, "" without classes.
func (s *scoreReport) class(unit int) string { return at(s.Data.Classes, unit) }

func at(words []string, unit int) string {
	if words == nil {
		return ""
	}
	return words[unit]
}

// drawnRanks is how robust each rank is to what the scheme lists as uncertain. Ratings of
// single evaluators are not in a data file, so that they are not drawn again here.
type drawnRanks struct {
	*composite.Robustness
	byUnit map[int]composite.UnitRobustness
}

// addRobustness computes the robustness by so many replicates; none where there are 0.
func (s *scoreReport) addRobustness(ctx context.Context, replicates int, seed uint64) error {
	if replicates == 0 {
		return nil
	}
	o := s.scheme.Document.Options()
	o.Replicates, o.Seed, o.Adjustments, o.Done = replicates, seed, s.Adjustments, ctx.Done()
	r, err := s.scheme.Index.Robustness(s.Data, o)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return usageError{text.F("--robust %d：%v", "--robust %d: %v", replicates, err)}
	}
	s.robust = &drawnRanks{r, make(map[int]composite.UnitRobustness, len(r.Units))}
	for _, u := range r.Units {
		s.robust.byUnit[u.Unit] = u
	}
	return ctx.Err()
}

// of returns what is known of a unit; false without a score.
func (r *drawnRanks) of(unit int) (composite.UnitRobustness, bool) {
	if r == nil {
		return composite.UnitRobustness{}, false
	}
	u, ok := r.byUnit[unit]
	return u, ok
}

// explainedBranch is why one branch has its score, and what would raise it.
type explainedBranch struct {
	Explanation explanation.Explanation `json:"explanation"`
	Gains       explanation.Gains       `json:"gains"`
}

// explain sets the explanation of the branch of --explain; none where the code is empty.
func (s *scoreReport) explain(ctx context.Context, code string) error {
	if code == "" {
		return nil
	}
	view, err := index.OfflineView(s.scheme, s.File)
	if err != nil {
		return err
	}
	if s.exact {
		view = view.Precise()
	}
	var e explainedBranch
	if e.Explanation, err = explanation.Of(view, code, s.language, true); err == nil {
		e.Gains, err = explanation.GainsOf(ctx, view, code, s.language)
	}
	if fault.Is(err, fault.KindNotFound) {
		return usageError{text.F("--explain：数据中没有党组织 %q", "--explain: the data have no branch %q", code)}
	}
	s.explained = &e
	return err
}

// maxScheme bounds the memory that a scheme document takes: the largest allowed,
// of 10,000 nodes, needs less.
const maxScheme = 32 << 20

// readScheme reads and checks a scheme document.
func (p program) readScheme(name string) (*scheme.Compiled, error) {
	in, err := os.Open(name)
	if err != nil {
		return nil, unreadableFile(name, err)
	}
	defer in.Close()
	raw, err := io.ReadAll(io.LimitReader(in, maxScheme+1))
	if err != nil {
		return nil, unreadableFile(name, err)
	}
	if len(raw) > maxScheme {
		return nil, unreadableFile(name, errors.New("larger than 32 MiB"))
	}
	d, err := scheme.Decode(bytes.TrimPrefix(raw, []byte("\ufeff")))
	if err != nil {
		return nil, schemeFaults(name, err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		return nil, schemeFaults(name, err)
	}
	if codes := c.Unfitted(); len(codes) > 0 {
		return nil, usageError{text.F(
			"指标 %[1]s 的规则须依据已公布的考评周期确定，此文件中没有确定的数值：请使用启用后的指标体系文件",
			"%[1]s: the rule is fitted to published periods (over), and this document does not have what was fitted: "+
				"use the document of an activated version", strings.Join(codes, ", "))}
	}
	return c, nil
}

// schemeFaults returns what is wrong with a scheme document, by JSON pointer.
func schemeFaults(name string, err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	return listedFaults(e.Code, func(language string) string {
		lines := make([]string, len(e.Fields))
		for i, f := range e.Fields {
			lines[i] = fmt.Sprintf("%s: %s: %s", name, f.Pointer, f.Message.In(language))
		}
		return strings.Join(lines, "\n")
	})
}

// open opens a file, or standard input for "-".
func (p program) open(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(p.in), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadableFile(name, err)
	}
	return f, nil
}

func title(name string) string {
	if name == "-" {
		return "stdin"
	}
	return name
}

func unreadableFile(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the message has the name already
	}
	return fault.NotFound("unreadable_file", "无法读取 %s", "cannot read %s", title(name)).Because(err)
}

// contextReader reads until its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (p *contextReader) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.r.Read(b)
}

// writeResult writes to a file, or to standard output for "-". A file appears or
// changes only when everything is written.
func (p program) writeResult(name string, inputs []string, write func(*bufio.Writer) error) error {
	if name == "-" {
		return flushed(p.out, write)
	}
	target, err := filepath.EvalSymlinks(name)
	if errors.Is(err, fs.ErrNotExist) {
		target = name
	}
	if err := replaceable(target, inputs); err != nil {
		return unwritable(name, err)
	}
	if err := replace(target, write); err != nil {
		return unwritable(name, err)
	}
	return nil
}

func flushed(w io.Writer, write func(*bufio.Writer) error) error {
	b := bufio.NewWriterSize(w, 64<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

// replaceable refuses what a rename would destroy: inputs, directories, devices.
func replaceable(target string, inputs []string) error {
	there, err := os.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !there.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	for _, input := range inputs {
		if i, err := os.Stat(input); err == nil && os.SameFile(i, there) {
			return fmt.Errorf("it is the input %s", input)
		}
	}
	return nil
}

// replace writes a file beside the target and puts it in its place.
func replace(target string, write func(*bufio.Writer) error) (err error) {
	f, err := beside(target)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(flushed(f, write), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}

// beside makes a new file next to the target, open to those whom the umask allows.
func beside(target string) (*os.File, error) {
	for i := 0; ; i++ {
		name := fmt.Sprintf("%s.%d-%d.part", target, os.Getpid(), i)
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // a result is for whom the umask says
		if !errors.Is(err, fs.ErrExist) || i == 100 {
			return f, err
		}
	}
}

func unwritable(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fault.Conflict("unwritable_file", "无法写入 %s", "cannot write %s", name).Because(err)
}
