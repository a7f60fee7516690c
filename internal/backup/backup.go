// Package backup writes a whole database into one file and reads it back, into
// SQLite or PostgreSQL, whichever it came from.
//
// A backup is zstd of lines, so that any tool can look into it. The first line is
// the header; then come the tables in the order in which they can be restored,
// each as its rows, one JSON array a line, and a line that counts and hashes
// them; the last line counts and hashes the whole:
//
//	{"format":"bulwark backup 1","bulwark":"1.4.0","schema":9,"at":…,"dialect":"sqlite","tables":[…]}
//	["44",null,"province",…]
//	{"table":"areas","rows":1,"sha256":"…"}
//	{"tables":1,"rows":1,"sha256":"…"}
//
// Values are exact and the same from both databases: integers in full, reals as
// the shortest number that reads back to the same bits (but -0 as 0), times in RFC 3339 and
// UTC. Rows stand in the order of their primary key, so equal tables have equal
// hashes. A seal behind the last line covers the compressed bytes. The hashes
// find damage; they are no signature.
package backup

import "time"

// format names the layout; another one gets another number.
const format = "bulwark backup 1"

// Header says what a backup holds.
type Header struct {
	Format  string    `json:"format"`
	Bulwark string    `json:"bulwark"` // version of the program that wrote it
	Schema  int64     `json:"schema"`  // number of the last migration
	At      time.Time `json:"at"`
	Dialect string    `json:"dialect"` // database.SQLite or database.PostgreSQL
	Tables  []Table   `json:"tables"`  // in the order of the file
}

// Count is the line behind the rows of a table.
type Count struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // of the lines of the rows, with their newlines
}

// Trailer is the last line.
type Trailer struct {
	Tables int    `json:"tables"`
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"` // of all lines before, with their newlines
}

// Summary is what was written or restored.
type Summary struct {
	Header  Header
	Counts  []Count // in the order of Header.Tables
	Trailer Trailer
}

// Rows returns the number of rows of the table, 0 for one that is not there.
func (s Summary) Rows(table string) int64 {
	for _, c := range s.Counts {
		if c.Table == table {
			return c.Rows
		}
	}
	return 0
}

// add takes in the count of the next table.
func (s *Summary) add(c Count) {
	s.Counts = append(s.Counts, c)
	s.Trailer.Tables++
	s.Trailer.Rows += c.Rows
}
