package endpoints

import (
	"context"
	"net"
)

// lingerless dials connections that, once closed, send nothing more.
func lingerless(d *net.Dialer) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // where it fails, the deadline in the request is what is left
		}
		return c, nil
	}
}
