package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// Report is the result of verifying a trail.
type Report struct {
	TownID  string `json:"town" example:"demo"`    // empty = the installation
	OK      bool   `json:"ok"`                     // nothing is wrong with the chain
	Records int64  `json:"records" example:"1204"` // of the chain, as far as it is whole
	Earlier int64  `json:"earlier" example:"0"`    // older than the chain, which does not protect them
	Anchors int64  `json:"anchors" example:"17"`   // heads kept elsewhere that agree
	Head    Head   `json:"head"`
	Fault   *Break `json:"fault,omitempty"` // the first one
}

// Verify follows the chain of the town (of the installation where townID is
// empty) from its first record to its head, in memory that does not grow with
// it, and compares every anchor of the town. Whoever owns the whole database can
// still cut the chain and compute a new end from there on: only an anchor after the cut
// shows that.
func Verify(ctx context.Context, db *gorm.DB, townID string, anchors []Anchor) (_ Report, err error) {
	defer fault.Wrap(&err, "verify the audit trail of %q", townID)
	var v verification
	err = database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		v = verification{tx: tx, report: Report{TownID: townID}, anchors: of(townID, anchors)}
		v.last.TownID = townID
		for sequence := range v.anchors {
			v.furthest = max(v.furthest, sequence)
		}
		err := v.run()
		if err != nil || v.report.Fault == nil || v.report.Fault.Kind != cutBeforeAnchor.name &&
			v.report.Fault.Kind != rewritten.name {
			return err
		}
		return v.restored()
	})
	v.report.OK = v.report.Fault == nil
	return v.report, err
}

// VerifyAll verifies the trail of the town, or of all towns and the installation
// where townID is empty, and hands each report to report.
func VerifyAll(ctx context.Context, db *gorm.DB, townID string, anchors []Anchor, report func(Report)) error {
	towns := []string{townID}
	if townID == "" {
		err := db.WithContext(ctx).Raw("SELECT town_id FROM audit_heads UNION SELECT town_id FROM audit_records").Scan(
			&towns).Error
		if err != nil {
			return err
		}
		for _, a := range anchors {
			towns = append(towns, a.TownID)
		}
	}
	slices.Sort(towns)
	for _, town := range slices.Compact(towns) {
		r, err := Verify(ctx, db, town, anchors)
		if err != nil {
			return err
		}
		report(r)
	}
	return nil
}

// verification is one way along a chain.
type verification struct {
	tx       *gorm.DB
	report   Report
	anchors  map[int64][]string // of this chain: sequence → the hashes that were seen there
	furthest int64              // sequence of the last anchor
	before   Head               // the record before last
	last     Head               // of the records so far
}

func of(townID string, anchors []Anchor) map[int64][]string {
	hashes := make(map[int64][]string)
	for _, a := range anchors {
		if a.TownID == townID && !slices.Contains(hashes[a.Sequence], a.Hash) {
			hashes[a.Sequence] = append(hashes[a.Sequence], a.Hash)
		}
	}
	return hashes
}

func (v *verification) run() error {
	head := Head{TownID: v.report.TownID}
	found := v.tx.Where("town_id = ?", v.report.TownID).Limit(1).Find(&head)
	if found.Error != nil {
		return found.Error
	}
	v.report.Head = head
	for _, step := range []func() error{v.earlier, v.follow} {
		if err := step(); err != nil || v.report.Fault != nil {
			return err
		}
	}
	switch {
	case head.Sequence > v.last.Sequence:
		v.wrong(v.last.Sequence+1, cut)
	case head != v.last && found.RowsAffected == 0:
		v.wrong(v.last.Sequence, headMissing)
	case head.Sequence < v.last.Sequence:
		v.wrong(head.Sequence+1, behindHead)
	case head != v.last:
		v.wrong(v.last.Sequence, headDiffers)
	case len(v.anchors) > 0:
		v.wrong(v.last.Sequence+1, cutBeforeAnchor)
	}
	return nil
}

// follow reads the chain in parts and stops at the first fault.
func (v *verification) follow() error {
	var after struct {
		sequence int64
		id       string
	}
	for v.report.Fault == nil {
		var part []Record
		// By id too: where someone dropped the unique index, two may share a place.
		err := v.tx.Where("town_id = ? AND sequence > 0 AND (sequence, id) > (?, ?)", v.report.TownID, after.sequence,
			after.id).
			Order("sequence, id").Limit(database.Batch).Find(&part).Error
		if err != nil {
			return err
		}
		for _, r := range part {
			if err := v.take(r); err != nil || v.report.Fault != nil {
				return err
			}
		}
		if len(part) < database.Batch {
			return nil
		}
		end := part[len(part)-1]
		after.sequence, after.id = end.Sequence, end.ID
	}
	return nil
}

