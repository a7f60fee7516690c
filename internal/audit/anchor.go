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
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Anchor is a head that was seen at a time and is kept outside the database.
type Anchor struct {
	Seen time.Time
	Head
	Signatures string // lines of the note of Text; none where nobody has signed it
}

// Text returns what the note of the anchor states.
func (a Anchor) Text() string {
	return fmt.Sprintf("bulwark/head 1\ntown %s\nsequence %d\nhash %s\nseen %s\n",
		nameOf(a.TownID), a.Sequence, a.Hash, a.Seen.UTC().Format(time.RFC3339))
}

// Note returns the signed note of the anchor, or its text where nobody has signed it.
func (a Anchor) Note() string {
	if a.Signatures == "" {
		return a.Text()
	}
	return a.Text() + "\n" + a.Signatures
}

// signed returns the anchor with the signatures of its text.
func (a Anchor) signed(sign func(text string) (string, error)) (Anchor, error) {
	if sign == nil {
		return a, nil
	}
	note, err := sign(a.Text())
	if err != nil {
		return a, err
	}
	a.Signatures = strings.TrimPrefix(strings.TrimPrefix(note, a.Text()), "\n")
	return a, nil
}

// installation stands for the empty town in a line of anchors; no code is that.
const installation = "-"

// String returns the line of the anchor: time, town, sequence, hash, and the lines of
// its signatures. From the first four the text can be written again.
func (a Anchor) String() string {
	line := fmt.Sprintf("%s %s %d %s", a.Seen.UTC().Format(time.RFC3339), nameOf(a.TownID), a.Sequence, a.Hash)
	return strings.TrimSuffix(line+" "+strings.ReplaceAll(a.Signatures, "\n", " "), " ")
}

// torn ends a line that a crash has left unfinished; such a line is skipped.
const torn = "#"

// differs ends a line about a trail that did not have its last anchor any more: time,
// town, sequence of the anchor, and the hash that was there. It is no anchor.
const differs = " differs " + torn

// ReadAnchors returns the anchors of lines, and the towns whose trails were found to
// differ. A line that is none is an error: whoever keeps anchors wants to know.
func ReadAnchors(r io.Reader) (anchors []Anchor, differing []string, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if found, ok := strings.CutSuffix(line, differs); ok {
			if parts := strings.Fields(found); len(parts) == 4 {
				differing = append(differing, townOf(parts[1]))
			}
		}
		if line == "" || strings.HasSuffix(line, torn) {
			continue
		}
		a, ok := parseAnchor(line)
		if !ok {
			return nil, nil, fault.Invalid("bad_anchor",
				"锚点文件第 %d 行应为“时间 镇 序号 哈希”，其后可有签名",
				"line %d of the anchors should be: time, town, sequence, hash, and signatures if any", n)
		}
		anchors = append(anchors, a)
	}
	return anchors, differing, lines.Err()
}

func parseAnchor(line string) (Anchor, bool) {
	parts := strings.Fields(line)
	if len(parts) < 4 || len(parts)%3 != 1 {
		return Anchor{}, false
	}
	var signatures strings.Builder
	for signature := range slices.Chunk(parts[4:], 3) { // a dash, the name of a key, the signature
		if signature[0] != dash {
			return Anchor{}, false
		}
		signatures.WriteString(strings.Join(signature, " ") + "\n")
	}
	seen, err := time.Parse(time.RFC3339, parts[0])
	head, ok := ParseHead(parts[2] + ":" + parts[3])
	head.TownID = townOf(parts[1])
	known := parts[1] == installation || text.IsCode(parts[1])
	return Anchor{seen, head, signatures.String()}, err == nil && ok && known
}

// dash begins the line of a signature in a note.
const dash = "—"

// ParseHead reads SEQUENCE:HASH, the head of some chain.
func ParseHead(s string) (Head, bool) {
	number, hash, _ := strings.Cut(s, ":")
	sequence, err := strconv.ParseInt(number, 10, 64)
	sum, notHex := hex.DecodeString(hash)
	return Head{Sequence: sequence, Hash: hash}, err == nil && sequence > 0 && notHex == nil && len(sum) == 32 &&
		hash == strings.ToLower(hash)
}

