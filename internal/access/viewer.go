package access

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
)

// Viewer is the caller in a town with what the rules of a kind of record ask for; their
// readers embed it.
type Viewer struct {
	Principal
	Town  string
	Today day.Date
	Reach Reach           // branches whose records the caller reads
	Led   map[string]bool // branches about which the caller does not decide, since he or she leads them
}

// ViewerOf returns the caller of ctx: Reach is that of the action read, and Led is filled
// for who may do one of the actions deciding.
func ViewerOf(ctx context.Context, db *gorm.DB, townID string, read Action, deciding ...Action) (v Viewer, err error) {
	v = Viewer{Principal: Caller(ctx), Town: townID, Today: day.Of(db.NowFunc())}
	if v.Reach, err = ReachOf(ctx, db, v.Principal, read, townID, v.Today); err != nil {
		return v, err
	}
	v.Led, err = LedBy(ctx, db, townID, deciding...)
	return v, err
}
