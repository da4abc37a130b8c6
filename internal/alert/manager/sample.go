package manager

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

// Result is what became of a sample.
type Result struct {
	Integration string        `json:"integration"`
	Index       int           `json:"index"`
	OK          bool          `json:"ok"`
	Error       string        `json:"error,omitempty"`
	Retryable   bool          `json:"retryable,omitempty"` // a real notification would be tried again
	Duration    time.Duration `json:"duration_ns"`
}

// TestReceiver sends a sample through all channels of a receiver at once, past
// routes, silences and the notification log.
func (m *Manager) TestReceiver(ctx context.Context, name string) ([]Result, error) {
	m.mu.Lock()
	run, closed := m.run, m.closed
	m.mu.Unlock()
	if closed {
		return nil, ErrClosed
	}
	channels, ok := run.channels[name]
	if !ok {
		return nil, fmt.Errorf("no receiver %q: there are %s", name, strings.Join(slices.Sorted(maps.Keys(run.channels)), ", "))
	}
	if len(channels) == 0 {
		return nil, fmt.Errorf("receiver %q has no channels: it swallows its alerts", name)
	}
	now := time.Now()
	sample := m.sample(now)
	ctx = sampleContext(ctx, name, sample, now)
	out := make([]Result, len(channels))
	var wg sync.WaitGroup
	for i, c := range channels {
		wg.Go(func() {
			began := time.Now()
			retry, err := c.Notify(ctx, sample)
			out[i] = Result{Integration: c.key.integration, Index: c.key.index, OK: err == nil, Retryable: retry && err != nil, Duration: time.Since(began)}
			if err != nil {
				out[i].Error = err.Error()
			}
		})
	}
	wg.Wait()
	return out, nil
}

func (m *Manager) sample(now time.Time) *alert.Alert {
	return &alert.Alert{
		Alert: model.Alert{
			Labels: model.LabelSet{
				model.AlertNameLabel: "PitotTest", "severity": "info", "service": "pitot",
			},
			Annotations: model.LabelSet{
				"summary":           "This is a test of Pitot's notifications",
				"description":       "Nothing is wrong: somebody asked Pitot to send a sample.",
				"explanation":       "here an alert says what changed, such as: 94 % of the errors are 429 of one provider",
				"explanation_links": model.LabelValue("the calls behind it: " + m.external.String()),
			},
			StartsAt: now, EndsAt: now.Add(5 * time.Minute), GeneratorURL: m.external.String(),
		},
		UpdatedAt: now,
	}
}

// sampleContext has what notifiers expect of the pipeline.
func sampleContext(ctx context.Context, receiver string, sample *alert.Alert, now time.Time) context.Context {
	// A group of its own each time: some services merge by the group's key.
	key := fmt.Sprintf("{}/{pitot_test=%q}:{alertname=%q}", now.Format(time.RFC3339Nano), sample.Name())
	ctx = notify.WithReceiverName(ctx, receiver)
	ctx = notify.WithGroupKey(ctx, key)
	ctx = notify.WithGroupLabels(ctx, model.LabelSet{model.AlertNameLabel: model.LabelValue(sample.Name())})
	ctx = notify.WithRouteLabels(ctx, model.LabelSet{})
	ctx = notify.WithNow(ctx, now)
	ctx = notify.WithRepeatInterval(ctx, time.Hour)
	ctx = notify.WithFiringAlerts(ctx, []uint64{uint64(sample.Fingerprint())})
	ctx = notify.WithResolvedAlerts(ctx, nil)
	ctx = notify.WithNotificationReason(ctx, notify.ReasonFirstNotification)
	return notify.WithNflogStore(ctx, nflog.NewStore(nil))
}