// AnchorFile is a text file that gets a line whenever a chain has grown. Kept where the
// owner of the database cannot write, it shows what he or she changed.
type AnchorFile struct {
	Sign func(text string) (note string, err error) // nil: anchors are unsigned

	path      string
	last      map[string]Head // town → the head anchored last
	differing map[string]bool // towns whose chains have lost their anchor: they get none until there is another file
	count     atomic.Int64    // of those
}

// OpenAnchors reads the anchors of the file, which is made where it is missing.
func OpenAnchors(path string) (*AnchorFile, error) {
	a := &AnchorFile{path: path, last: make(map[string]Head), differing: make(map[string]bool)}
	anchors, differing, err := loadAnchors(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, anchor := range anchors {
		a.last[anchor.TownID] = anchor.Head
	}
	for _, town := range differing {
		a.differing[town] = true
	}
	a.count.Store(int64(len(a.differing)))
	return a, a.write("") // find out now whether it can be written
}

// Differing returns how many trails do not have their last anchor any more. It may be
// called while Keep runs.
func (a *AnchorFile) Differing() int { return int(a.count.Load()) }

// LoadAnchors reads a file of anchors.
func LoadAnchors(path string) ([]Anchor, error) {
	anchors, _, err := loadAnchors(path)
	return anchors, err
}

func loadAnchors(path string) (anchors []Anchor, differing []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, unusable(path, err)
	}
	if whole := bytes.LastIndexByte(data, '\n') + 1; whole < len(data) {
		data = data[:whole] // a crash has torn the last line
	}
	return ReadAnchors(bytes.NewReader(data))
}

// AnchorState is the comparison of a file of anchors with the trails of a database.
type AnchorState struct {
	Anchors   int       // in the file
	Last      time.Time // of the last anchor
	Differing []string  // towns whose trails have lost their anchors, "" is the installation
	Behind    int       // trails that have grown since their last anchor
	Since     time.Time // when the first record after an anchor was made
}

// StateOfAnchors compares the file with the trails, and writes nothing. A file that is not
// there is fs.ErrNotExist.
func StateOfAnchors(ctx context.Context, db *gorm.DB, path string) (s AnchorState, err error) {
	anchors, differing, err := loadAnchors(path)
	if err != nil {
		return s, err
	}
	a := AnchorFile{path: path, last: make(map[string]Head), differing: make(map[string]bool)}
	s.Anchors, s.Differing = len(anchors), differing
	for _, anchor := range anchors {
		a.last[anchor.TownID], s.Last = anchor.Head, anchor.Seen
	}
	var heads []Head
	if err := db.WithContext(ctx).Where("sequence > 0").Order("town_id").Find(&heads).Error; err != nil {
		return s, err
	}
	lost, err := a.lookUp(ctx, db, heads)
	if err != nil {
		return s, err
	}
	for _, found := range lost {
		if !slices.Contains(s.Differing, found.TownID) {
			s.Differing = append(s.Differing, found.TownID)
		}
	}
	for _, head := range heads {
		last := a.last[head.TownID].Sequence
		if head.Sequence <= last {
			continue
		}
		s.Behind++
		var first Record
		err := db.WithContext(ctx).Select("at").Where("town_id = ? AND sequence > ?", head.TownID, last).
			Order("sequence").Limit(1).
			Find(&first).Error
		if err != nil {
			return s, err
		}
		if s.Since.IsZero() || first.At.Before(s.Since) {
			s.Since = first.At
		}
	}
	return s, nil
}

