package gate

import "net/netip"

// Network is what one guest is taken to own of the addresses: an IPv4 address,
// or the /64 around an IPv6 address, of which everybody has 2⁶⁴. What is no
// address stands for itself.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64) // 64 bits are always there
	return p.String()
}
