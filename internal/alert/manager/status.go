package manager

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

// Status is how the notifications are doing.
type Status struct {
	Receivers []ReceiverStatus `json:"receivers"`
	Cluster   *ClusterStatus   `json:"cluster,omitempty"`
	// Warnings are about settings that have no effect here.
	Warnings []string `json:"warnings,omitempty"`
	// SnapshotError is why silences and notification log could not be written
	// last; empty when they could.
	SnapshotError string `json:"snapshot_error,omitempty"`
}

// ReceiverStatus is that of a receiver.
type ReceiverStatus struct {
	Name         string              `json:"name"`
	Routed       bool                `json:"routed"` // a route leads to it
	Integrations []IntegrationStatus `json:"integrations"`
}

// IntegrationStatus is that of one channel of a receiver, since the start.
type IntegrationStatus struct {
	Name           string    `json:"name"` // "slack", "dingtalk", ...
	Index          int       `json:"index"`
	OK             bool      `json:"ok"` // the last attempt did not fail
	Sent           int64     `json:"sent"`
	Failed         int64     `json:"failed"` // attempts
	TemplateErrors int64     `json:"template_errors"`
	LastAttempt    time.Time `json:"last_attempt,omitzero"`
	LastSuccess    time.Time `json:"last_success,omitzero"`
	LastError      string    `json:"last_error,omitempty"`
	LastErrorAt    time.Time `json:"last_error_at,omitzero"`
}

// ClusterStatus is that of the cluster.
type ClusterStatus struct {
	Name   string   `json:"name"`
	Status string   `json:"status"`
	Peers  []string `json:"peers"`
}

// channelKey names a channel.
type channelKey struct {
	receiver, integration string
	index                 int
}

// maxError bounds an error that is kept, in bytes.
const maxError = 1000

// channelState counts what happens to a channel. It lives on over reloads.
type channelState struct {
	mu sync.Mutex
	s  IntegrationStatus
}

func (c *channelState) succeeded(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.OK, c.s.LastAttempt, c.s.LastSuccess = true, now, now
	c.s.Sent++
}

func (c *channelState) failed(now time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.OK, c.s.LastAttempt, c.s.LastErrorAt = false, now, now
	c.s.LastError = robot.Truncate(err.Error(), maxError)
	c.s.Failed++
}

func (c *channelState) templateFailed(now time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.LastErrorAt = now
	c.s.LastError = robot.Truncate("template: "+err.Error(), maxError)
	c.s.TemplateErrors++
}

func (c *channelState) status() IntegrationStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.s
}

// Status returns how each channel is doing, sorted by receiver.
func (m *Manager) Status() Status {
	m.mu.Lock()
	run := m.run
	m.mu.Unlock()
	var out Status
	for name, channels := range run.channels {
		r := ReceiverStatus{Name: name, Routed: run.routed[name], Integrations: make([]IntegrationStatus, 0, len(channels))}
		for _, c := range channels {
			r.Integrations = append(r.Integrations, c.state.status())
		}
		out.Receivers = append(out.Receivers, r)
	}
	slices.SortFunc(out.Receivers, func(a, b ReceiverStatus) int { return strings.Compare(a.Name, b.Name) })
	out.Cluster = m.clusterStatus()
	out.Warnings = run.warnings
	out.SnapshotError = m.snapshots.lastError()
	return out
}