// Keep writes the head of every chain that has grown since the last time, and returns how
// many. Before that it looks every last anchor up in its chain. A chain that does not have
// it any more is an error, and gets no anchor from then on: one of what was changed would
// look as if all were well. A line of the file keeps that beyond a restart.
func (a *AnchorFile) Keep(ctx context.Context, db *gorm.DB) (int, error) {
	var heads []Head
	if err := db.WithContext(ctx).Where("sequence > 0").Order("town_id").Find(&heads).Error; err != nil {
		return 0, err
	}
	lost, err := a.lookUp(ctx, db, heads)
	if err != nil {
		return 0, err
	}
	var lines strings.Builder
	for _, found := range lost {
		a.differing[found.TownID] = true
		lines.WriteString(Anchor{Seen: db.NowFunc(), Head: found}.String() + differs + "\n")
	}
	a.count.Store(int64(len(a.differing)))
	var moved []Head
	var unsigned error
	for _, head := range heads {
		if last := a.last[head.TownID]; head != last && !a.differing[head.TownID] {
			anchor, err := Anchor{Seen: db.NowFunc(), Head: head}.signed(a.Sign)
			unsigned = errors.Join(unsigned, err) // it is better than none
			moved = append(moved, head)
			lines.WriteString(anchor.String() + "\n")
		}
	}
	broken := errors.Join(a.refuseDiffering(), unsigned)
	if lines.Len() > 0 {
		if err := a.write(lines.String()); err != nil {
			return 0, errors.Join(broken, err)
		}
	}
	for _, head := range moved {
		a.last[head.TownID] = head
	}
	return len(moved), broken
}

// lookedUpAtOnce bounds a statement: SQLite nests its conditions.
const lookedUpAtOnce = 100

// lookUp returns for each chain that is newly found without its last anchor what stands
// in its place. A head that has gone back, or is not the last record, counts likewise.
func (a *AnchorFile) lookUp(ctx context.Context, db *gorm.DB, heads []Head) (lost []Head, err error) {
	now := make(map[string]Head, len(heads))
	for _, head := range heads {
		now[head.TownID] = head
	}
	for part := range slices.Chunk(slices.Sorted(maps.Keys(a.last)), lookedUpAtOnce) {
		places := db.Session(&gorm.Session{NewDB: true})
		for _, town := range part {
			places = places.Or("town_id = ? AND sequence IN ?", town, []int64{a.last[town].Sequence, now[town].Sequence})
		}
		var found []Head
		err := db.WithContext(ctx).Model(&Record{}).Select("town_id", "sequence", "hash").Where(places).Find(&found).Error
		if err != nil {
			return nil, err
		}
		hashes := make(map[Head]bool, len(found))
		at := make(map[string]string, len(found)) // town → hash at the place of its anchor
		for _, r := range found {
			hashes[r] = true
			if r.Sequence == a.last[r.TownID].Sequence {
				at[r.TownID] = r.Hash
			}
		}
		for _, town := range part {
			last, head := a.last[town], now[town]
			switch {
			case a.differing[town]:
			case !hashes[last], !hashes[head], head.Sequence < last.Sequence:
				hash := at[town]
				if hash == "" {
					hash = none
				}
				lost = append(lost, Head{town, last.Sequence, hash})
			}
		}
	}
	return lost, nil
}

// none stands for a hash where there is no record.
const none = "-"

// refuseDiffering returns an error for each chain that differs.
func (a *AnchorFile) refuseDiffering() error {
	var broken []error
	for _, town := range slices.Sorted(maps.Keys(a.differing)) {
		broken = append(broken, fault.Conflict("trail_differs",
			"审计链 %[1]s 已不含第 %[2]d 条的锚点，不再为其写入锚点：请运行 bulwark verify",
			"the audit trail %[1]s no longer contains its anchor of record %[2]d, so no more anchors are written for it: run bulwark verify",
			nameOf(town), a.last[town].Sequence))
	}
	return errors.Join(broken...)
}

// write puts whole lines at the end of the file and sees them onto the disk.
func (a *AnchorFile) write(lines string) (err error) {
	file, err := database.CreateFile(a.path, os.O_RDWR|os.O_APPEND)
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
		"锚点文件 %s 无法读写：请检查 BULWARK_AUDIT_ANCHORS 所指的路径",
		"the file of anchors %s cannot be used: check the path in BULWARK_AUDIT_ANCHORS", path).Because(err)
}
