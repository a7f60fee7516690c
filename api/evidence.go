package api

import (
	"context"

	"bulwark/internal/evidence"
	"bulwark/internal/fault"
	"bulwark/internal/rest"
	"bulwark/internal/workflow"
)

// evidenceOf names the record to which evidence belongs.
type evidenceOf struct {
	townRequest
	// what the evidence belongs to
	Of     evidence.Kind `form:"of" validate:"required,oneof=evaluation plan_item visit problem case appeal"`
	Record string        `form:"record" validate:"required,uuid" format:"uuid"` // the id of that
	// of an evaluation: the indicator or quantity whose value it shows
	Indicator string `form:"indicator" validate:"max=64"`
}

func (r evidenceOf) ref() evidence.Ref {
	return evidence.Ref{Town: r.Town, Of: r.Of, Record: r.Record, Indicator: r.Indicator}
}

type listEvidenceRequest struct {
	evidenceOf
	Removed bool `form:"removed"` // true: also what was removed, with the reasons
	rest.PageQuery
}

// listEvidence returns the files at one record, in the order in which they were attached. Who may read the record may
// read them.
//
//	@Summary	List evidence
func (s *Server) listEvidence(ctx context.Context, req listEvidenceRequest) (rest.Page[evidence.Evidence], error) {
	f := evidence.Filter{Ref: req.ref(), Removed: req.Removed, Limit: req.Limit()}
	if err := req.Resume(&f.After); err != nil {
		return rest.Page[evidence.Evidence]{}, err
	}
	list, err := evidence.List(ctx, s.db(ctx), f)
	if err != nil {
		return rest.Page[evidence.Evidence]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(e evidence.Evidence) []any { return []any{e.ID} })
}

type attachEvidenceRequest struct {
	evidenceOf
	Name string      `form:"name" validate:"max=255"` // of the file; only its last step counts, and the ending follows the content
	Body rest.Upload `swaggerignore:"true"`
}

// attachEvidence keeps a file at a record that lists the verb attach in what is allowed: who may write the record may
// attach to it, as long as it can be written. Photos (JPEG, PNG, WebP) are encoded again as upright JPEG of at most
// 4,096 pixels a side, without place, time or device. PDF and office documents are kept byte for byte, with whatever
// they say of their author. At most 20 files at a record or value. The same file at the same record is kept once: sent
// again, it is the evidence that is there.
//
//	@Summary	Attach evidence
func (s *Server) attachEvidence(ctx context.Context, req attachEvidenceRequest) (rest.Created[evidence.Evidence], error) {
	if s.Evidence == nil {
		return rest.Created[evidence.Evidence]{}, errNoStore
	}
	e, err := evidence.Attach(ctx, s.db(ctx), s.Evidence, req.ref(), evidence.Received{
		Name: req.Name, Content: req.Body.Content, Bytes: req.Body.Bytes, SHA256: req.Body.SHA256,
	})
	return rest.Created[evidence.Evidence]{Key: e.ID, Value: e}, err
}

var errNoStore = fault.Unavailable("no_evidence_store", "本服务没有配置佐证文件存储", "this service has no store for evidence")

type evidenceRequest struct {
	Town     string `uri:"town"`
	Evidence string `uri:"evidence"`
}

// findEvidence returns what is known of one file.
//
//	@Summary	Read what is known of evidence
func (s *Server) findEvidence(ctx context.Context, req evidenceRequest) (evidence.Evidence, error) {
	return evidence.Find(ctx, s.db(ctx), req.Town, req.Evidence)
}

type evidenceFileRequest struct {
	evidenceRequest
	Inline bool `form:"inline"` // true: browsers show a photo instead of offering it for download; documents are always offered
}

// evidenceFile returns the file itself. A file that is no longer the one that was stored is cut off before its end.
//
//	@Summary	Download evidence
func (s *Server) evidenceFile(ctx context.Context, req evidenceFileRequest) (rest.Download, error) {
	if s.Evidence == nil {
		return rest.Download{}, errNoStore
	}
	e, content, err := evidence.Open(ctx, s.db(ctx), s.Evidence, req.Town, req.Evidence)
	if err != nil {
		return rest.Download{}, err
	}
	return rest.Download{
		ContentType: e.MediaType, Filename: e.Name, Inline: req.Inline && !e.MetadataRemains, Bytes: e.Bytes,
		ETag: `"` + e.SHA256 + `"`, Content: content,
	}, nil
}

// evidenceRemoval is why a file is removed.
type evidenceRemoval struct {
	Reason string `json:"reason" validate:"required,max=2000" multiline:"true"` // stays with what is known of the file
}

type removeEvidenceRequest struct {
	evidenceRequest
	rest.IfMatch
	Body evidenceRemoval
}

// removeEvidence removes a file that the caller has attached, as long as the record can be written. What is known of it
// stays with the reason; the file itself is deleted a day later. Administrators remove any file that must go because of
// personal data.
//
//	@Summary	Remove evidence
func (s *Server) removeEvidence(ctx context.Context, req removeEvidenceRequest) (evidence.Evidence, error) {
	return evidence.Remove(ctx, s.db(ctx), workflow.Ref{Town: req.Town, ID: req.Evidence, Version: req.Version}, req.Body.Reason)
}
