package api

import (
	"context"

	"bulwark/internal/audit"
	"bulwark/internal/rest"
)

// The trail of the installation: towns, keys of every town, areas. The town of
// its records is empty.
const installation = ""

type listInstallationAuditRequest struct{ auditQuery }

// listInstallationAudit returns the trail of what belongs to no town, the newest
// change first.
//
//	@Summary	List what was changed outside the towns
func (s *Server) listInstallationAudit(ctx context.Context, req listInstallationAuditRequest) (rest.Page[audit.Record], error) {
	return req.list(ctx, s, installation)
}

type installationRecordRequest struct {
	Sequence int64 `uri:"sequence"`
}

// findInstallationRecord returns one record by its place in the chain.
//
//	@Summary	Read one record of the trail of the installation
func (s *Server) findInstallationRecord(ctx context.Context, req installationRecordRequest) (audit.Record, error) {
	return audit.Find(ctx, s.db(ctx), installation, req.Sequence)
}

type installationHeadRequest struct{}

// findInstallationHead returns the end of the chain of the installation.
//
//	@Summary	Read the end of the trail of the installation, to keep it elsewhere
func (s *Server) findInstallationHead(ctx context.Context, _ installationHeadRequest) (audit.Head, error) {
	return audit.FindHead(ctx, s.db(ctx), installation)
}

type verifyInstallationAuditRequest struct{ anchorQuery }

// verifyInstallationAudit follows the chain of the installation.
//
//	@Summary	Verify the trail of the installation
func (s *Server) verifyInstallationAudit(ctx context.Context, req verifyInstallationAuditRequest) (audit.Report, error) {
	return req.verify(ctx, s, installation)
}
