package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/backup"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/evidence"
	"bulwark/internal/evidence/store"
	"bulwark/internal/text"
)

// evidenceFolder returns the folder of the files of evidence, where they are in one.
func evidenceFolder(cfg config.Config) string {
	beside := database.SQLitePath(cfg.DatabaseURL)
	if beside != "" {
		beside += ".evidence"
	}
	return cmp.Or(cfg.EvidenceDir, beside, "evidence")
}

// openStore returns the store of the files of evidence. Nothing is made or sent yet.
func openStore(cfg config.Config) (store.Store, error) {
	if cfg.EvidenceS3URL == "" {
		return store.NewFolder(evidenceFolder(cfg)), nil
	}
	secret, err := os.ReadFile(cfg.EvidenceS3Secret)
	if err != nil {
		return nil, unreadableFile(cfg.EvidenceS3Secret, err)
	}
	b := store.Bucket{
		Plain: strings.HasPrefix(cfg.EvidenceS3URL, "http:"), Region: cfg.EvidenceS3Region, AccessKey: cfg.EvidenceS3AccessKey,
		SecretKey: strings.TrimSpace(string(secret)),
	}
	b.Endpoint, b.Name, b.Prefix, _ = cfg.Bucket()
	return store.NewS3(b)
}

// putInto returns what restores files into the store.
func putInto(ctx context.Context, s store.Store) func(backup.File) error {
	return func(f backup.File) error {
		return s.Put(ctx, f.Key, int64(len(f.Content)), strings.NewReader(string(f.Content)))
	}
}

// verifyEvidence reads every file of evidence, and prints a line for each that is missing or not the one that was stored.
func (p program) verifyEvidence(ctx context.Context, db *gorm.DB, s store.Store, town string) (bad int, err error) {
	files, err := evidence.Verify(ctx, db, s, town, func(line text.Text) {
		bad++
		p.print(p.out, line)
	})
	if err == nil && bad == 0 && files > 0 {
		p.print(p.out, text.F("已核对 %d 个佐证文件，全部与登记的一致", "%d files of evidence verified: all are those that were stored", files))
	}
	return bad, err
}

// evidence tries the store: it writes a small file and removes it again.
func (d *diagnosis) evidence(ctx context.Context) {
	s, err := openStore(d.cfg)
	if err != nil {
		d.failed("evidence", err)
		return
	}
	if folder, isFolder := s.(*store.Folder); isFolder {
		info, err := os.Stat(folder.String())
		switch {
		case errors.Is(err, os.ErrNotExist):
			d.ok("evidence", "佐证文件夹 %s 尚未建立，将随第一个文件建立", "the folder of evidence, %s, is not there yet: it is made with the first file", folder)
			return
		case err != nil || !info.IsDir():
			d.fail("evidence", "%s 不是可用的文件夹：请检查 BULWARK_EVIDENCE_DIR", "%s is no folder that can be used: check BULWARK_EVIDENCE_DIR", folder)
			return
		case info.Mode()&othersMayRead != 0:
			d.warn("evidence", "%[1]s 的权限为 %[2]o，其他用户可以访问：chmod 700 %[1]s",
				"%[1]s has the mode %[2]o, others can access it: chmod 700 %[1]s", folder, info.Mode().Perm())
			return
		}
	}
	if err := store.Check(ctx, s); err != nil {
		d.fail("evidence", "佐证文件存储 %[1]s 不可用：%[2]v", "the store of evidence, %[1]s, cannot be used: %[2]v", s, err)
		return
	}
	d.ok("evidence", "佐证文件存储可用：%s", "the store of evidence can be used: %s", s)
}