// take compares the next record with the chain so far.
func (v *verification) take(r Record) error {
	switch {
	case r.Sequence == v.last.Sequence:
		v.wrong(r.Sequence, inserted)
		return nil
	case r.Sequence != v.last.Sequence+1:
		v.wrong(v.last.Sequence+1, removed)
		return nil
	case r.link(v.last.Hash) != r.Hash, r.Salt != "" && !r.salted():
		return v.explain(r)
	}
	if hashes := v.anchors[r.Sequence]; len(hashes) > 0 {
		if len(hashes) > 1 || hashes[0] != r.Hash {
			v.wrong(r.Sequence, rewritten)
			return nil
		}
		delete(v.anchors, r.Sequence)
		v.report.Anchors++
	}
	v.before, v.last = v.last, Head{TownID: r.TownID, Sequence: r.Sequence, Hash: r.Hash}
	v.report.Records++
	return nil
}

// earlier counts what is older than the chain. Nothing protects it, but it cannot
// be younger than the first record of the chain.
func (v *verification) earlier() error {
	old := v.tx.Model(&Record{}).Where("town_id = ? AND sequence < 1", v.report.TownID)
	if err := old.Session(&gorm.Session{}).Count(&v.report.Earlier).Error; err != nil || v.report.Earlier == 0 {
		return err
	}
	first := v.tx.Model(&Record{}).Select("at").Where("town_id = ? AND sequence = 1", v.report.TownID)
	var late []Record
	err := old.Where("at > (?)", first).Order("sequence").Limit(1).Find(&late).Error
	if len(late) > 0 {
		v.wrong(late[0].Sequence, tooYoung)
	}
	return err
}

// Break is where a trail is not what was written, and how.
type Break struct {
	Sequence int64     `json:"sequence" example:"17"` // of the first record that is missing or wrong
	Kind     string    `json:"kind" enums:"edited,inserted,removed,swapped,cut,rewritten,head,restored"`
	Message  text.Text `json:"message"`
}

// kind is one way in which a chain can be broken. Its words take the place, and
// %[2]d is the place before it.
type kind struct{ name, zh, en string }

var (
	edited = kind{
		"edited",
		"第 %[1]d 条与第 %[2]d 条接不上：两条之中有一条被改动", "record %[1]d does not continue record %[2]d: one of the two was edited",
	}
	inserted   = kind{"inserted", "第 %[1]d 条是后来插入的", "record %[1]d was inserted later"}
	behindHead = kind{
		"inserted", "链尾之后又有第 %[1]d 条：是后来加上的",
		"record %[1]d comes after the head of the chain: it was added later",
	}
	tooYoung = kind{
		"inserted", "第 %[1]d 条编号早于审计链，日期却更晚",
		"record %[1]d is numbered before the chain, but its date is later",
	}
	removed = kind{"removed", "第 %[1]d 条被删去", "record %[1]d was removed"}
	swapped = kind{"swapped", "第 %[1]d 条与另一条对调", "record %[1]d has changed places with another one"}
	cut     = kind{"cut", "从第 %[1]d 条起到链尾被删去", "the chain was cut: the records from %[1]d up to its head are gone"}

	cutBeforeAnchor = kind{
		"cut",
		"从第 %[1]d 条起被删去：库外留存的锚点证明它们存在过",
		"the chain was cut: an anchor kept elsewhere proves that there were records from %[1]d on",
	}
	rewritten = kind{
		"rewritten",
		"第 %[1]d 条的哈希与库外留存的锚点不同：它或更早的记录被改写，之后的链重新计算过",
		"record %[1]d has another hash than an anchor kept elsewhere: it or an earlier one was changed, and all later hashes were computed again",
	}
	headDiffers = kind{
		"head", "链尾所记的哈希与最后一条（第 %[1]d 条）不同",
		"the head of the chain has another hash than the last record, %[1]d",
	}
	headMissing = kind{"head", "链尾被删去；最后一条是第 %[1]d 条", "the head of the chain was removed; the last record is %[1]d"}
)

