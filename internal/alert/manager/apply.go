package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/common/model"
)

// running is what belongs to one configuration.
type running struct {
	channels       map[string][]*channel // by receiver
	routed         map[string]bool
	warnings       []string
	resolveTimeout time.Duration
	inhibitor      *inhibit.Inhibitor
	dispatcher     *dispatch.Dispatcher
}

func (r *running) stop() {
	r.inhibitor.Stop()
	r.dispatcher.Stop()
}

// apply builds all that can fail, then stops the old configuration and starts
// the new.
func (m *Manager) apply(l *loaded) error {
	m.reload.Lock()
	defer m.reload.Unlock()
	m.mu.Lock()
	old, closed := m.run, m.closed
	m.mu.Unlock()
	if closed {
		return ErrClosed
	}
	tmpl, err := newTemplate(l.config.Templates, m.external)
	if err != nil {
		return l.locate(fmt.Errorf("templates: %w", err))
	}
	next := &running{
		channels: make(map[string][]*channel), routed: make(map[string]bool), warnings: l.warnings,
		resolveTimeout: time.Duration(l.config.Global.ResolveTimeout),
	}
	routes := dispatch.NewRoute(l.config.Route, nil)
	routes.Walk(func(r *dispatch.Route) { next.routed[r.RouteOpts.Receiver] = true })
	var errs []error
	for _, r := range l.config.Receivers {
		channels, err := m.buildChannels(l, r, tmpl)
		if err != nil {
			errs = append(errs, l.receiverError(r.Name, err))
		}
		next.channels[r.Name] = channels
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	intervals := make(map[string][]timeinterval.TimeInterval)
	for _, ti := range l.config.MuteTimeIntervals {
		intervals[ti.Name] = ti.TimeIntervals
	}
	for _, ti := range l.config.TimeIntervals {
		intervals[ti.Name] = ti.TimeIntervals
	}
	for _, w := range l.warnings {
		m.logger.Warn("part of the alertmanager section has no effect", "reason", w)
	}

	// From here on nothing fails.
	if old != nil {
		old.stop()
	}
	next.inhibitor = inhibit.NewInhibitor(m.alerts, l.config.InhibitRules, m.logger, eventrecorder.NopRecorder())
	pipeline := m.pipeline(next, timeinterval.NewIntervener(intervals))
	next.dispatcher = dispatch.NewDispatcher(m.alerts, routes, pipeline, m.marker, m.flushTimeout, groupMaintenance,
		groupLimit{}, m.logger, eventrecorder.NopRecorder(), m.dispatch, tmpl)
	m.start(next, l)
	return nil
}

func (m *Manager) start(next *running, l *loaded) {
	// The inhibitor knows all alerts before anything is notified.
	go next.inhibitor.Run()
	next.inhibitor.WaitForLoading()
	m.api.Update(l.config, func(ctx context.Context, labels model.LabelSet) {
		next.inhibitor.Mutes(ctx, labels)
		m.silencer.Mutes(ctx, labels)
	})
	go next.dispatcher.Run(m.started)
	next.dispatcher.WaitForLoading()
	m.dispatcher.Store(next.dispatcher)
	m.mu.Lock()
	m.run = next
	m.mu.Unlock()
	integrations := 0
	for name := range next.routed {
		integrations += len(next.channels[name])
	}
	m.metrics.receivers.Set(float64(len(next.routed)))
	m.metrics.integrations.Set(float64(integrations))
	m.metrics.inhibitions.Set(float64(len(l.config.InhibitRules)))
}

// pipeline is what a group's alerts go through: muting, the explanation, and
// each channel of the receiver on its own.
func (m *Manager) pipeline(next *running, intervener *timeinterval.Intervener) notify.Stage {
	integrations := make(map[string][]notify.Integration, len(next.routed))
	for name := range next.routed {
		list := make([]notify.Integration, 0, len(next.channels[name]))
		for _, c := range next.channels[name] {
			list = append(list, c.integration())
		}
		integrations[name] = list
	}
	var peer notify.Peer // an interface that holds a nil *Peer is not nil
	if m.peer != nil {
		peer = m.peer
	}
	stages := m.pipelines.New(integrations, m.clusterWait, next.inhibitor, m.silencer, intervener, m.marker, m.nflog, peer)
	for name, s := range stages {
		if multi, ok := s.(notify.MultiStage); ok && len(multi) > 0 && len(integrations[name]) > 0 {
			// Before the last, which is the fan-out to the channels.
			last := len(multi) - 1
			stages[name] = append(append(notify.MultiStage{}, multi[:last]...), m.explainer, multi[last])
		}
	}
	return stages
}

// flushTimeout bounds a group's notifications: until the group's next, so that a
// channel that hangs does not hold up the others of its group for longer than
// they would wait anyway.
func (m *Manager) flushTimeout(groupInterval time.Duration) time.Duration {
	least := notify.MinTimeout
	if m.opts.Explain != nil {
		least += m.opts.ExplainTimeout
	}
	return max(groupInterval, least) + m.clusterWait()
}

type groupLimit struct{}

// MaxNumberOfAggregationGroups implements dispatch.Limits.
func (groupLimit) MaxNumberOfAggregationGroups() int { return maxGroups }
