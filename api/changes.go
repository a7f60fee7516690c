package api

import (
	"context"
	"strings"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/feed"
	"bulwark/internal/rest"
)

type listChangesRequest struct {
	townRequest
	After int64 `form:"after" validate:"min=0"` // only what follows this sequence: next of the answer before
	// only these types, separated by commas: each a type such as plan.approved, or plan.* for all that begin so
	Types    string `form:"types" validate:"max=500"`
	Wait     int    `form:"wait" validate:"min=0,max=60"`                    // seconds to wait for the next event where there is none
	PageSize int    `form:"page_size" default:"50" validate:"min=1,max=200"` // events of one answer
}

// waitMargin is how long before the end of its time a request stops waiting.
const waitMargin = 2 * time.Second

// listChanges returns what has changed in the town since a sequence, of what the caller may
// read now, in the order of the audit trail. Each item is at once an event of CloudEvents
// 1.0 and a payload of Standard Webhooks 1.0, and says only what it is about: read the
// rest at its url. Send next as after to go on. With wait the answer comes as soon as there
// is an event, at the latest 2 seconds before the service would give up on the request.
//
//	@Summary	List what has changed in a town
func (s *Server) listChanges(ctx context.Context, req listChangesRequest) (feed.Page, error) {
	q := feed.Query{After: req.After, Types: splitList(req.Types), Limit: req.PageSize}
	if faults := feed.CheckTypes(q.Types, func(int) string { return "query/types" }); len(faults) > 0 {
		return feed.Page{}, rest.Malformed(faults...)
	}
	wait := min(time.Duration(req.Wait)*time.Second, s.Config.RequestTimeout-waitMargin)
	if wait <= 0 {
		return s.changes.Read(ctx, s.db(ctx), req.Town, q)
	}
	sleep, leave, err := s.waiting.Enter(req.Town, access.PrincipalFrom(ctx).Credential() == "")
	if err != nil {
		return feed.Page{}, err
	}
	defer leave()
	until, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		page, err := s.changes.Read(ctx, s.db(ctx), req.Town, q)
		if err != nil || len(page.Items) > 0 || page.More || until.Err() != nil || s.draining.Load() {
			return page, err
		}
		q.After = page.Next // what was not for the caller need not be looked at again
		sleep(until, page.Next)
	}
}

// splitList returns the parts of a text between commas, without those that are empty.
func splitList(text string) (list []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
