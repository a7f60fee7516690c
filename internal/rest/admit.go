package rest

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/ratelimit"
)

// maxCallers bounds the memory of the rate limit: about 300 bytes for each caller.
const maxCallers = 1 << 16

var errCrossSite = fault.Forbidden("cross_site", "请求来自其他网站，已拒绝", "the request comes from another site and is refused")

// open reports whether anyone may do the action, with or without a key: the
// liveness of the service must not depend on the database that holds the keys,
// and who signs in brings a secret of another kind.
func open(action policy.Action) bool {
	return action == policy.ReadService || action == policy.SignIn
}

var errReadOnly = fault.Unavailable("read_only", "服务处于只读模式，暂不接受更改；查询照常。恢复时间请询问管理员",
	"the service is read-only and accepts no changes for now; reads work. Ask the administrator for how long")

// changes reports whether a request of the route can change what is stored. Signing in
// stores a session, by whatever method.
func (r Route) changes() bool {
	return !Safe(r.Method) && !r.Computes || r.Action == policy.SignIn
}

// admit returns the caller of a request. Without a key or session the caller is
// anonymous; what that allows is for the policy to say.
func (e *Engine) admit(r *http.Request, route Route) (access.Principal, error) {
	if route.Open() {
		if route.Action == policy.SignIn {
			return access.Principal{}, CheckOrigin(r)
		}
		return access.Principal{}, nil
	}
	p, err := e.Identify(r, route.Action)
	if slow := e.throttle(r.Context(), p); slow != nil {
		return access.Principal{}, slow // who shows bad keys is slowed down by address
	}
	if err != nil {
		return access.Principal{}, err
	}
	SetCaller(r.Context(), p)
	if roles := r.Header.Values("Act-As"); len(roles) > 0 { // two are not one: they name no role
		if p, err = p.ActingAs(policy.Role(strings.Join(roles, ", "))); err != nil {
			return access.Principal{}, err
		}
		SetCaller(r.Context(), p)
	}
	if role := policy.Role(e.Cookie(r.Context(), roleCookie)); route.Page && slices.Contains(p.Roles, role) {
		p.Role = role
		SetCaller(r.Context(), p)
	}
	if p.ReadOnly && route.changes() {
		return access.Principal{}, fault.Forbidden("key_read_only",
			"此密钥只能读取，请向管理员申请可写密钥", "this key may only read: ask the administrator for one that may write")
	}
	if route.changes() {
		return p, e.pace(p)
	}
	return p, nil
}

// pace limits how often a caller may change something: by person, so that a second key
// or account is no second budget.
func (e *Engine) pace(p access.Principal) error {
	if e.writers == nil {
		return nil
	}
	name := p.Credential()
	if p.Person != "" {
		name = "person/" + strings.Join(p.Towns, ",") + "/" + p.Person
	}
	return TooManyRequests(e.writers.Take(name, e.Now()))
}

// Safe reports whether requests of the method only read.
func Safe(method string) bool { return method == http.MethodGet || method == http.MethodHead }

var sameSite http.CrossOriginProtection

// CheckOrigin returns a fault for a request that a page of another site made a
// browser send.
func CheckOrigin(r *http.Request) error {
	if sameSite.Check(r) != nil {
		return errCrossSite
	}
	return nil
}

// throttle limits how often a caller may ask: by key or account, and strangers by
// address.
func (e *Engine) throttle(ctx context.Context, p access.Principal) error {
	if e.callers == nil {
		return nil
	}
	name := cmp.Or(p.Credential(), "address/"+ratelimit.Network(ClientAddress(ctx)))
	return TooManyRequests(e.callers.Take(name, e.Now()))
}

// How many costly answers one caller gets: a page that explains every branch of a town at
// once, and then two a second.
const (
	costlyRate  = 2
	costlyBurst = 120
)

// spend takes one costly answer from the budget of the caller. A stranger who has none
// left waits a moment for the refusal: whoever does not wait by himself would otherwise
// keep the processors busy with refusals alone.
func (e *Engine) spend(ctx context.Context, p access.Principal) error {
	if e.costly == nil {
		return nil
	}
	name := p.Credential()
	if name != "" {
		return TooManyRequests(e.costly.Take(name, e.Now()))
	}
	wait := e.costly.Take("address/"+ratelimit.Network(ClientAddress(ctx)), e.Now())
	if wait > 0 {
		e.queue.pause(ctx)
	}
	return TooManyRequests(wait)
}

// queue lets few computations run at the same time, and few wait for them, so that all
// other requests find a processor. The part of it that strangers may fill is small: they
// do not keep those out who work here.
type queue struct {
	slots   chan struct{}
	waiting *atomic.Int64
	paused  *atomic.Int64
}

const (
	maxWaiting   = 64
	maxStrangers = maxWaiting / 4
	maxWait      = 2 * time.Second
	maxPaused    = 1024 // each holds its connection and a few KB
	pauseFor     = time.Second
)

func newQueue(slots int) queue {
	return queue{make(chan struct{}, slots), new(atomic.Int64), new(atomic.Int64)}
}

// enter waits for a slot and returns how to leave it, or why there is none.
func (q queue) enter(ctx context.Context, stranger bool) (leave func(), err error) {
	leave = func() { <-q.slots }
	select {
	case q.slots <- struct{}{}:
		return leave, nil
	default:
	}
	most := int64(maxWaiting)
	if stranger {
		most = maxStrangers
	}
	defer q.waiting.Add(-1)
	if q.waiting.Add(1) > most {
		return nil, busy()
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case q.slots <- struct{}{}:
		return leave, nil
	case <-timer.C:
		return nil, busy()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pause waits a second, or less where many wait already.
func (q queue) pause(ctx context.Context) {
	defer q.paused.Add(-1)
	if q.paused.Add(1) > maxPaused {
		return
	}
	timer := time.NewTimer(pauseFor)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func busy() error {
	e := fault.Unavailable("busy", "需要大量计算的请求太多，请稍后再试",
		"too many requests that take much computing: try again in a moment")
	e.RetryAfter = maxWait
	return e
}

// TooManyRequests returns the fault of a caller who has to wait, nil for no time.
func TooManyRequests(wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	seconds := int(math.Ceil(wait.Seconds()))
	e := fault.TooManyRequests("too_many_requests", "请求太频繁，请 %d 秒后再试", "too many requests: try again in %d s", seconds)
	e.RetryAfter = wait
	return e
}
