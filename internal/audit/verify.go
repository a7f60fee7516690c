package audit

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/database"
)

// Report says whether a trail is what was written.
type Report struct {
	TownID  string `json:"town" example:"demo"` // empty = the installation
	OK      bool   `json:"ok"`
	Records int64  `json:"records" example:"1204"` // of the chain, as far as it is whole
	Earlier int64  `json:"earlier" example:"0"`    // older than the chain, which does not protect them
	Anchors int64  `json:"anchors" example:"17"`   // heads kept elsewhere that agree
	Head    Head   `json:"head"`
	Fault   *Break `json:"fault,omitempty"` // the first one
}

// Verify follows the chain of the town (of the installation where townID is
// empty) from its first record to its head, in memory that does not grow with
// it, and compares every anchor of the town. Whoever owns the whole database can
// still cut the chain and lay a new end from the cut on: only an anchor behind
// the cut shows that.
func Verify(ctx context.Context, db *gorm.DB, townID string, anchors []Anchor) (Report, error) {
	var v verification
	err := database.ReadTx(ctx, db, func(tx *gorm.DB) error {
		v = verification{tx: tx, report: Report{TownID: townID}, anchors: of(townID, anchors)}
		v.last.TownID = townID
		for sequence := range v.anchors {
			v.furthest = max(v.furthest, sequence)
		}
		err := v.run()
		if err != nil || v.report.Fault == nil || v.report.Fault.Kind != cutBeforeAnchor.name && v.report.Fault.Kind != rewritten.name {
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
		err := db.WithContext(ctx).Raw("SELECT town_id FROM audit_heads UNION SELECT town_id FROM audit_records").Scan(&towns).Error
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
		err := v.tx.Where("town_id = ? AND sequence > 0 AND (sequence, id) > (?, ?)", v.report.TownID, after.sequence, after.id).
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

// take holds the next record against the chain so far.
func (v *verification) take(r Record) error {
	switch {
	case r.Sequence == v.last.Sequence:
		v.wrong(r.Sequence, inserted)
		return nil
	case r.Sequence != v.last.Sequence+1:
		v.wrong(v.last.Sequence+1, removed)
		return nil
	case r.link(v.last.Hash) != r.Hash:
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
