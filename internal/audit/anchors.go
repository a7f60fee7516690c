package audit

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Anchor is a head that was seen at a time and is kept outside the database.
type Anchor struct {
	Seen time.Time
	Head
}

// installation stands for the empty town in a line of anchors; no code is that.
const installation = "-"

// String is the line of the anchor: time, town, sequence, hash.
func (a Anchor) String() string {
	return fmt.Sprintf("%s %s %d %s", a.Seen.UTC().Format(time.RFC3339), nameOf(a.TownID), a.Sequence, a.Hash)
}

// torn ends a line that a crash has left unfinished; such a line says nothing.
const torn = "#"

// ReadAnchors reads lines of anchors. A line that is none is an error: whoever
// keeps anchors wants to know.
func ReadAnchors(r io.Reader) ([]Anchor, error) {
	var anchors []Anchor
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasSuffix(line, torn) {
			continue
		}
		a, ok := parseAnchor(line)
		if !ok {
			return nil, fault.Invalid("bad_anchor",
				"锚点文件第 %d 行应为“时间 镇 序号 哈希”", "line %d of the anchors should be: time, town, sequence, hash", n)
		}
		anchors = append(anchors, a)
	}
	return anchors, lines.Err()
}

func parseAnchor(line string) (Anchor, bool) {
	parts := strings.Fields(line)
	if len(parts) != 4 {
		return Anchor{}, false
	}
	seen, err := time.Parse(time.RFC3339, parts[0])
	head, ok := ParseHead(parts[2] + ":" + parts[3])
	if parts[1] != installation {
		head.TownID = parts[1]
	}
	return Anchor{seen, head}, err == nil && ok && (parts[1] == installation || text.IsCode(parts[1]))
}

// ParseHead reads SEQUENCE:HASH, the head of some chain.
func ParseHead(s string) (Head, bool) {
	number, hash, _ := strings.Cut(s, ":")
	sequence, err := strconv.ParseInt(number, 10, 64)
	sum, notHex := hex.DecodeString(hash)
	return Head{Sequence: sequence, Hash: hash}, err == nil && sequence > 0 && notHex == nil && len(sum) == 32 && hash == strings.ToLower(hash)
}
