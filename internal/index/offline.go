package index

import (
	"bulwark/internal/datafile"
	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// OfflineView computes from a data file what the service computes from a town, for the
// same answers without a database. The file must not change while the view is used.
func OfflineView(c *scheme.Compiled, f *datafile.File) (View, error) {
	w, err := computationOf(c, f)
	if err != nil {
		return View{}, err
	}
	o := w.outcome(evaluation.Period{})
	names := map[string]string{}
	for i, code := range f.Data.Units {
		names[code] = f.Name(i)
	}
	for i := range o.Results {
		r := &o.Results[i]
		r.Name = text.Same(r.BranchCode)
		if name := names[r.BranchCode]; name != "" {
			r.Name = text.Same(name)
		}
	}
	return View{current: o}, nil
}

// computationOf scores the file.
func computationOf(c *scheme.Compiled, f *datafile.File) (*computation, error) {
	w := &computation{scheme: c, values: f.Values, branches: make([]town.Branch, len(f.Data.Units))}
	for i, code := range f.Data.Units {
		w.branches[i].Code, w.branches[i].Kind = code, f.Kind(i)
		if class := f.Class(i); class != "" {
			w.branches[i].Class = &class
		}
	}
	return w, w.score()
}

// dataFile returns everything that the computation was made from.
func (c *computation) dataFile() string {
	f := datafile.File{Values: c.values, Kinds: make([]string, len(c.branches))}
	for i, b := range c.branches {
		f.Kinds[i] = b.Kind
	}
	return datafile.Write(c.scheme, &f)
}
