package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

func TestAddressesThatAreOpen(t *testing.T) {
	g := NewGuard([]string{"10.20.0.0/16", "fd00:1::/32", "192.168.7.7"})
	for address, want := range map[string]bool{
		"8.8.8.8": true, "2600::1": true, "10.20.3.4": true, "fd00:1::5": true, "192.168.7.7": true, "::ffff:8.8.8.8": true,
		"10.21.0.1": false, "192.168.7.8": false, "::ffff:10.21.0.1": false, "127.0.0.1": false, "127.9.9.9": false, "::1": false,
		"0.0.0.0": false, "::": false, "169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "fd00:2::1": false,
		"100.100.1.1": false, "172.31.0.1": false, "192.0.0.8": false, "198.19.0.1": false, "203.0.113.5": false, "224.0.0.1": false,
		"255.255.255.255": false, "ff02::1": false, "64:ff9b::a00:1": false, "2002:a00:1::": false, "2001::1": false,
		"2001:db8::1": false, "fec0::1": false, "::ffff:0:10.0.0.1": false, "::10.0.0.1": false, "100::1": false,
	} {
		if g.permits(netip.MustParseAddr(address), false) != want {
			t.Errorf("%s is not %v", address, want)
		}
	}
	if g.permits(netip.MustParseAddr("8.8.8.8"), true) || !g.permits(netip.MustParseAddr("10.20.3.4"), true) {
		t.Error("without TLS only what the operator allows is open")
	}
}

// rebinding is a name server that gives one name another address at each question.
func rebinding(t *testing.T, addresses ...string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	var asked atomic.Int64
	go func() {
		packet := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			end := 12
			for packet[end] != 0 {
				end += int(packet[end]) + 1
			}
			question := packet[12 : end+5]
			isA := binary.BigEndian.Uint16(packet[end+1:]) == 1
			answer := append([]byte{packet[0], packet[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
			if isA {
				i := min(int(asked.Add(1))-1, len(addresses)-1)
				answer[7] = 1
				ip := netip.MustParseAddr(addresses[i]).As4()
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				answer = append(answer, ip[:]...)
			}
			_, _ = conn.WriteTo(answer, from)
			_ = n
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() { net.DefaultResolver = before })
}

// A name that leads to an open address when it is looked at and to a closed one when it is
// dialled passes nothing: what is dialled is what is looked at.
func TestRebindingPassesNothing(t *testing.T) {
	var reached atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	_, port, _ := strings.Cut(inside.Listener.Addr().String(), ":")
	rebinding(t, "127.0.0.2", "127.0.0.1")
	client := NewGuard([]string{"127.0.0.2"}).client(true)
	for i, want := range []bool{false, true, true} { // nothing listens at the open address
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://hook.example.:"+port, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err == nil {
			answer.Body.Close()
		}
		if err == nil || errors.Is(err, errClosed) != want {
			t.Errorf("question %d: %v", i, err)
		}
	}
	if reached.Load() != 0 {
		t.Error("an address inside was reached")
	}
	open := NewGuard([]string{"127.0.0.1"}).client(true)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://hook.example.:"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := open.Do(r)
	if err != nil {
		t.Fatalf("the control: %v", err)
	}
	answer.Body.Close()
	if reached.Load() != 1 {
		t.Error("the control was not reached")
	}
}
