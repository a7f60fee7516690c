package api

import (
	"context"

	"bulwark/internal/database"
	"bulwark/internal/policy"
	"bulwark/internal/rest"
	"bulwark/internal/webhook"
)

type listWebhooksRequest struct {
	townRequest
	rest.PageQuery
}

// listWebhooks returns the addresses to which the events of the town are sent, in the order
// of their making.
//
//	@Summary	List the webhooks of a town
func (s *Server) listWebhooks(ctx context.Context, req listWebhooksRequest) (rest.Page[webhook.Webhook], error) {
	var after string
	if err := req.Resume(&after); err != nil {
		return rest.Page[webhook.Webhook]{}, err
	}
	list, err := webhook.List(ctx, s.db(ctx), req.Town, after, req.Limit())
	if err != nil {
		return rest.Page[webhook.Webhook]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(w webhook.Webhook) []any { return []any{w.ID} })
}

// webhookInput is what of a webhook can be changed.
type webhookInput struct {
	// to which events are sent, https
	URL string `json:"url" validate:"required,max=2000" example:"https://example.org/hooks/bulwark"`
	// what people call it
	Description string `json:"description" validate:"max=200" example:"county platform"`
	// each a type such as plan.approved, or plan.* for all that begin so; absent or empty = all
	Types []string `json:"types" validate:"max=50" example:"publication.*"`
	// whose reading it has: it is told what a key of this role without a person could read
	Role policy.Role `json:"role" validate:"oneof=reader leading_group leadership" swaggertype:"string" example:"reader"`
}

func (in webhookInput) webhook(town, id string) webhook.Webhook {
	return webhook.Webhook{
		TownID: town, ID: id, URL: in.URL, Description: in.Description, Types: append([]string{}, in.Types...), Role: in.Role,
	}
}

// newWebhook is a new webhook.
type newWebhook struct {
	webhookInput
	After *int64 `json:"after" validate:"omitempty,min=0"` // send what follows this sequence of the trail; absent = from now on
}

// WebhookWithSecret is a webhook with its secret, which is shown once.
type WebhookWithSecret struct {
	webhook.Webhook
	Secret string `json:"secret" example:"whsec_…"` // as Standard Webhooks has it: whsec_ and 32 bytes in Base64
}

type createWebhookRequest struct {
	townRequest
	Body newWebhook
}

// createWebhook adds an address to which events are sent from then on, in order and at least
// once. The answer is the only place that ever has its secret.
//
//	@Summary	Add a webhook and tell its secret, once
func (s *Server) createWebhook(ctx context.Context, req createWebhookRequest) (rest.Created[WebhookWithSecret], error) {
	w, secret, err := webhook.Create(ctx, s.db(ctx), s.webhooks, req.Body.webhook(req.Town, ""), req.Body.After)
	return rest.Created[WebhookWithSecret]{Key: w.ID, Value: WebhookWithSecret{w, secret}}, err
}

type webhookRequest struct {
	townRequest
	Webhook string `uri:"webhook"`
}

func (r webhookRequest) version(n int64) webhook.Webhook {
	return webhook.Webhook{TownID: r.Town, ID: r.Webhook, Versioned: database.Versioned{Version: n}}
}

// findWebhook returns one webhook and how far its events have been sent.
//
//	@Summary	Read a webhook
func (s *Server) findWebhook(ctx context.Context, req webhookRequest) (webhook.Webhook, error) {
	return webhook.Find(ctx, s.db(ctx), req.Town, req.Webhook)
}

// webhookChange is a webhook as it is to be.
type webhookChange struct {
	webhookInput
	// whether events are sent
	State webhook.State `json:"state" validate:"oneof=enabled disabled" swaggertype:"string" example:"enabled"`
}

type updateWebhookRequest struct {
	webhookRequest
	rest.IfMatch
	Body webhookChange
}

// updateWebhook replaces what of a webhook can be changed. One that is enabled again goes on
// where it stopped; after the database was restored, with what happens from then on.
//
//	@Summary	Change, disable or enable a webhook
func (s *Server) updateWebhook(ctx context.Context, req updateWebhookRequest) (webhook.Webhook, error) {
	w := req.Body.webhook(req.Town, req.Webhook)
	w.Version, w.State = req.Version, req.Body.State
	return webhook.Update(ctx, s.db(ctx), s.webhooks, w)
}

type deleteWebhookRequest struct {
	webhookRequest
	rest.IfMatch
}

// deleteWebhook removes a webhook with its secret and its attempts.
//
//	@Summary	Delete a webhook
func (s *Server) deleteWebhook(ctx context.Context, req deleteWebhookRequest) (rest.Nothing, error) {
	return rest.Nothing{}, webhook.Delete(ctx, s.db(ctx), req.version(req.Version))
}

type rotateWebhookRequest struct {
	webhookRequest
	rest.IfMatch
}

// rotateWebhook replaces the secret of a webhook. For 24 hours the one before signs too.
//
//	@Summary	Replace the secret of a webhook and tell the new one, once
func (s *Server) rotateWebhook(ctx context.Context, req rotateWebhookRequest) (WebhookWithSecret, error) {
	w, secret, err := webhook.Rotate(ctx, s.db(ctx), req.version(req.Version))
	return WebhookWithSecret{w, secret}, err
}

// pingWebhook has a test event sent, which webhook.ping is the type of. What came of it is
// in the attempts a moment later.
//
//	@Summary	Send a test event to a webhook
func (s *Server) pingWebhook(ctx context.Context, req webhookRequest) (webhook.Webhook, error) {
	return webhook.Ping(ctx, s.db(ctx), req.version(0))
}

// resendOrder is what is sent again.
type resendOrder struct {
	After int64 `json:"after" validate:"min=0" example:"40"` // what follows this sequence of the trail
}

type resendWebhookRequest struct {
	webhookRequest
	Body resendOrder
}

// resendWebhook has everything after a sequence sent again, with the same ids as before.
//
//	@Summary	Send events again to a webhook
func (s *Server) resendWebhook(ctx context.Context, req resendWebhookRequest) (webhook.Webhook, error) {
	return webhook.Resend(ctx, s.db(ctx), req.version(0), req.Body.After)
}

type listWebhookAttemptsRequest struct {
	webhookRequest
	rest.PageQuery
}

// listWebhookAttempts returns the last 100 requests to a webhook, the newest first.
//
//	@Summary	List what was sent to a webhook
func (s *Server) listWebhookAttempts(
	ctx context.Context, req listWebhookAttemptsRequest,
) (rest.Page[webhook.Attempt], error) {
	var before string
	if err := req.Resume(&before); err != nil {
		return rest.Page[webhook.Attempt]{}, err
	}
	w, err := webhook.Find(ctx, s.db(ctx), req.Town, req.Webhook)
	if err != nil {
		return rest.Page[webhook.Attempt]{}, err
	}
	list, err := webhook.Attempts(ctx, s.db(ctx), w, before, req.Limit())
	if err != nil {
		return rest.Page[webhook.Attempt]{}, err
	}
	return rest.NewPage(list, req.PageQuery, func(a webhook.Attempt) []any { return []any{a.ID} })
}
