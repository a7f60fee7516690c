// Package odata answers questions of OData 4.0 about tables that are in memory: what Excel,
// Power BI and the like ask to load them, and no more. It knows no HTTP and no nouns.
package odata

import (
	"cmp"
	"encoding/xml"
	"slices"
	"strings"
)

// Type is a primitive type of OData.
type Type string

// The types of columns, and what their values are in Go; nil is null.
const (
	String  Type = "Edm.String"         // string
	Integer Type = "Edm.Int64"          // int64
	Double  Type = "Edm.Double"         // float64
	Boolean Type = "Edm.Boolean"        // bool
	Date    Type = "Edm.Date"           // string, as 2023-01-31
	Instant Type = "Edm.DateTimeOffset" // string, as 2023-01-31T08:00:00Z
)

// Column is a column of a set.
type Column struct {
	Name string
	Type Type
	Key  bool // the columns of the key together name one row; they are never null
}

// Set is a table. Every row has a value for each of its columns.
type Set struct {
	Name    string
	Columns []Column
}

// at returns the place of a column, -1 where there is none.
func (s Set) at(name string) int {
	return slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
}

// compare returns the order of two values of a column; null comes first.
func compare(a, b any) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	switch x := a.(type) {
	case string:
		return strings.Compare(x, b.(string))
	case int64:
		return cmp.Compare(x, b.(int64))
	case float64:
		return cmp.Compare(x, b.(float64))
	case bool:
		return cmp.Compare(boolean(x), boolean(b.(bool)))
	}
	return 0
}

func boolean(x bool) int {
	if x {
		return 1
	}
	return 0
}

// The names of the document of types.
const (
	namespace = "bulwark"
	edmx      = "http://docs.oasis-open.org/odata/ns/edmx"
	edm       = "http://docs.oasis-open.org/odata/ns/edm"
)

type property struct {
	Name     string `xml:"Name,attr"`
	Type     Type   `xml:"Type,attr"`
	Nullable bool   `xml:"Nullable,attr"`
}

type propertyRef struct {
	Name string `xml:"Name,attr"`
}

type entityType struct {
	Name       string        `xml:"Name,attr"`
	Key        []propertyRef `xml:"Key>PropertyRef"`
	Properties []property    `xml:"Property"`
}

type entitySet struct {
	Name string `xml:"Name,attr"`
	Type string `xml:"EntityType,attr"`
}

type document struct {
	XMLName xml.Name `xml:"edmx:Edmx"`
	NS      string   `xml:"xmlns:edmx,attr"`
	Version string   `xml:"Version,attr"`
	Schema  struct {
		NS        string       `xml:"xmlns,attr"`
		Namespace string       `xml:"Namespace,attr"`
		Types     []entityType `xml:"EntityType"`
		Container struct {
			Name string      `xml:"Name,attr"`
			Sets []entitySet `xml:"EntitySet"`
		} `xml:"EntityContainer"`
	} `xml:"edmx:DataServices>Schema"`
}

// Metadata returns the document of the types of the sets, CSDL in XML.
func Metadata(sets []Set) ([]byte, error) {
	d := document{NS: edmx, Version: "4.0"}
	d.Schema.NS, d.Schema.Namespace, d.Schema.Container.Name = edm, namespace, "Container"
	for _, s := range sets {
		t := entityType{Name: s.Name + "_row"}
		for _, c := range s.Columns {
			t.Properties = append(t.Properties, property{c.Name, c.Type, !c.Key})
			if c.Key {
				t.Key = append(t.Key, propertyRef{c.Name})
			}
		}
		d.Schema.Types = append(d.Schema.Types, t)
		d.Schema.Container.Sets = append(d.Schema.Container.Sets, entitySet{s.Name, namespace + "." + t.Name})
	}
	text, err := xml.Marshal(d)
	return append([]byte(xml.Header), text...), err
}

// Member is one line of the service document.
type member struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	URL  string `json:"url"`
}

// service is the service document.
type service struct {
	Context string   `json:"@odata.context"`
	Value   []member `json:"value"`
}

// Service returns the service document of the sets below an address, which ends with a slash.
func Service(base string, sets []Set) any {
	d := service{Context: base + "$metadata"}
	for _, s := range sets {
		d.Value = append(d.Value, member{s.Name, "EntitySet", s.Name})
	}
	return d
}
