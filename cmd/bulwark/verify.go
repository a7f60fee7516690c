package main

import (
	"context"
	"errors"
	"flag"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/backup"
	"bulwark/internal/database"
	"bulwark/internal/evidence/store"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/jobs"
	"bulwark/internal/signature"
	"bulwark/internal/text"
)

// verify reads every table, computes every stored run again and compares it with its
// receipt and with the rows that are served, and follows every audit trail from its first
// record to its end. It ends with an error if anything is damaged or differs.
func verify(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("verify", flag.ContinueOnError)
	town := f.String("town", "", "only the runs and the trail of this town")
	file := f.String("anchors", "", "file of anchors for the trails (default BULWARK_AUDIT_ANCHORS)")
	packageFile := f.String("package", "", "check this package of a publication instead, without a database")
	keyFile := f.String("key", "",
		"file of public keys that you trust, one a line or the content of /.well-known/bulwark-keys")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	public, err := trusted(*keyFile)
	if err != nil {
		return err
	}
	if *packageFile != "" {
		return p.verifyPackage(*packageFile, public)
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	settings := signing(cfg)
	settings.Trusted = public
	ctx = signature.With(ctx, settings)
	if *file == "" {
		*file = cfg.AuditAnchors
	}
	var anchors []audit.Anchor
	if *file != "" {
		if anchors, err = audit.LoadAnchors(*file); err != nil {
			return err
		}
	}
	cfg.StatementTimeout = -1 // a table is one statement, however large
	db, err := openMigrated(ctx, cfg, databaseOptions(cfg, logger(cfg, p.err)))
	if err != nil {
		return err
	}
	defer database.Close(db)
	files, err := openStore(cfg)
	if err != nil {
		return err
	}
	found, err := p.verifyAll(ctx, db, files, *town, anchors)
	if *town == "" {
		p.record(ctx, db, jobs.VerifyTask, errors.Join(err, found.refuse()))
	}
	if err != nil {
		return err
	}
	if *file == "" {
		p.print(p.out, text.F(
			"未提供锚点：审计链尾部若被整段改写，无法发现（见 docs/audit.md）",
			"without anchors, a trail whose end was removed or rewritten is not detected: see docs/audit.md"))
	}
	if err := found.refuse(); err != nil {
		return err
	}
	if found.restored > 0 {
		return fault.Conflict("behind_anchors",
			"%d 条审计链因恢复了较早的备份而落后于锚点，其余一致（见 docs/audit.md）",
			"%d audit trails end before their anchors, because an older backup was restored; all else agrees: see docs/audit.md",
			found.restored)
	}
	return nil
}

// record stores when a task was done last. That it cannot is no failure of the task: a
// full disk must not keep anybody from a backup.
func (p program) record(ctx context.Context, db *gorm.DB, task string, failure error) {
	if ctx.Err() != nil {
		return
	}
	if err := jobs.Record(ctx, db, task, failure); err != nil {
		p.print(p.err, text.F("未能记录本次运行的时间：%v", "when this was done could not be recorded: %v", err))
	}
}

// differences are what verifyAll has found, by number.
type differences struct {
	runs, trails int
	rows, schema int // places that differ from the trail, and from the schema of the program
	signatures   int // of statements about keys, and of anchors
	files        int // of evidence that are missing or not those that were stored
	references   int // pairs of tables between which references lead nowhere
	restored     int // trails that only lie behind their anchors, since an older backup was restored
}

// refuse returns an error unless all agrees; trails behind their anchors do.
func (d differences) refuse() error {
	switch {
	case d.runs+d.trails+d.rows+d.schema > 0:
		return fault.Conflict("not_verified",
			"%d 个计算批次与其凭证不符，%d 条审计链有问题，%d 处数据与审计链不符，%d 处数据库结构与程序不符",
			"%d runs differ from their receipts, %d audit trails are broken, %d places differ from the trail, %d from the schema of the program",
			d.runs, d.trails, d.rows, d.schema)
	case d.files > 0:
		return fault.Conflict("not_verified",
			"有 %d 个佐证文件丢失或与登记的不符：请从备份中找回", "%d files of evidence are missing or not those that were stored: look for them in a backup",
			d.files)
	case d.references > 0:
		return fault.Conflict("not_verified",
			"有 %d 处引用指向不存在的数据行", "%d references between tables lead nowhere", d.references)
	case d.signatures > 0:
		return fault.Conflict("not_verified",
			"有 %d 处密钥声明或锚点的签名不符", "the signatures of %d keys or anchors are not right", d.signatures)
	}
	return nil
}

// verifyAll reads every table, looks at keys and signatures, computes every run of the
// town again, or of every town where it is empty, follows the trails, and compares every
// row with the trail, every file of evidence with its hash, and the schema with that of the program. It prints what it finds. A
// damaged database is an error; what the rest would say of it could not be relied on.
func (p program) verifyAll(
	ctx context.Context, db *gorm.DB, files store.Store, town string, anchors []audit.Anchor,
) (found differences, err error) {
	if err := p.verifyTables(ctx, db); err != nil {
		return found, err
	}
	dangling, err := database.Dangling(ctx, db)
	if err != nil {
		return found, err
	}
	for _, line := range dangling {
		p.print(p.out, line)
	}
	found.references = len(dangling)
	keys, strange, err := p.verifyKeys(ctx, db)
	if err != nil {
		return found, err
	}
	found.signatures = strange + p.verifyAnchors(keys, town, anchors)
	if found.runs, err = p.verifyRuns(ctx, db, town); err != nil {
		return found, err
	}
	if found.trails, found.restored, err = p.verifyTrails(ctx, db, town, anchors); err != nil {
		return found, err
	}
	if found.rows, err = p.verifyRows(ctx, db, town); err != nil {
		return found, err
	}
	if found.files, err = p.verifyEvidence(ctx, db, files, town); err != nil {
		return found, err
	}
	found.schema, err = p.verifySchema(ctx, db)
	return found, err
}

// verifyTables reads every row, and prints a line for each damage.
func (p program) verifyTables(ctx context.Context, db *gorm.DB) error {
	damage, err := database.Damage(ctx, db)
	if err != nil {
		return err
	}
	s, err := backup.ReadAll(ctx, db, func(table string, err error) { damage = append(damage, table+": "+err.Error()) })
	if err != nil {
		return err
	}
	for _, line := range damage {
		fmt.Fprintln(p.out, "  "+line)
	}
	if len(damage) > 0 {
		return fault.Conflict("database_damaged",
			"数据库已损坏，发现 %d 处：请停止服务，另存数据库文件，再恢复最近一份通过检查的备份",
			"the database is damaged, %d findings: stop the service, keep a copy of the database, and restore the latest backup that passes its check",
			len(damage))
	}
	p.print(p.out, text.F("已读取全部 %d 张表，共 %d 行，没有损坏", "%d tables read, %d rows: no damage", s.Trailer.Tables,
		s.Trailer.Rows))
	return nil
}

// verifyRuns prints a line for each run and one for each check that failed.
func (p program) verifyRuns(ctx context.Context, db *gorm.DB, town string) (bad int, err error) {
	runs, others := 0, 0
	err = index.VerifyAll(ctx, db, town, func(v index.Verification) {
		runs++
		if !v.OK {
			bad++
		}
		fmt.Fprintf(p.out, "%s/%s %s %s%s\n", v.Town, v.Period, v.Run, p.verdict(v.OK), p.withdrawn(v))
		if v.OtherEngine() {
			others++
		}
		for _, c := range v.Checks {
			if c.What == index.OtherEngine {
				p.print(p.out, text.F("  other_engine：由 %s 计算，本程序为 %s，未重新计算得分",
					"  other_engine: made by %s, this is %s: figures not computed again", c.Receipt, c.Computed))
			}
			if !c.OK {
				fmt.Fprintf(p.out, "  %s: %s ≠ %s\n", c.What, c.Receipt, c.Computed)
			}
		}
	})
	if err == nil && bad == 0 {
		p.print(p.out, text.F("已核对 %d 个计算批次，全部与凭证一致", "%d runs verified: all agree with their receipts", runs))
	}
	if err == nil && others > 0 {
		p.print(p.out, text.F(
			"其中 %d 个由其他版本的计算引擎生成：已核对所存数据和签名，得分须用当时的程序重新计算",
			"%d of them were made by another engine: stored rows, data and signatures were verified, figures need the program of that time",
			others))
	}
	return bad, err
}

// verifyTrails prints a line for each trail and one for what is wrong with it. Those
// that only lie behind their anchors since a restore are counted apart.
func (p program) verifyTrails(
	ctx context.Context, db *gorm.DB, town string, anchors []audit.Anchor,
) (bad, restored int, err error) {
	err = audit.VerifyAll(ctx, db, town, anchors, func(r audit.Report) {
		name := r.TownID
		if name == "" {
			name = text.F("（系统）", "(installation)").In(p.language())
		}
		p.print(p.out, text.F(
			"审计链 %[1]s：%[2]d 条，锚点 %[3]d 个，%[4]s", "audit trail %[1]s: %[2]d records, %[3]d anchors, %[4]s", name, r.Records,
			r.Anchors, p.verdict(r.OK)))
		if r.Earlier > 0 {
			p.print(p.out, text.F(
				"  另有 %d 条早于审计链，不受其保护", "  %d more are older than the chain, which does not protect them", r.Earlier))
		}
		if r.OK {
			return
		}
		if r.Fault.Kind == "restored" {
			restored++
		} else {
			bad++
		}
		fmt.Fprintf(p.out, "  %s: %s\n", r.Fault.Kind, r.Fault.Message.In(p.language()))
	})
	return bad, restored, err
}

// verifyRows prints a line for each place where a row is not what the trail says of it.
func (p program) verifyRows(ctx context.Context, db *gorm.DB, town string) (bad int, err error) {
	records, err := audit.VerifyRows(ctx, db, town, func(d audit.Difference) {
		bad++
		p.print(p.out, d.Message())
	})
	if err == nil && bad == 0 {
		p.print(p.out, text.F("已按 %d 条行记录核对各表，全部一致", "%d row records verified: every row is as the trail says", records))
	}
	return bad, err
}

// verifySchema prints a line for each trigger, constraint, index or column that is not
// as the program makes it.
func (p program) verifySchema(ctx context.Context, db *gorm.DB) (int, error) {
	differences, err := database.VerifySchema(ctx, db)
	for _, d := range differences {
		p.print(p.out, d.Message())
	}
	if err == nil && len(differences) == 0 {
		p.print(p.out, text.F("数据库结构与程序一致", "the schema is as the program makes it"))
	}
	return len(differences), err
}

// withdrawn returns what is added to the verdict about a publication that was withdrawn.
func (p program) withdrawn(v index.Verification) string {
	if !v.Withdrawn {
		return ""
	}
	return text.F("（该次公布已撤回）", " (its publication was withdrawn)").In(p.language())
}

func (p program) verdict(ok bool) string {
	if ok {
		return text.F("一致", "ok").In(p.language())
	}
	return text.F("不符", "DIFFERS").In(p.language())
}
