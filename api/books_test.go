package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/xuri/excelize/v2"
	"gorm.io/gorm"

	"bulwark/internal/apitest"
	"bulwark/internal/demo/demotest"
	"bulwark/internal/index"
	"bulwark/internal/policy"
)

// bookOf returns the rows of the sheets of a workbook, in their order.
func bookOf(t *testing.T, a *apitest.Answer) (names []string, sheets map[string][][]string) {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(a.Want(http.StatusOK).Body))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sheets = map[string][][]string{}
	for _, name := range f.GetSheetList() {
		if sheets[name], err = f.GetRows(name); err != nil {
			t.Fatal(err)
		}
	}
	return f.GetSheetList(), sheets
}

// The ranking as a workbook has the list, that of each class, the method and the receipt; the scorecard has its nodes.
func TestBooksOfAResult(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, callers := demoTown(t, db)
		const q2 = "/towns/demo/periods/2023Q2"
		names, sheets := bookOf(t, nobody.Lang("zh").Get(q2+"/ranking?format=xlsx"))
		if len(names) < 5 || names[0] != "排名" || names[len(names)-1] != "凭证" || names[len(names)-2] != "计算方法" {
			t.Fatalf("sheets %q", names)
		}
		ranked := 0
		for _, name := range names[1 : len(names)-2] {
			ranked += len(sheets[name]) - 1
		}
		if ranked != len(sheets["排名"])-1 {
			t.Errorf("the classes have %d branches, the list %d", ranked, len(sheets["排名"])-1)
		}
		receipt := apitest.Decode[index.Receipt](nobody.Get(q2+"/receipt"), http.StatusOK)
		if !slices.Contains(sheets["凭证"][1], receipt.ResultHash) {
			t.Errorf("receipt %q", sheets["凭证"])
		}
		if len(sheets["计算方法"]) < 30 {
			t.Errorf("the method has %d rows", len(sheets["计算方法"]))
		}
		filtered, _ := bookOf(t, nobody.Lang("zh").Get(q2+"/ranking?format=xlsx&around=b07&span=2"))
		if len(filtered) != 3 {
			t.Errorf("a part of the list has the sheets %q", filtered)
		}
		for who, least := range map[policy.Role]int{policy.LeadingGroup: 30, policy.Reader: 6} {
			c := callers[who]
			card := apitest.Decode[index.Scorecard](c.Get(q2+"/branches/b07"), http.StatusOK)
			names, sheets := bookOf(t, c.Lang("zh").Get(q2+"/branches/b07?format=xlsx"))
			if !slices.Equal(names, []string{"成绩单", "概要", "计算方法"}) || len(sheets["成绩单"])-1 != len(card.Nodes) || len(card.Nodes) < least {
				t.Errorf("%s: %q with %d nodes, %d", who, names, len(sheets["成绩单"])-1, len(card.Nodes))
			}
			_, rows := rowsOf(t, c.Get(q2+"/branches/b07?format=csv"))
			if len(rows) != len(card.Nodes) || rows[1]["code"] != card.Nodes[1].Code {
				t.Errorf("%s: csv %v", who, rows)
			}
		}
	})
}

