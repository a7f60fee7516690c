package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

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

// String returns the line of the anchor: time, town, sequence, hash.
func (a Anchor) String() string {
	return fmt.Sprintf("%s %s %d %s", a.Seen.UTC().Format(time.RFC3339), nameOf(a.TownID), a.Sequence, a.Hash)
}

// torn ends a line that a crash has left unfinished; such a line is skipped.
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

// AnchorFile is a text file that gets a line whenever a chain has grown. Kept where the
// owner of the database cannot write, it shows what he or she changed.
type AnchorFile struct {
	path string
	last map[string]Head // town → the head anchored last
}

// OpenAnchors reads the anchors of the file, which is made where it is missing.
func OpenAnchors(path string) (*AnchorFile, error) {
	a := &AnchorFile{path: path, last: make(map[string]Head)}
	anchors, err := LoadAnchors(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, anchor := range anchors {
		a.last[anchor.TownID] = anchor.Head
	}
	return a, a.write("") // find out now whether it can be written
}

// LoadAnchors reads a file of anchors.
func LoadAnchors(path string) ([]Anchor, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, unusable(path, err)
	}
	if whole := bytes.LastIndexByte(data, '\n') + 1; whole < len(data) {
		data = data[:whole] // a crash has torn the last line
	}
	return ReadAnchors(bytes.NewReader(data))
}

// Keep writes the head of every chain that has grown since the last time, and returns how
// many. A chain that has become shorter, or has another hash where it had ended, is an
// error and is not written.
func (a *AnchorFile) Keep(ctx context.Context, db *gorm.DB) (int, error) {
	var heads []Head
	if err := db.WithContext(ctx).Where("sequence > 0").Order("town_id").Find(&heads).Error; err != nil {
		return 0, err
	}
	var lines strings.Builder
	var moved []Head
	var broken []error
	for _, head := range heads {
		last := a.last[head.TownID]
		switch {
		case head == last:
		case head.Sequence <= last.Sequence:
			broken = append(broken, fault.Conflict("chain_went_back",
				"%q 的审计链已到第 %d 条，现在却止于第 %d 条：请运行 bulwark verify",
				"the audit chain of %q had reached record %d and now ends at %d: run bulwark verify", head.TownID, last.Sequence, head.Sequence))
		default:
			moved = append(moved, head)
			lines.WriteString(Anchor{db.NowFunc(), head}.String() + "\n")
		}
	}
	if len(moved) > 0 {
		if err := a.write(lines.String()); err != nil {
			return 0, errors.Join(append(broken, err)...)
		}
	}
	for _, head := range moved {
		a.last[head.TownID] = head
	}
	return len(moved), errors.Join(broken...)
}

// write puts whole lines at the end of the file and sees them onto the disk.
func (a *AnchorFile) write(lines string) (err error) {
	file, err := os.OpenFile(a.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return unusable(a.path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	info, err := file.Stat()
	if err != nil {
		return unusable(a.path, err)
	}
	end := []byte("\n")
	if info.Size() > 0 {
		if _, err := file.ReadAt(end, info.Size()-1); err != nil {
			return unusable(a.path, err)
		}
	}
	if end[0] != '\n' {
		lines = torn + "\n" + lines
	}
	if _, err := file.WriteString(lines); err != nil {
		return unusable(a.path, err)
	}
	return file.Sync()
}

func unusable(path string, err error) error {
	return fault.Unavailable("anchor_file",
		"锚点文件 %s 无法读写：请检查 BULWARK_AUDIT_ANCHORS 所指的路径", "the file of anchors %s cannot be used: check the path in BULWARK_AUDIT_ANCHORS", path).Because(err)
}
