package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/config/receiver"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/alert/manager/dingtalk"
	"github.com/pitot-dev/pitot/internal/alert/manager/feishu"
)

// maxHung is how many attempts of one channel may hang past their time before
// no further is begun.
const maxHung = 4

// graceTime is what an attempt has to end after its time is over.
const graceTime = time.Second

// channel is one way to reach people: an integration with its state, isolated
// from the others.
type channel struct {
	key     channelKey
	inner   notify.Notifier
	rs      notify.ResolvedSender
	state   *channelState
	metrics *metrics
	labels  prometheus.Labels
	timeout time.Duration
	logger  *slog.Logger

	// check tries the channel's templates on the alerts; nil for channels that do
	// so themselves.
	check checkFunc
	// serial is held during an attempt by notifiers that are not safe for
	// concurrent use; nil for the others.
	serial  chan struct{}
	hanging atomic.Int32 // attempts that did not end in time
}

func (c *channel) integration() notify.Integration {
	return notify.NewIntegration(c, c.rs, c.key.integration, c.key.index, c.key.receiver)
}

// Notify implements notify.Notifier.
func (c *channel) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	n := c.inner
	if c.check != nil {
		plain, cause, err := c.check(ctx, alerts)
		if cause != nil {
			c.templateFailed(cause)
		}
		if err != nil {
			c.logger.Error("no plain text instead of a failing template", "receiver", c.key.receiver, "integration", c.key.integration, "error", err)
		} else if plain != nil {
			n = plain
		}
	}
	retry, err := c.attempt(ctx, n, alerts)
	c.record(ctx, retry, err)
	return retry, err
}

func (c *channel) templateFailed(err error) {
	c.state.templateFailed(time.Now(), err)
	c.metrics.templateErrors.With(c.labels).Inc()
	c.logger.Warn("template of a notification failed", "receiver", c.key.receiver, "integration", c.key.integration, "error", err)
}

// attempt runs one attempt within the channel's time. A notifier that does not
// heed its context is left behind, at most maxHung times.
func (c *channel) attempt(ctx context.Context, n notify.Notifier, alerts []*alert.Alert) (bool, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %v", c.timeout))
	defer cancel()
	if c.serial != nil {
		select {
		case c.serial <- struct{}{}:
		case <-ctx.Done():
			return true, fmt.Errorf("waiting for an earlier notification: %w", context.Cause(ctx))
		}
	}
	if c.hanging.Load() >= maxHung {
		c.release()
		return true, fmt.Errorf("%d earlier attempts still hang", maxHung)
	}
	type result struct {
		retry bool
		err   error
	}
	done := make(chan result, 1)
	go func() {
		retry, err := safely(ctx, n, alerts)
		c.release()
		done <- result{retry, err}
	}()
	select {
	case r := <-done:
		return r.retry, r.err
	case <-ctx.Done():
	}
	// Most notifiers heed the context: give them a moment to say why they failed.
	grace := time.NewTimer(graceTime)
	defer grace.Stop()
	select {
	case r := <-done:
		if errors.Is(r.err, context.DeadlineExceeded) {
			r.err = fmt.Errorf("%w: %w", context.Cause(ctx), r.err)
		}
		return r.retry, r.err
	case <-grace.C:
	}
	gauge := c.metrics.hung.With(c.labels)
	c.hanging.Add(1)
	gauge.Inc()
	go func() {
		<-done
		c.hanging.Add(-1)
		gauge.Dec()
	}()
	return true, context.Cause(ctx)
}

func (c *channel) release() {
	if c.serial != nil {
		<-c.serial
	}
}

// safely keeps a panic of a notifier from ending the process.
func safely(ctx context.Context, n notify.Notifier, alerts []*alert.Alert) (retry bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			retry, err = false, fmt.Errorf("panic: %v", p)
		}
	}()
	return n.Notify(ctx, alerts...)
}

func (c *channel) record(ctx context.Context, retry bool, err error) {
	now := time.Now()
	up, res := c.metrics.up.With(c.labels), "ok"
	switch {
	case err == nil:
		c.state.succeeded(now)
		up.Set(1)
	case errors.Is(ctx.Err(), context.Canceled): // a reload or the end of the process
		return
	default:
		c.state.failed(now, err)
		up.Set(0)
		if res = "failed"; retry {
			res = "retry"
		}
	}
	c.metrics.attempts.MustCurryWith(c.labels).WithLabelValues(res).Inc()
}

