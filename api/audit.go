package api

import (
	"context"
	"strings"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
)

type auditQuery struct {
	Actor  string `form:"actor"`  // only by this person or credential
	Action string `form:"action"` // only this action, such as branch.rename
	// only subjects that begin so, such as branches/b07
	Subject    string   `form:"subject"`
	From       day.Span `form:"from" swaggertype:"string"`  // only since this day or instant
	Until      day.Span `form:"until" swaggertype:"string"` // only up to this day or instant, which is included
	RequestID  string   `form:"request_id"`                 // only of this request
	Credential string   `form:"credential"`                 // only with this key or account
	rest.PageQuery
}

func (q auditQuery) list(ctx context.Context, s *Server, town string) (rest.Page[audit.Record], error) {
	f := audit.Filter{
		Actor: q.Actor, Action: q.Action, Subject: q.Subject, From: q.From.From, Until: q.Until.Until, RequestID: q.RequestID,
		Credential: q.Credential, Limit: q.Limit(),
	}
	if err := q.Resume(&f.Before); err != nil {
		return rest.Page[audit.Record]{}, err
	}
	records, err := audit.List(ctx, s.db(ctx), town, f)
	if err != nil {
		return rest.Page[audit.Record]{}, err
	}
	may := map[string]bool{}
	for i, r := range records {
		if _, known := may[r.Subject]; !known {
			if may[r.Subject], err = s.readable(ctx, town, r.Subject); err != nil {
				return rest.Page[audit.Record]{}, err
			}
		}
		records[i] = r.Shown(may[r.Subject])
	}
	return rest.NewPage(records, q.PageQuery, func(r audit.Record) []any { return []any{r.Sequence} })
}

// readBy are the actions by which subjects are read that have no address of their own, by
// the first part.
var readBy = map[string]policy.Action{
	"": policy.ReadStructure, "kinds": policy.ReadStructure, "classes": policy.ReadStructure,
	"sub-branches": policy.ReadStructure, "schemes": policy.ReadDrafts, "people": policy.ReadPeople,
	"office-members": policy.ReadPeople, "office-links": policy.ReadPeople,
	"keys": policy.ManageKeys, "accounts": policy.ManageAccounts,
}

// readable reports whether the caller may read the subject of a record now: what the trail
// keeps of it is the same thing. Who reads the trail of the installation may read all in it.
func (s *Server) readable(ctx context.Context, town, subject string) (bool, error) {
	if town == installation {
		return true, nil
	}
	kind, _, _ := strings.Cut(subject, "/")
	if action, ok := readBy[kind]; ok {
		return access.PrincipalFrom(ctx).May(action), nil
	}
	return s.engine.Readable(ctx, "/api/v1/towns/"+town+"/"+subject)
}

// findRecord returns one record as the caller may see it.
func (s *Server) findRecord(ctx context.Context, town string, sequence int64) (audit.Record, error) {
	r, err := audit.Find(ctx, s.db(ctx), town, sequence)
	if err != nil {
		return audit.Record{}, err
	}
	may, err := s.readable(ctx, town, r.Subject)
	if err != nil {
		return audit.Record{}, err
	}
	return r.Shown(may), nil
}

type listAuditRequest struct {
	townRequest
	auditQuery
}

// listAudit returns the trail of a town, the newest change first.
//
//	@Summary	List what was changed in a town
func (s *Server) listAudit(ctx context.Context, req listAuditRequest) (rest.Page[audit.Record], error) {
	return req.list(ctx, s, req.Town)
}

type auditRecordRequest struct {
	townRequest
	Sequence int64 `uri:"sequence"`
}

// findAuditRecord returns one record by its place in the chain.
//
//	@Summary	Read one record of the trail of a town
func (s *Server) findAuditRecord(ctx context.Context, req auditRecordRequest) (audit.Record, error) {
	return s.findRecord(ctx, req.Town, req.Sequence)
}

