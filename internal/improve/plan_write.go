package improve

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// DraftPlan makes a plan of a branch with a generated document, from a publication of
// the period, the latest where number is 0. It is tied to the target that the branch
// is, if it is one.
func DraftPlan(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, branch, period string, number int64, language string) (Plan, error) {
	p := Plan{TownID: townID, ID: database.NewID(), BranchCode: branch, PeriodCode: period, Stage: PlanDraft, State: PlanDraft}
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		who := access.Caller(ctx)
		if err := access.InScope(ctx, tx, who, access.DraftPlans, townID, branch, day.Of(tx.NowFunc())); err != nil {
			return err
		}
		if err := refuseBranch(ctx, tx, townID, branch); err != nil {
			return err
		}
		if err := refuseSecondPlan(ctx, tx, townID, branch); err != nil {
			return err
		}
		p.PublicationNumber = number
		if err := p.startFrom(ctx, tx, b, language); err != nil {
			return err
		}
		p.StateBy, p.StateAt, p.Versioned = who.Name(), tx.NowFunc(), database.Versioned{Version: 1}
		if err := tx.Create(&p).Error; err != nil {
			return secondPlan(err)
		}
		if err := p.note(ctx, tx, 1, "draft", ""); err != nil {
			return err
		}
		var err error
		if p, err = FindPlan(ctx, tx, townID, p.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "plan.draft", Subject: "plans/" + p.ID, After: p})
	})
	return p, err
}

// startFrom generates the document from the publication that the plan names, the
// latest where its number is 0, and ties the plan to the target that the branch is.
func (p *Plan) startFrom(ctx context.Context, tx *gorm.DB, b *index.ResultCache, language string) error {
	view, err := publishedView(ctx, tx, b, p.TownID, p.PeriodCode, p.PublicationNumber)
	if err != nil {
		return err
	}
	card, err := cardOf(view, p.BranchCode)
	if err != nil {
		return err
	}
	targets, err := currentTargets(ctx, tx, p.TownID)
	if err != nil {
		return err
	}
	if t, is := targets[p.BranchCode]; is {
		p.TargetID = &t.ID
	}
	p.PublicationNumber = card.Publication
	p.Document.V, err = generate(ctx, tx, view, *p, language)
	return err
}

// RedraftPlan has the document of a plan that was never approved generated anew, from
// another publication or the same one. What was written is lost, but for the versions
// that were advised on.
func RedraftPlan(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, id string, version int64, period string, number int64, language string) (Plan, error) {
	return changePlan(ctx, db, townID, id, version, func(tx *gorm.DB, v planViewer, p Plan) (string, string, map[string]any, error) {
		mv, ok := documentMoves.Stay("redraft", p.Stage)
		if !ok || p.ApprovedVersion != nil {
			return "", "", nil, workflow.Conflict(p.stand(), "plan_approved", text.F(
				"方案已批准，其依据的结果不再改变：请修改方案，或说明理由后销号另拟", "the plan was approved and keeps the result that it starts from: write it, or close it with a reason and draft another"))
		}
		if err := mv.Refuse(v.Principal, p.stand(), ""); err != nil {
			return "", "", nil, err
		}
		if v.led[p.BranchCode] {
			return "", "", nil, refuseLed(ctx, tx, townID, p.BranchCode)
		}
		p.PeriodCode, p.PublicationNumber = period, number
		if err := p.startFrom(ctx, tx, b, language); err != nil {
			return "", "", nil, err
		}
		change := map[string]any{
			"document": p.Document, "stage": PlanDraft, "target_id": p.TargetID, "period_code": p.PeriodCode, "publication_number": p.PublicationNumber,
		}
		p.settle(ctx, tx, PlanDraft, "", change)
		return mv.Verb, "", change, nil
	})
}

// refuseSecondPlan names the plan that the branch has already.
func refuseSecondPlan(ctx context.Context, tx *gorm.DB, townID, branch string) error {
	var p Plan
	err := tx.WithContext(ctx).Where("town_id = ? AND branch_code = ? AND state <> ?", townID, branch, PlanClosed).Take(&p).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return workflow.Conflict(p.stand(), "plan_exists", text.F(
		"党组织“%[1]s”已有提升方案 %[2]s：请修改或重新拟定该方案，或在其销号后另拟", "the branch %[1]q has the plan %[2]s: write or redraft that one, or close it first", branch, p.ID))
}

func secondPlan(err error) error {
	if database.ConstraintOf(err) == "plans_living" {
		return fault.Conflict("plan_exists", "该党组织刚有了提升方案", "the branch has just got a plan").Because(err)
	}
	return err
}

// note keeps a step of the plan.
func (p Plan) note(ctx context.Context, tx *gorm.DB, version int64, verb, reason string) error {
	who := access.Caller(ctx)
	return tx.Create(&PlanMove{TownID: p.TownID, PlanID: p.ID, Version: version, Verb: verb, At: tx.NowFunc(), Actor: who.Name(), Role: who.Role, Reason: reason}).Error
}

// WritePlan replaces the document, which must be advised and approved again. What was
// approved before holds until then.
func WritePlan(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, id string, version int64, d PlanDocument) (Plan, error) {
	return changePlan(ctx, db, townID, id, version, func(tx *gorm.DB, v planViewer, p Plan) (string, string, map[string]any, error) {
		mv, ok := documentMoves.Stay("write", p.Stage)
		if !ok || p.over() {
			return "", "", nil, workflow.Conflict(p.stand(), "plan_over", text.F("方案已验收或销号，不能再修改", "the plan is accepted or closed: it is not written any more"))
		}
		if err := mv.Refuse(v.Principal, p.stand(), ""); err != nil {
			return "", "", nil, err
		}
		view, err := publishedView(ctx, tx, b, townID, p.PeriodCode, p.PublicationNumber)
		if err != nil {
			return "", "", nil, err
		}
		if d, err = d.complete(view, p.BranchCode, p.Document.V); err != nil {
			return "", "", nil, err
		}
		if err := d.checkWork(ctx, tx, p); err != nil {
			return "", "", nil, err
		}
		change := map[string]any{"document": database.JSON[PlanDocument]{V: d}, "stage": PlanDraft}
		if p.ApprovedVersion == nil {
			p.settle(ctx, tx, PlanDraft, "", change)
		}
		return mv.Verb, "", change, nil
	})
}

// settle sets the columns that say where the plan stands, and since when.
func (p Plan) settle(ctx context.Context, tx *gorm.DB, to PlanState, reason string, change map[string]any) {
	change["state"], change["state_by"], change["state_at"], change["state_reason"] = to, access.Caller(ctx).Name(), tx.NowFunc(), reason
}

// changePlan makes one change of a plan: judge gives its verb, its reason and its
// columns.
func changePlan(ctx context.Context, db *gorm.DB, townID, id string, version int64, judge func(*gorm.DB, planViewer, Plan) (string, string, map[string]any, error)) (Plan, error) {
	var after Plan
	err := database.InTx(ctx, db, func(tx *gorm.DB) error {
		v, err := planViewerOf(ctx, tx, townID)
		if err != nil {
			return err
		}
		before, err := v.find(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		if before.Version != version {
			return fault.OutOfDate()
		}
		verb, reason, columns, err := judge(tx, v, before)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Plan{TownID: townID, ID: id}, version, columns); err != nil {
			return err
		}
		if err := before.note(ctx, tx, version+1, verb, reason); err != nil {
			return err
		}
		if after, err = v.find(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "plan." + verb, Subject: "plans/" + id, Before: before, After: after, Reason: reason})
	})
	return after, err
}
