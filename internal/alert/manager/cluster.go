package manager

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/cluster"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/silence"
)

const (
	leaveTimeout = 5 * time.Second
	// settleRounds is how many gossip intervals are between two looks at whether
	// the cluster still changes.
	settleRounds = 10
)

// Shared is what replicas tell each other besides silences and notifications.
type Shared interface {
	cluster.State
	// SetBroadcast sets what tells the others.
	SetBroadcast(tell func([]byte))
}

// join makes changes of silences and notification log known: to the disk and,
// where there is a cluster, to its other replicas.
func (m *Manager) join(log *nflog.Log, silences *silence.Silences) error {
	m.snapshots.collect = func() {
		if err := m.nflog.collect(m.opts.Retention); err != nil {
			m.logger.Error("notification log not cleaned", "error", err)
		}
		if _, err := silences.GC(); err != nil {
			m.logger.Error("silences not cleaned", "error", err)
		}
	}
	c := m.opts.Cluster
	if !c.Enabled() {
		log.SetBroadcast(func([]byte) { m.snapshots.touch() })
		silences.SetBroadcast(func([]byte) { m.snapshots.touch() })
		return nil
	}
	tls, err := cluster.GetTLSTransportConfig(c.TLSFile)
	if err != nil {
		return fmt.Errorf("cluster: tls_file: %w", err)
	}
	peer, err := cluster.Create(m.logger, m.opts.Registerer, c.Listen, c.Advertise, c.Peers, true,
		cluster.DefaultPushPullInterval, cluster.DefaultGossipInterval, cluster.DefaultTCPTimeout,
		cluster.DefaultResolvePeersTimeout, cluster.DefaultProbeTimeout, cluster.DefaultProbeInterval,
		tls, false, c.Label, c.Name)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	m.peer = peer
	m.metrics.clusterEnabled.Set(1)
	toLog := peer.AddState("nfl", log, m.opts.Registerer)
	toSilences := peer.AddState("sil", silences, m.opts.Registerer)
	log.SetBroadcast(func(b []byte) { toLog.Broadcast(b); m.snapshots.touch() })
	silences.SetBroadcast(func(b []byte) { toSilences.Broadcast(b); m.snapshots.touch() })
	for key, st := range m.opts.Shared {
		st.SetBroadcast(peer.AddState(key, st, m.opts.Registerer).Broadcast)
	}
	// A replica that is the first finds nobody; it goes on trying.
	if err := peer.Join(cluster.DefaultReconnectInterval, cluster.DefaultReconnectTimeout); err != nil {
		m.logger.Warn("no other replica reached yet", "error", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Settle)
	m.settle = cancel
	go peer.Settle(ctx, cluster.DefaultGossipInterval*settleRounds)
	return nil
}

// Leads says whether this replica is the first of those that are there; true
// where there is no cluster.
func (m *Manager) Leads() bool { return m.peer == nil || m.peer.Position() == 0 }

// clusterWait is how long to wait for the replicas before this one to notify.
func (m *Manager) clusterWait() time.Duration {
	if m.peer == nil {
		return 0
	}
	return time.Duration(m.peer.Position()) * m.opts.Cluster.PeerWait
}

func (m *Manager) clusterStatus() *ClusterStatus {
	if m.peer == nil {
		return nil
	}
	out := &ClusterStatus{Name: m.peer.Name(), Status: m.peer.Status()}
	for _, p := range m.peer.Peers() {
		out.Peers = append(out.Peers, p.Name()+" "+p.Address())
	}
	return out
}
