package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// MovePlan takes a plan or the document under way to another state: a mentor advises
// on the draft of the secretary, the leading group approves or sends it back, and
// later accepts, returns and closes, or abandons with a reason what is not accepted.
// Nobody decides about a branch that he or she leads. An approval stores what the plan is predicted to bring.
func MovePlan(ctx context.Context, db *gorm.DB, b *index.ResultCache, townID, id string, version int64, to PlanState, reason string) (Plan, error) {
	return changePlan(ctx, db, townID, id, version, func(tx *gorm.DB, v planViewer, p Plan) (string, string, map[string]any, error) {
		mv, err := p.move(v, to, reason)
		if err != nil {
			return "", "", nil, err
		}
		if mv.Action == access.ApprovePlans {
			if err := refuseLed(ctx, tx, townID, p.BranchCode); err != nil {
				return "", "", nil, err
			}
		}
		change := map[string]any{}
		if p.ofDocument(to) {
			err = p.moveDocument(ctx, tx, b, to, reason, change)
		} else {
			err = p.moveOn(ctx, tx, to, reason, change)
		}
		return mv.Verb, reason, change, err
	})
}

// move finds the move in the life of the document, or in that of the plan.
func (p Plan) move(v planViewer, to PlanState, reason string) (workflow.Move[PlanState, workflow.Free], error) {
	if p.ofDocument(to) {
		return documentMoves.Find(v.Principal, p.Stage, to, p.stand(), reason)
	}
	return planMoves.Find(v.Principal, p.State, to, p.stand(), reason)
}

// moveDocument sets the columns of a move of the document, and keeps what was advised
// on or approved as a version.
func (p Plan) moveDocument(ctx context.Context, tx *gorm.DB, b *index.ResultCache, to PlanState, reason string, change map[string]any) error {
	if p.over() {
		return workflow.Conflict(p.stand(), "plan_over", text.F("方案已验收或销号，不能再修改", "the plan is accepted or closed: it is not written any more"))
	}
	change["stage"] = to
	if p.ApprovedVersion == nil {
		p.settle(ctx, tx, to, reason, change)
	}
	if to == PlanDraft {
		return nil
	}
	if len(p.Document.V.Items) == 0 {
		return fault.Broken(fault.Field("/items", "empty_plan", "方案没有提升事项", "the plan has no items: write at least one"))
	}
	var predicted *database.JSON[PlanPrediction]
	if to == PlanApproved {
		view, err := publishedView(ctx, tx, b, p.TownID, p.PeriodCode, p.PublicationNumber)
		if err != nil {
			return err
		}
		made, err := p.predict(view)
		if err != nil {
			return err
		}
		predicted = &database.JSON[PlanPrediction]{V: made}
	}
	kept, err := p.keep(ctx, tx, to, reason, predicted)
	if err != nil || to != PlanApproved {
		return err
	}
	change["approved_version"] = kept.Number
	if p.ApprovedOn == nil {
		change["approved_on"] = day.Of(tx.NowFunc())
	}
	return p.syncItems(ctx, tx)
}

// moveOn sets the columns of a move of the plan itself. It is accepted when nothing
// is left to do.
func (p Plan) moveOn(ctx context.Context, tx *gorm.DB, to PlanState, reason string, change map[string]any) error {
	if to == PlanAccepted {
		var left int64
		err := tx.WithContext(ctx).Model(&PlanItem{}).Where("town_id = ? AND plan_id = ? AND state NOT IN ?", p.TownID, p.ID, []ItemState{ItemClosed, ItemDropped}).Count(&left).Error
		if err != nil {
			return err
		}
		if left > 0 {
			return workflow.Conflict(p.stand(), "items_open", text.F("还有 %d 项提升事项未销号", "items that are not closed: %d", left))
		}
		if p.Stage != PlanApproved {
			return workflow.Conflict(p.stand(), "revision_open", text.F("方案的修改稿尚未批准", "a new document of the plan waits for its approval"))
		}
	}
	if to == PlanClosed {
		change["closed_on"] = day.Of(tx.NowFunc())
	}
	p.settle(ctx, tx, to, reason, change)
	return nil
}