func (v *verification) wrong(sequence int64, k kind) {
	v.report.Fault = &Break{sequence, k.name, text.F(k.zh, k.en, sequence, sequence-1)}
}

// explain sets why r does not continue the chain: it continues the record before last, so
// that the last one was inserted; or one of those after it belongs in its place; or else
// it was edited.
func (v *verification) explain(r Record) error {
	at := r.Sequence
	r.Sequence = v.last.Sequence
	if r.Sequence > 0 && r.link(v.before.Hash) == r.Hash {
		v.wrong(r.Sequence, inserted)
		return nil
	}
	var others []Record
	var found bool
	err := v.tx.Where("town_id = ? AND sequence > ?", r.TownID,
		at).Order("sequence").Limit(database.Batch).Find(&others).Error
	for _, o := range others {
		o.Sequence = at
		hash := o.link(v.last.Hash)
		found = found || hash == o.Hash || hash == r.Hash
	}
	if found {
		v.wrong(at, swapped)
	} else {
		v.wrong(at, edited)
	}
	return err
}

// RestoreAction is what the trail of the installation calls the reading of a backup.
const RestoreAction = "backup.restore"

// OtherTools replaces the name of the backup in the record of a restore by other tools.
const OtherTools = "other-tools"

// Newest returns the time of the newest record of all trails, the zero time if there is none.
func Newest(ctx context.Context, db *gorm.DB) (_ time.Time, err error) {
	defer fault.Wrap(&err, "newest audit record")
	var r Record
	err = db.WithContext(ctx).Select("at").Order("at DESC").Limit(1).Find(&r).Error
	return r.At, err
}

// Restored is what the record of a restore holds, so that Verify can distinguish a trail
// that an older backup has shortened from one that was cut.
type Restored struct {
	At      time.Time        `json:"at"` // of the backup
	Bulwark string           `json:"bulwark"`
	Schema  int64            `json:"schema"`
	Dialect string           `json:"dialect"`
	Rows    int64            `json:"rows"`
	Heads   map[string]int64 `json:"heads"` // town → where its trail ended in the backup; "-" is the installation
}

// Ends returns the last sequence of every trail, by town; "-" is the installation.
func Ends(ctx context.Context, db *gorm.DB) (_ map[string]int64, err error) {
	defer fault.Wrap(&err, "heads of audit trails")
	var heads []Head
	err = db.WithContext(ctx).Find(&heads).Error
	ends := make(map[string]int64, len(heads))
	for _, h := range heads {
		ends[nameOf(h.TownID)] = h.Sequence
	}
	return ends, err
}

// nameOf returns the town as anchors name it.
func nameOf(townID string) string {
	if townID == "" {
		return installation
	}
	return townID
}

// townOf returns the town that anchors name so.
func townOf(name string) string {
	if name == installation {
		return ""
	}
	return name
}

// restored sets the fault "restored" where a backup was restored that is older than some
// anchors: they agree as far as the backup goes, and the later records are gone.
func (v *verification) restored() error {
	at := v.report.Fault.Sequence
	var record Record
	err := v.tx.Where("town_id = '' AND action = ?", RestoreAction).Order("sequence DESC").Limit(1).Find(&record).Error
	if err != nil || record.After == "" {
		return err
	}
	var r Restored
	if err := json.Unmarshal([]byte(record.After), &r); err != nil {
		return fmt.Errorf("the record of a restore: %w", errors.Join(errBadRecord, err))
	}
	if end, ok := r.Heads[nameOf(v.report.TownID)]; ok && at > end {
		v.report.Fault = &Break{at, "restored", text.F(
			"%[1]s 恢复了 %[2]s 的备份，审计链在其中止于第 %[3]d 条；锚点证明曾有直到第 %[4]d 条的记录，其后的已不在。请妥善保存原锚点文件，将 BULWARK_AUDIT_ANCHORS 指向新文件继续",
			"on %[1]s a backup of %[2]s was restored, in which the trail ended at record %[3]d; anchors prove that there were records up to %[4]d, which are gone. "+
				"Keep that file of anchors, and set BULWARK_AUDIT_ANCHORS to a new one to go on",
			record.At.Format(time.RFC3339), r.At.Format(time.RFC3339), end, v.furthest)}
	}
	return nil
}

var errBadRecord = errors.New("audit: it cannot be read")
