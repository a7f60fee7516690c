package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkScore runs the command from its arguments to its last byte on copies of
// the example; the program's own start is not in it.
func BenchmarkScore(b *testing.B) {
	for _, branches := range []int{40, 20_000} {
		data := filepath.Join(b.TempDir(), "data.csv")
		if err := os.WriteFile(data, copies(b, branches), 0o600); err != nil {
			b.Fatal(err)
		}
		for _, format := range []string{"table", "csv", "json"} {
			b.Run(fmt.Sprintf("branches=%d/%s", branches, format), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if run(context.Background(), program{nil, nil, io.Discard, os.Stderr},
						[]string{"score", "--scheme", examples + "five-forces.json", "--data", data, "--format", format}) != 0 {
						b.Fatal("failed")
					}
				}
			})
		}
	}
}

// copies repeats the branches of the example under codes of their own.
func copies(tb testing.TB, branches int) []byte {
	tb.Helper()
	file, err := os.ReadFile(examples + "data.csv")
	if err != nil {
		tb.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(file), []byte("\n"))
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n", lines[0])
	for i := range branches {
		_, rest, _ := bytes.Cut(lines[1+i%(len(lines)-1)], []byte(","))
		fmt.Fprintf(&out, "b%07d,%s\n", i, rest)
	}
	return out.Bytes()
}