// In a Chinese table kinds, classes and statuses are words; with header=codes they are codes.
func TestChineseTablesHaveNamesForCodes(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, callers := demoTown(t, db)
		const ranking = "/towns/demo/periods/2023Q2/ranking"
		_, rows := rowsOf(t, nobody.Lang("zh").Get(ranking+"?format=csv"))
		if rows[0]["类型"] != "村" && rows[0]["类型"] != "社区" || rows[0]["情况"] != "已计分" || strings.ContainsAny(rows[0]["类别"], "abcdefghijklmnopqrstuvwxyz") {
			t.Errorf("%v", rows[0])
		}
		_, codes := rowsOf(t, nobody.Lang("zh").Get(ranking+"?format=csv&header=codes"))
		if codes[0]["kind"] != "village" && codes[0]["kind"] != "community" || codes[0]["status"] != "scored" {
			t.Errorf("%v", codes[0])
		}
		words := 0
		for _, r := range Routes() {
			if len(r.Columns) == 0 || strings.HasSuffix(r.Path, "/evidence") || // which is of one record
				strings.Count(r.Path, ":") > strings.Count(r.Path, ":town")+strings.Count(r.Path, ":period") {
				continue
			}
			path := strings.NewReplacer("/api/v1", "", ":town", "demo", ":period", "2023Q2").Replace(r.Path)
			a := callers[policy.LeadingGroup].Lang("zh").Get(asking(path, "format=csv"))
			if a.Status != http.StatusOK {
				continue
			}
			_, rows := rowsOf(t, a)
			for _, code := range r.Columns {
				if end := code[strings.LastIndexByte(code, '_')+1:]; end != "kind" && end != "class" && end != "status" {
					continue
				}
				for _, row := range rows {
					cell := row[labels.Column(code)]
					if cell == "" {
						continue
					}
					if words++; !strings.ContainsFunc(cell, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
						t.Errorf("%s: %s is %q", path, code, cell)
						break
					}
				}
			}
		}
		if words < 100 {
			t.Errorf("only %d cells", words)
		}
	})
}

// Lines have every branch, node and indicator that the caller may read, each with what it belongs to.
func TestResultsLineByLine(t *testing.T) {
	demotest.Towns.Each(t, func(t *testing.T, db *gorm.DB) {
		nobody, callers := demoTown(t, db)
		const q2 = "/towns/demo/periods/2023Q2"
		lines := func(c *apitest.Client, level string) (all []resultLine) {
			t.Helper()
			a := c.Get(q2 + "/results.ndjson?level=" + level).Want(http.StatusOK)
			if a.Header.Get("Content-Type") != "application/x-ndjson" {
				t.Error(a.Header)
			}
			for line := range strings.Lines(string(a.Body)) {
				var l resultLine
				if err := json.Unmarshal([]byte(line), &l); err != nil {
					t.Fatal(err)
				}
				if l.Town != "demo" || l.Period != "2023Q2" || l.EndsOn != "2023-06-30" || l.Publication != 2 || l.Run == "" {
					t.Fatalf("%s", line)
				}
				all = append(all, l)
			}
			return all
		}
		ranking := apitest.Decode[index.Ranking](nobody.Get(q2+"/ranking"), http.StatusOK)
		open, full := lines(nobody, "branch"), lines(callers[policy.LeadingGroup], "branch")
		if len(open) != len(ranking.Items)+len(ranking.Insufficient) || len(full) != len(open) || open[0].Branch != ranking.Items[0].Branch ||
			*open[0].Result.Score != ranking.Items[0].Score || *open[0].Result.Rank != ranking.Items[0].Rank {
			t.Errorf("%d and %d lines, the first %+v", len(open), len(full), open[0].Result)
		}
		if n := len(lines(nobody, "indicator")); n != 0 {
			t.Errorf("a stranger reads %d indicators", n)
		}
		card := apitest.Decode[index.Scorecard](callers[policy.LeadingGroup].Get(q2+"/branches/b07"), http.StatusOK)
		nodes, leaves := lines(callers[policy.LeadingGroup], "node"), lines(callers[policy.LeadingGroup], "indicator")
		of := 0
		for _, l := range nodes {
			if l.Branch.Code == "b07" {
				if n := card.Nodes[of]; l.Node.Code != n.Code || l.Node.Score == nil != (n.Score == nil) || n.Score != nil && *l.Node.Score != *n.Score {
					t.Errorf("%+v, the scorecard has %+v", l.Node, n)
				}
				of++
			}
		}
		if of != len(card.Nodes) || len(leaves) == 0 || len(leaves) >= len(nodes) || len(lines(nobody, "node")) != 6*len(open) {
			t.Errorf("%d nodes of b07, %d of all, %d indicators", of, len(nodes), len(leaves))
		}
	})
}
