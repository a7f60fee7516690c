package webhook

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"bulwark/internal/fault"
)

// Guard decides which addresses webhooks reach: those of the public internet, and those that
// the operator allows.
type Guard struct{ allowed []netip.Prefix }

// NewGuard returns the guard that also lets addresses and CIDR ranges through; the config has
// checked them.
func NewGuard(allowed []string) (g Guard) {
	for _, text := range allowed {
		if p, err := netip.ParsePrefix(text); err == nil {
			g.allowed = append(g.allowed, p.Masked())
		} else if a, err := netip.ParseAddr(text); err == nil {
			g.allowed = append(g.allowed, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
		}
	}
	return g
}

// closed are the ranges that are not of the public internet, or that carry an address of one
// that is not: registries of special-purpose addresses of IANA.
var closed = func() (list []netip.Prefix) {
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/4", "240.0.0.0/4",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

// openV6 is what of IPv6 is public, and closedV6 what of that is not, or carries an address
// of IPv4.
var (
	openV6   = netip.MustParsePrefix("2000::/3")
	closedV6 = []netip.Prefix{
		netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("3fff::/20"),
	}
)

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// permits reports whether the address may be reached: without TLS only one that the operator
// allows.
func (g Guard) permits(a netip.Addr, plain bool) bool {
	a = a.Unmap().WithZone("")
	switch {
	case within(g.allowed, a):
		return true
	case plain:
		return false
	case a.Is4():
		return !within(closed, a)
	}
	return openV6.Contains(a) && !within(closedV6, a)
}

// errClosed is why no connection is made.
var errClosed = errors.New("the address is in a range that is closed to webhooks: see BULWARK_WEBHOOK_ALLOW")

// maxURL is how long an address may be.
const maxURL = 2000

// checkURL returns what is wrong with the address of a webhook. What a name resolves to is
// looked at when it is dialled, not now: it may be another address then.
func (g Guard) checkURL(address string) []fault.FieldError {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || u.Hostname() == "" || u.User != nil || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return []fault.FieldError{fault.Field("/url", "bad_url",
			"应为完整的 https 网址，不含用户名和片段，不超过 %[1]d 个字符",
			"should be a whole https address without user and fragment, of at most %[1]d characters", maxURL)}
	}
	plain := u.Scheme == "http"
	if plain && len(g.allowed) == 0 {
		return []fault.FieldError{fault.Field("/url", "https_needed",
			"网址须为 https：http 只用于管理员以 BULWARK_WEBHOOK_ALLOW 开放的网段",
			"use https: http is only for ranges that the operator opens with BULWARK_WEBHOOK_ALLOW")}
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !g.permits(a, plain) {
		return []fault.FieldError{fault.Field("/url", "address_closed",
			"该地址不在公网：如需推送到内网，请管理员设置 BULWARK_WEBHOOK_ALLOW",
			"the address is not public: the operator opens ranges of private networks with BULWARK_WEBHOOK_ALLOW")}
	}
	return nil
}

// timeout is how long one attempt may take.
const timeout = 15 * time.Second

// client returns a client that follows no redirect, uses no proxy, and makes no connection
// but to addresses that are open. They are looked at after names were resolved, so that a
// name which changes its address meanwhile changes nothing.
func (g Guard) client(plain bool) *http.Client {
	dialer := &net.Dialer{
		Timeout: timeout,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !g.permits(to.Addr(), plain) {
				return errClosed
			}
			return nil
		},
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, ForceAttemptHTTP2: true, TLSHandshakeTimeout: timeout,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		},
	}
}
