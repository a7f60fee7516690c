package main

import (
	"context"
	"flag"
	"fmt"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/config"
	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
)

// verify computes every stored run again and compares it with its receipt and
// with the rows that are served, and follows every audit trail from its first
// record to its end. It ends with an error if anything differs.
func verify(ctx context.Context, p program, args []string) error {
	f := flag.NewFlagSet("verify", flag.ContinueOnError)
	town := f.String("town", "", "only the runs and the trail of this town")
	file := f.String("anchors", "", "file of anchors for the trails (default BULWARK_AUDIT_ANCHORS)")
	if err := p.parse(f, args, 0); err != nil {
		return err
	}
	cfg, err := config.Load(p.env)
	if err != nil {
		return err
	}
	if *file == "" {
		*file = cfg.AuditAnchors
	}
	var anchors []audit.Anchor
	if *file != "" {
		if anchors, err = audit.LoadAnchors(*file); err != nil {
			return err
		}
	}
	db, err := openMigrated(ctx, cfg, logger(cfg, p.err), false)
	if err != nil {
		return err
	}
	defer database.Close(db)
	badRuns, err := p.verifyRuns(ctx, db, *town)
	if err != nil {
		return err
	}
	badTrails, restored, err := p.verifyTrails(ctx, db, *town, anchors)
	if err != nil {
		return err
	}
	badRows, err := p.verifyRows(ctx, db, *town)
	if err != nil {
		return err
	}
	if *file == "" {
		p.print(p.out, text.F(
			"未提供锚点：审计链尾部若被整段改写，无法发现（见 docs/audit.md）",
			"without anchors, a trail whose end was removed or rewritten is not detected: see docs/audit.md"))
	}
	if badRuns+badTrails+badRows > 0 {
		return fault.Conflict("not_verified",
			"%d 个计算批次与其凭证不符，%d 条审计链有问题，%d 处与审计链不符",
			"%d runs differ from their receipts, %d audit trails are broken, %d places differ from the trail", badRuns,
			badTrails, badRows)
	}
	if restored > 0 {
		return fault.Conflict("behind_anchors",
			"%d 条审计链因恢复了较早的备份而落后于锚点，其余一致（见 docs/audit.md）",
			"%d audit trails lie behind their anchors, because an older backup was restored; all else agrees: see docs/audit.md", restored)
	}
	return nil
}

// verifyRuns prints a line for each run and one for each check that failed.
func (p program) verifyRuns(ctx context.Context, db *gorm.DB, town string) (bad int, err error) {
	runs := 0
	err = index.VerifyAll(ctx, db, town, func(v index.Verification) {
		runs++
		if !v.OK {
			bad++
		}
		fmt.Fprintf(p.out, "%s/%s %s %s\n", v.Town, v.Period, v.Run, p.verdict(v.OK))
		for _, c := range v.Checks {
			if !c.OK {
				fmt.Fprintf(p.out, "  %s: %s ≠ %s\n", c.What, c.Receipt, c.Computed)
			}
		}
	})
	if err == nil && bad == 0 {
		p.print(p.out, text.F("已核对 %d 个计算批次，全部与凭证一致", "%d runs verified: all agree with their receipts", runs))
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

func (p program) verdict(ok bool) string {
	if ok {
		return text.F("一致", "ok").In(p.language())
	}
	return text.F("不符", "DIFFERS").In(p.language())
}
