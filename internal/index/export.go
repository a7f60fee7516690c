package index

import (
	"encoding/csv"
	"strconv"
	"strings"

	"bulwark/internal/text"
)

// RankingCSV writes a ranking for a spreadsheet: the ranked branches and then those
// without score, in UTF-8 with a byte order mark, and no cell that a spreadsheet
// would run as a formula.
func (v View) RankingCSV(r Ranking) []byte {
	dimensions := v.current.columns()
	var b strings.Builder
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	write := func(row []string) { _ = w.Write(row) } // a strings.Builder never fails
	write(append([]string{"rank", "class_rank", "branch", "name", "kind", "class", "score", "grade", "coverage", "status", "change_score", "change_rank"}, dimensions...))
	for _, i := range r.Items {
		row := []string{
			strconv.Itoa(i.Rank), strconv.Itoa(i.ClassRank), text.Inert(i.Branch.Code), text.Inert(i.Branch.Name), text.Inert(i.Branch.Kind), text.Inert(i.Branch.Class),
			exact(&i.Score), text.Inert(i.Grade), exact(&i.Coverage), i.Status, "", "",
		}
		if i.Change != nil {
			row[10], row[11] = exact(&i.Change.Score), strconv.Itoa(i.Change.Rank)
		}
		for _, d := range dimensions {
			cell := ""
			if x, ok := i.Dimensions[d]; ok {
				cell = exact(&x)
			}
			row = append(row, cell)
		}
		write(row)
	}
	for _, i := range r.Insufficient {
		row := []string{"", "", text.Inert(i.Branch.Code), text.Inert(i.Branch.Name), text.Inert(i.Branch.Kind), text.Inert(i.Branch.Class), "", "", exact(&i.Coverage), i.Status, "", ""}
		write(append(row, make([]string, len(dimensions))...))
	}
	w.Flush()
	return []byte(b.String())
}

// columns lists the first level of the tree, for exports.
func (o *Outcome) columns() []string {
	var codes []string
	for _, info := range o.Scheme.Index.Nodes() {
		if info.Depth == 1 {
			codes = append(codes, info.Code)
		}
	}
	return codes
}
