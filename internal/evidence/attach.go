package evidence

import (
	"context"
	"io"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evidence/store"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// How many files a record may have at once.
const (
	maxFiles     = 20  // at a record, and at one value of a sheet
	maxSheetWide = 100 // at all values of a sheet
)

// Received is a file as it came.
type Received struct {
	Name    string // as the sender calls it
	Content io.ReaderAt
	Bytes   int64
	SHA256  string
}

// Attach keeps a file at a record that the caller can write now. The file is stored before the row, and is known as
// loose until then, so that a crash leaves no row without its file and no file that nobody collects. The same file at the
// same record is kept once: sent again, it is the evidence that is there.
func Attach(ctx context.Context, db *gorm.DB, s store.Store, to Ref, in Received) (e Evidence, err error) {
	defer fault.Wrap(&err, "attach evidence to %s %s", to.Of, to.Record)
	admitted, err := admit(ctx, db, to, in.SHA256, nil)
	if err != nil || admitted.ID != "" {
		return admitted, err
	}
	k, err := keep(ctx, in.Content, in.Bytes, in.SHA256)
	if err != nil {
		return e, err
	}
	p := access.PrincipalFrom(ctx)
	e = Evidence{
		ID: database.NewID(), Name: nameOf(in.Name, k.format), MediaType: k.mediaType, Bytes: k.bytes, SHA256: k.sha256,
		Width: k.width, Height: k.height, ReceivedBytes: in.Bytes, ReceivedSHA256: in.SHA256,
		AddedBy: p.Name(), AddedRole: p.Role, Versioned: database.Versioned{Version: 1},
	}
	e.belongs(to)
	if err := loosen(ctx, db, e); err != nil {
		return e, err
	}
	if err := s.Put(ctx, e.key(), k.bytes, k.content()); err != nil {
		return e, err
	}
	return admit(ctx, db, to, in.SHA256, &e)
}

// admit refuses what the caller cannot attach to the record now, and returns the evidence that is the same file. It
// stores e, if there is none and e is not nil.
func admit(ctx context.Context, db *gorm.DB, to Ref, received string, e *Evidence) (after Evidence, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		o, err := to.find(ctx, tx)
		if err != nil {
			return err
		}
		if err := o.check(ctx, tx, to.Indicator); err != nil {
			return err
		}
		if err := o.hold(ctx, tx); err != nil {
			return err
		}
		p := access.PrincipalFrom(ctx)
		var there []Evidence
		if err := to.rows(tx.WithContext(ctx)).Where("removed_at IS NULL").Find(&there).Error; err != nil {
			return err
		}
		same := 0
		for _, x := range there {
			switch {
			case x.Indicator != to.Indicator:
			case x.ReceivedSHA256 == received:
				after = x.show(p, o).tell(p)
				return nil
			default:
				same++
			}
		}
		if same >= maxFiles || len(there) >= maxSheetWide {
			return fault.Conflict("too_much_evidence",
				"佐证已达上限（每项 %[1]d 个，每张考评表 %[2]d 个）：请先移除不需要的文件",
				"there are as many files as can be: %[1]d at a record or value, %[2]d at an evaluation. Remove some first", maxFiles, maxSheetWide)
		}
		after = Evidence{}
		if e == nil {
			return nil
		}
		row := *e
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		if err := tx.Where("town_id = ? AND file = ?", row.TownID, row.key()).Delete(&LooseFile{}).Error; err != nil {
			return err
		}
		row = row.show(p, o)
		after = row.tell(p)
		return audit.Write(ctx, tx, audit.Change{
			Town: row.TownID, Action: "evidence.attach", Subject: "evidence/" + row.ID, After: row,
		})
	})
	return after, err
}

// Remove removes a file that the caller has attached to a record that he or she can still write, or, by who may
// pseudonymise people, any file that must go. The row stays with the reason; the file itself goes a day later.
func Remove(ctx context.Context, db *gorm.DB, ref workflow.Ref, reason string) (after Evidence, err error) {
	defer fault.Wrap(&err, "remove evidence %s", ref.ID)
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		p := access.PrincipalFrom(ctx)
		e, o, err := read(ctx, tx, ref.Town, ref.ID)
		if err != nil && !(fault.Is(err, fault.KindNotFound) && e.ID != "" && e.erasable(p)) {
			return err
		}
		if !e.erasable(p) {
			if err := o.hold(ctx, tx); err != nil {
				return err
			}
			if e.AddedBy != p.Name() {
				return fault.Forbidden("not_your_evidence", "只有提交人可以移除该佐证；因个人信息须移除的，请联系管理员",
					"only who attached the file removes it; where personal data must go, ask an administrator")
			}
		}
		if e.RemovedAt != nil {
			return removed(e, fault.KindConflict)
		}
		before := e.show(p, o)
		columns := map[string]any{"removed_at": tx.NowFunc(), "removed_by": p.Name(), "removed_reason": reason}
		if err := database.UpdateVersioned(tx, &e, ref.Version, columns); err != nil {
			return err
		}
		if err := loose(tx, e); err != nil {
			return err
		}
		fresh, err := database.Take[Evidence](tx.WithContext(ctx).Where("town_id = ? AND id = ?", ref.Town, ref.ID), noun, ref.ID)
		if err != nil {
			return err
		}
		fresh = fresh.show(p, o)
		after = fresh.tell(p)
		return audit.Write(ctx, tx, audit.Change{
			Town: ref.Town, Action: "evidence.remove", Subject: "evidence/" + ref.ID, Before: before, After: fresh, Reason: reason,
		})
	})
	return after, err
}

// removed returns the refusal of what can no longer be done with a file.
func removed(e Evidence, kind fault.Kind) error {
	return fault.New(kind, "evidence_removed", text.F("该佐证已于 %[1]s 移除：%[2]s", "this file was removed on %[1]s: %[2]s",
		day.Of(*e.RemovedAt), e.RemovedReason))
}

// loose records that the file of the evidence may be in the store although nothing needs it.
func loose(tx *gorm.DB, e Evidence) error {
	return tx.Clauses(clause.OnConflict{DoNothing: true}).
		Create(&LooseFile{TownID: e.TownID, File: e.key(), Since: tx.NowFunc()}).Error
}

// loosen is loose in a transaction of its own.
func loosen(ctx context.Context, db *gorm.DB, e Evidence) error {
	return database.InTx(ctx, db, func(tx *gorm.DB) error { return loose(tx, e) })
}
