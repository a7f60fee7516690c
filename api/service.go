package api

import (
	"context"
	"time"

	"bulwark/docs"
	"bulwark/internal/rest"
	"bulwark/internal/signature"
	"bulwark/internal/text"
)

// Health is the state of the service.
type Health struct {
	Status  string `json:"status" example:"ok"`
	Version string `json:"version" example:"v1.0.0"`
	// of /readyz: differs where an audit trail does not have its last anchor any more; absent where no anchors are kept
	Trail string `json:"trail,omitempty" enums:"ok,differs"`
	// of /readyz: full where the disk of the database has no space; reads still work
	Disk string `json:"disk,omitempty" enums:"full"`
	// of /readyz: true in read-only mode
	ReadOnly bool `json:"read_only,omitempty"`
}

type healthRequest struct{}

// live returns as long as the process does; it asks nothing of the database.
//
//	@Summary	Is the process alive?
func (s *Server) live(context.Context, healthRequest) (Health, error) {
	return Health{Status: "ok", Version: s.Version}, nil
}

// ready returns whether requests can be served now.
//
//	@Summary	Can requests be served?
func (s *Server) ready(ctx context.Context, _ healthRequest) (Health, error) {
	if s.draining.Load() {
		return Health{}, rest.RetryLater("shutting_down", text.F("服务正在停止", "the service is shutting down"))
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		return Health{}, rest.RetryLater("not_ready", text.F(
			"数据库暂不可用或尚未迁移", "the database is not available or not migrated")).Because(err)
	}
	h := Health{Status: "ok", Version: s.Version, ReadOnly: s.Config.ReadOnly}
	if s.DiskFull != nil && s.DiskFull() {
		h.Disk = "full"
	}
	if s.Trail != nil {
		h.Trail = s.Trail()
	}
	if h.Trail == "differs" && s.Config.StopOnTampering {
		return Health{}, rest.RetryLater("trail_differs", text.F(
			"审计链与库外留存的锚点不符，服务已按设置停止接受请求：请运行 bulwark verify",
			"an audit trail differs from its anchors, and the service is set to refuse requests then: run bulwark verify"))
	}
	return h, nil
}

type signingKeysRequest struct{}

// signingKeys returns the public keys of the installation, those that have ended
// included, each with from and until and the signed notes that state both.
//
//	@Summary	Read the public keys that publications are signed with
func (s *Server) signingKeys(ctx context.Context, _ signingKeysRequest) (rest.Raw, error) {
	keys, err := signature.Load(ctx, s.db(ctx))
	return rest.Raw{ContentType: "application/json", Body: keys.Document()}, err
}

// The words about the whole API, read by swag:
//
//	@title						bulwark
//	@version					1
//	@description				The combat-effectiveness index (战斗力指数) of grassroots branches: structure, evaluations, scores, rankings and why they are what they are.
//	@description				Scores are computed from approved evaluations under a versioned scheme; a published result never changes.
//	@description				Every answer carries X-Request-Id, the identifier of the request: the one sent along, or a new one.
//	@basePath					/api/v1
//	@accept						json
//	@produce					json
//
//	@tag.name					access
//	@tag.description			Who the caller is, keys, and the audit trail
//	@tag.name					appeals
//	@tag.description			What waits for a second person before it is published, and objections of branches to their results
//	@tag.name					entry
//	@tag.description			Periods, evaluation sheets and adjustments
//	@tag.name					exchange
//	@tag.description			What branches learn from each other: cases, ratings of what was useful, pioneer teams and their projects
//	@tag.name					improvement
//	@tag.description			What follows from a result: rules, targets, measures and their tasks
//	@tag.name					index
//	@tag.description			Scoring runs, rankings, scorecards and explanations
//	@tag.name					people
//	@tag.description			Persons, the roles they are appointed to, and what they are assigned to
//	@tag.name					scheme
//	@tag.description			Versioned indicator schemes
//	@tag.name					structure
//	@tag.description			Areas, towns and branches

// document is the same for everyone and as long as the program runs.
var document = rest.Raw{
	ContentType:  "application/json",
	ETag:         rest.Digest([]byte(docs.OpenAPI)),
	CacheControl: "no-cache",
	Body:         []byte(docs.OpenAPI),
}

// openAPI returns the document of the API. The annotation brings the schema of
// failures into it; docs/generate adds them to every operation.
func (s *Server) openAPI(context.Context, struct{}) (rest.Raw, error) { return document, nil }
