package index

import (
	"encoding/csv"
	"encoding/json"
	"strings"

	"bulwark/internal/signature"
)

// dataPackageFile describes the tables of a package as Frictionless Data Package 1 does, for
// programs that load them by themselves.
const dataPackageFile = "datapackage.json"

// fieldTypes are the types of the columns of the tables that are no texts.
var fieldTypes = map[string]string{
	"coverage": "number", "base": "number", "bonus": "number", "deduction": "number", "score": "number", "raw": "number",
	"rank": "integer", "class_rank": "integer",
}

type packageField struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type packageResource struct {
	Name      string `json:"name"`
	Path      string `json:"path"`
	Profile   string `json:"profile"`
	Format    string `json:"format"`
	MediaType string `json:"mediatype"`
	Encoding  string `json:"encoding"`
	Bytes     int    `json:"bytes"`
	Hash      string `json:"hash"`
	Schema    struct {
		Fields        []packageField `json:"fields"`
		PrimaryKey    []string       `json:"primaryKey"`
		MissingValues []string       `json:"missingValues"`
	} `json:"schema"`
}

type dataPackage struct {
	Profile   string            `json:"profile"`
	Name      string            `json:"name"`
	Title     string            `json:"title"`
	Created   string            `json:"created"`
	Resources []packageResource `json:"resources"`
}

// dataPackageOf returns the description of the tables of a package. It is made of the other
// members alone, so that whoever has these can check it.
func dataPackageOf(m map[string]string) string {
	text, _ := signature.Split(m[noteFile])
	stated := map[string]string{}
	for _, pair := range signature.Fields(text, publicationFormat) {
		stated[pair[0]] = pair[1]
	}
	title := stated["town"] + " " + stated["period"] + " " + stated["publication"]
	p := dataPackage{
		Profile: "tabular-data-package", Name: "bulwark-" + packageName(title), Title: title, Created: stated["published"],
	}
	for _, table := range []struct {
		file string
		key  []string
	}{{resultsFile, []string{"branch"}}, {nodesFile, []string{"branch", "node"}}} {
		r := packageResource{
			Name: strings.TrimSuffix(table.file, ".csv"), Path: table.file, Profile: "tabular-data-resource", Format: "csv",
			MediaType: "text/csv", Encoding: "utf-8", Bytes: len(m[table.file]), Hash: "sha256:" + sha256Hex(m[table.file]),
		}
		header, _ := csv.NewReader(strings.NewReader(m[table.file])).Read() // no table, no fields
		for _, name := range header {
			typ := fieldTypes[name]
			if typ == "" {
				typ = "string"
			}
			r.Schema.Fields = append(r.Schema.Fields, packageField{name, typ})
		}
		r.Schema.PrimaryKey, r.Schema.MissingValues = table.key, []string{""}
		p.Resources = append(p.Resources, r)
	}
	out, _ := json.MarshalIndent(p, "", "  ") // texts and numbers
	return string(out) + "\n"
}

// packageName returns the text as a data package is named: small letters, digits and hyphens.
func packageName(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(text))
}