// signedHead is the end of a chain, to be kept elsewhere.
type signedHead struct {
	audit.Head
	Note string `json:"note,omitempty"` // states it with the time, signed; absent where there is no key or no record yet
} // @name AuditHead

// head returns the end of the chain of a town, signed where there is a key.
func (s *Server) head(ctx context.Context, town string) (signedHead, error) {
	head, err := audit.FindHead(ctx, s.db(ctx), town)
	if err != nil || s.Signing.Signer == nil || head.Sequence == 0 {
		return signedHead{Head: head}, err
	}
	note, err := s.Signing.Sign(audit.Anchor{Seen: s.Now(), Head: head}.Text())
	return signedHead{head, note}, err
}

// findAuditHead returns the end of the chain. Who keeps it can show later that
// nothing before it was changed.
//
//	@Summary	Read the end of the trail of a town, to keep it elsewhere
func (s *Server) findAuditHead(ctx context.Context, req townRequest) (signedHead, error) {
	return s.head(ctx, req.Town)
}

type anchorQuery struct {
	Anchors []string `form:"anchor"` // heads that you have kept, each as SEQUENCE:HASH
}

// verify compares the chain with the anchors of the caller and with those of the
// file that the service keeps.
func (q anchorQuery) verify(ctx context.Context, s *Server, town string) (audit.Report, error) {
	var anchors []audit.Anchor
	if path := s.Config.AuditAnchors; path != "" {
		var err error
		if anchors, err = audit.LoadAnchors(path); err != nil {
			return audit.Report{}, err
		}
	}
	for _, given := range q.Anchors {
		head, ok := audit.ParseHead(given)
		if !ok {
			return audit.Report{}, rest.Malformed(fault.Field("query/anchor", "bad_anchor",
				"应为“序号:哈希”，如同 audit/head 所给出的", "should be SEQUENCE:HASH, as audit/head gives them"))
		}
		head.TownID = town
		anchors = append(anchors, audit.Anchor{Head: head})
	}
	return audit.Verify(ctx, s.db(ctx), town, anchors)
}

type verifyAuditRequest struct {
	townRequest
	anchorQuery
}

// verifyAudit follows the chain of a town from its first record to its end and
// names the first place where something was changed, removed or put in.
//
//	@Summary	Verify the trail of a town
func (s *Server) verifyAudit(ctx context.Context, req verifyAuditRequest) (audit.Report, error) {
	return req.verify(ctx, s, req.Town)
}

// The trail of the installation: towns, keys of every town, areas. The town of
// its records is empty.
const installation = ""

type listInstallationAuditRequest struct{ auditQuery }

// listInstallationAudit returns the trail of what belongs to no town, the newest
// change first.
//
//	@Summary	List what was changed outside the towns
func (s *Server) listInstallationAudit(
	ctx context.Context, req listInstallationAuditRequest,
) (rest.Page[audit.Record], error) {
	return req.list(ctx, s, installation)
}

type installationRecordRequest struct {
	Sequence int64 `uri:"sequence"`
}

// findInstallationRecord returns one record by its place in the chain.
//
//	@Summary	Read one record of the trail of the installation
func (s *Server) findInstallationRecord(ctx context.Context, req installationRecordRequest) (audit.Record, error) {
	return s.findRecord(ctx, installation, req.Sequence)
}

type installationHeadRequest struct{}

// findInstallationHead returns the end of the chain of the installation.
//
//	@Summary	Read the end of the trail of the installation, to keep it elsewhere
func (s *Server) findInstallationHead(ctx context.Context, _ installationHeadRequest) (signedHead, error) {
	return s.head(ctx, installation)
}

type verifyInstallationAuditRequest struct{ anchorQuery }

// verifyInstallationAudit follows the chain of the installation.
//
//	@Summary	Verify the trail of the installation
func (s *Server) verifyInstallationAudit(
	ctx context.Context, req verifyInstallationAuditRequest,
) (audit.Report, error) {
	return req.verify(ctx, s, installation)
}
