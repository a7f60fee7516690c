package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/evidence/store"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// LooseFile is a file that may be in the store although no evidence needs it.
type LooseFile struct {
	TownID string `gorm:"primaryKey"`
	File   string `gorm:"primaryKey"`
	Since  time.Time
}

// TableName returns the name of the table.
func (LooseFile) TableName() string { return "loose_files" }

// key returns under which key the file is stored. It begins with the SHA-256 of the content; the id makes that no two
// rows share a file, so that one can be removed without looking for others.
func (e Evidence) key() string { return e.SHA256[:2] + "/" + e.SHA256 + "-" + e.ID }

// looseFor is how long a loose file stays: longer than any upload, and long enough for a backup that has begun.
const looseFor = 24 * time.Hour

// Collect deletes the files that have been loose for a day, and returns how many.
func Collect(ctx context.Context, db *gorm.DB, s store.Store) (n int, err error) {
	defer fault.Wrap(&err, "collect loose files")
	for {
		var old []LooseFile
		err := db.WithContext(ctx).Where("since < ?", db.NowFunc().Add(-looseFor)).Order("since, town_id, file").
			Limit(database.Batch).Find(&old).Error
		if err != nil || len(old) == 0 {
			return n, err
		}
		for _, f := range old {
			needed, err := f.needed(ctx, db)
			if err != nil {
				return n, err
			}
			if !needed {
				if err := s.Remove(ctx, f.File); err != nil {
					return n, err
				}
				n++
			}
			err = database.InTx(ctx, db, func(tx *gorm.DB) error {
				return tx.Where("town_id = ? AND file = ?", f.TownID, f.File).Delete(&LooseFile{}).Error
			})
			if err != nil {
				return n, err
			}
		}
	}
}

// needed reports whether evidence has the file all the same: no row of this table alone takes it away.
func (f LooseFile) needed(ctx context.Context, db *gorm.DB) (bool, error) {
	hash, id, _ := strings.Cut(path.Base(f.File), "-")
	var list []Evidence
	err := db.WithContext(ctx).Where("id = ? AND sha256 = ? AND removed_at IS NULL", id, hash).Limit(1).Find(&list).Error
	return len(list) > 0, err
}

// Open returns a file and what is known of it, if the caller may read what it belongs to. Reading ends with an error
// before the last bytes where they are not those that were stored. The caller closes it.
func Open(ctx context.Context, db *gorm.DB, s store.Store, townID, id string) (e Evidence, _ io.ReadCloser, err error) {
	defer fault.Wrap(&err, "open evidence %s", id)
	if e, err = Find(ctx, db, townID, id); err != nil {
		return e, nil, err
	}
	if e.RemovedAt != nil {
		return e, nil, removed(e, fault.KindNotFound)
	}
	file, err := s.Open(ctx, e.key())
	if errors.Is(err, fs.ErrNotExist) {
		return e, nil, fault.New(fault.KindInternal, "evidence_missing", text.F("佐证文件丢失：请联系管理员，从备份中恢复",
			"the file is missing from the store: tell the administrator, who finds it in a backup")).Because(err)
	}
	if err != nil {
		return e, nil, err
	}
	return e, &checked{file: file, left: e.Bytes, want: e.SHA256, sum: sha256.New()}, nil
}

// errChanged is the error of a file that is not the one that was stored.
var errChanged = errors.New("evidence: the file in the store is not the one that was stored")

// checked reads a file and compares it with its hash before it returns the last bytes.
type checked struct {
	file io.ReadCloser
	left int64
	want string
	sum  hash.Hash
}

// Read returns the next bytes.
func (c *checked) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := io.ReadFull(c.file, p[:min(int64(len(p)), c.left)])
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errChanged, err)
	}
	c.sum.Write(p[:n])
	if c.left -= int64(n); c.left > 0 {
		return n, nil
	}
	if more, _ := c.file.Read(make([]byte, 1)); more > 0 || hex.EncodeToString(c.sum.Sum(nil)) != c.want {
		return 0, errChanged
	}
	return n, nil
}

// Close closes the file.
func (c *checked) Close() error { return c.file.Close() }

// live calls do with the evidence whose files should be in the store, in the order of towns and ids.
func live(ctx context.Context, db *gorm.DB, townID string, do func(Evidence) error) error {
	last := Evidence{}
	for {
		var list []Evidence
		q := db.WithContext(ctx).Where("removed_at IS NULL AND (town_id, id) > (?, ?)", last.TownID, last.ID)
		if townID != "" {
			q = q.Where("town_id = ?", townID)
		}
		if err := q.Order("town_id, id").Limit(database.Batch).Find(&list).Error; err != nil || len(list) == 0 {
			return err
		}
		for _, e := range list {
			if err := do(e); err != nil {
				return err
			}
		}
		last = list[len(list)-1]
	}
}

// Verify reads every file of the town, of all towns where it is empty, and reports each that is missing or not the one
// that was stored. It returns how many files it has read.
func Verify(ctx context.Context, db *gorm.DB, s store.Store, townID string, report func(text.Text)) (n int, err error) {
	defer fault.Wrap(&err, "verify evidence")
	err = live(ctx, db, townID, func(e Evidence) error {
		n++
		content, err := readWhole(ctx, s, e)
		name := e.TownID + "/evidence/" + e.ID
		switch {
		case errors.Is(err, fs.ErrNotExist):
			report(text.F("%[1]s：存储中没有文件 %[2]s", "%[1]s: the store has no file %[2]s", name, e.key()))
		case fault.Is(err, fault.KindUnavailable), ctx.Err() != nil:
			return err
		case err != nil:
			report(text.F("%[1]s：文件 %[2]s 无法读取：%[3]v", "%[1]s: the file %[2]s cannot be read: %[3]v", name, e.key(), err))
		case content.SHA256 != e.SHA256:
			report(text.F("%[1]s：文件 %[2]s 与登记的不符：SHA-256 登记为 %[3]s，现为 %[4]s",
				"%[1]s: the file %[2]s is not the one that was stored: its SHA-256 was %[3]s and is %[4]s", name, e.key(), e.SHA256, content.SHA256))
		}
		return nil
	})
	return n, err
}

// readWhole returns the file of the evidence. It is never larger than MaxBytes, unless somebody changed it.
func readWhole(ctx context.Context, s store.Store, e Evidence) (f backup.File, err error) {
	in, err := s.Open(ctx, e.key())
	if err != nil {
		return f, err
	}
	f = backup.File{Key: e.key()}
	f.Content, err = io.ReadAll(io.LimitReader(in, MaxBytes+1))
	f.SHA256 = digestOf(f.Content)
	return f, errors.Join(err, in.Close())
}

// Backup returns what a backup takes of the files, which are in the store: those of the rows that tx sees.
func Backup(s store.Store) backup.Files {
	return func(ctx context.Context, tx *gorm.DB, take func(backup.File) error) error {
		return live(ctx, tx, "", func(e Evidence) error {
			f, err := readWhole(ctx, s, e)
			switch {
			case fault.Is(err, fault.KindUnavailable), ctx.Err() != nil:
				return err
			case err != nil || f.SHA256 != e.SHA256:
				return take(backup.File{Key: e.key(), SHA256: e.SHA256, Lost: true})
			}
			return take(f)
		})
	}
}
