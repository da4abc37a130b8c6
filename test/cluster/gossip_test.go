//go:build unix

package cluster

import (
	"fmt"
	"net"
	"sync"
)

var gossipOnce sync.Once

var gossipPorts [2]int

// gossip is the alerts section of a query replica: two that know each other.
func gossip(i int) string {
	gossipOnce.Do(func() {
		for k := range gossipPorts {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				panic(err)
			}
			gossipPorts[k] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
			l.Close()
		}
	})
	return fmt.Sprintf(`{listen: "127.0.0.1:%d", peers: ["127.0.0.1:%d"], peer_wait: 3s, settle: 5s}`, gossipPorts[i], gossipPorts[1-i])
}
