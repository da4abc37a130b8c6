package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// metadataAddresses are where clouds tell a machine its own secrets. No model
// answers there: a name that leads there was made to get at them.
var metadataAddresses = []netip.Prefix{
	netip.MustParsePrefix("169.254.0.0/16"),         // AWS, Azure, Google, Oracle, DigitalOcean and others: link-local
	netip.MustParsePrefix("fe80::/10"),              // link-local
	netip.MustParsePrefix("fd00:ec2::254/128"),      // AWS
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google
	netip.MustParsePrefix("100.100.100.200/32"),     // Alibaba
	netip.MustParsePrefix("192.0.0.192/32"),         // Oracle
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure's host
	netip.MustParsePrefix("::ffff:169.254.0.0/112"), // in another form
}

// denyMetadata refuses connections to such addresses, as they are resolved, so
// that no name server can lead there. One that the configuration itself has as
// the host of a base URL is meant.
func denyMetadata(host string) func(network, address string, _ syscall.RawConn) error {
	meant, _ := netip.ParseAddr(trimBrackets(host))
	return func(_, address string, _ syscall.RawConn) error {
		h, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		ip, err := netip.ParseAddr(h)
		if err != nil {
			return err
		}
		ip = ip.WithZone("").Unmap()
		if ip == meant.Unmap() {
			return nil
		}
		for _, p := range metadataAddresses {
			if p.Contains(ip) {
				return fmt.Errorf("%s leads to %s, where clouds keep the secrets of machines: write the address itself into base_url if it is meant", host, ip)
			}
		}
		return nil
	}
}