// buildChannels makes the channels of a receiver.
func (m *Manager) buildChannels(l *loaded, r config.Receiver, tmpl *template.Template) ([]*channel, error) {
	var out []*channel
	var errs []error
	add := func(integration string, index int, rs notify.ResolvedSender, n notify.Notifier) *channel {
		c := m.newChannel(channelKey{r.Name, integration, index}, rs, n)
		out = append(out, c)
		return c
	}
	for _, part := range split(r) {
		built, err := receiver.BuildReceiverIntegrations(part.receiver, tmpl, m.logger)
		if err != nil || len(built) != 1 {
			errs = append(errs, err)
			continue
		}
		c := add(built[0].Name(), part.index, &built[0], &built[0])
		c.check = checker(part.receiver, tmpl, m.logger)
		if name := built[0].Name(); name == "wechat" || name == "telegram" {
			c.serial = make(chan struct{}, 1) // they keep their token in a plain field
		}
	}
	own := l.own[r.Name]
	for i, conf := range own.dingtalk {
		key := channelKey{r.Name, "dingtalk", i}
		n, err := dingtalk.New(conf, tmpl, &m.limits, m.ownTemplateFailed(key), m.logger)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		add("dingtalk", i, conf, n)
	}
	for i, conf := range own.feishu {
		key := channelKey{r.Name, "feishu", i}
		n, err := feishu.New(conf, tmpl, &m.limits, m.ownTemplateFailed(key), m.logger)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		add("feishu", i, conf, n)
	}
	if l.standard {
		add("log", 0, always{}, &logNotifier{logger: m.logger})
	}
	return out, errors.Join(errs...)
}

func (m *Manager) newChannel(key channelKey, rs notify.ResolvedSender, n notify.Notifier) *channel {
	return &channel{
		key: key, inner: n, rs: rs, state: m.stateOf(key), metrics: m.metrics, labels: key.labels(),
		timeout: m.opts.AttemptTimeout, logger: m.logger,
	}
}

func (k channelKey) labels() prometheus.Labels {
	return prometheus.Labels{"receiver": k.receiver, "integration": k.integration, "index": strconv.Itoa(k.index)}
}

func (m *Manager) stateOf(key channelKey) *channelState {
	v, _ := m.states.LoadOrStore(key, &channelState{s: IntegrationStatus{Name: key.integration, Index: key.index, OK: true}})
	s, _ := v.(*channelState)
	return s
}

// ownTemplateFailed counts a template of a channel that makes its own plain
// text.
func (m *Manager) ownTemplateFailed(key channelKey) func(error) {
	c := m.newChannel(key, nil, nil)
	return c.templateFailed
}

// part is a receiver with only one of its channels.
type part struct {
	receiver config.Receiver
	index    int // among those of its kind
}

// split makes a receiver for each of a receiver's channels, so that each can be
// built, and built again, on its own.
func split(r config.Receiver) []part {
	var out []part
	all := reflect.ValueOf(r)
	for i := range all.NumField() {
		f := all.Field(i)
		if f.Kind() != reflect.Slice {
			continue
		}
		for j := range f.Len() {
			one := config.Receiver{Name: r.Name}
			reflect.ValueOf(&one).Elem().Field(i).Set(f.Slice(j, j+1))
			out = append(out, part{receiver: one, index: j})
		}
	}
	return out
}

type always struct{}

// SendResolved implements notify.ResolvedSender.
func (always) SendResolved() bool { return true }

// logNotifier is the channel of who configured none.
type logNotifier struct{ logger *slog.Logger }

// Notify implements notify.Notifier.
func (n *logNotifier) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	group, _ := notify.GroupLabels(ctx)
	firing := 0
	for _, a := range alerts {
		if !a.Resolved() {
			firing++
		}
	}
	n.logger.Info("alerts", "group", group.String(), "firing", firing, "resolved", len(alerts)-firing)
	return false, nil
}
