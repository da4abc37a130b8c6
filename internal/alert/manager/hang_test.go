package manager

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/client_golang/prometheus"
)

func TestAChannelThatHangsBlocksNoOther(t *testing.T) {
	release := make(chan struct{})
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(hang.Close)
	t.Cleanup(func() { close(release) })
	s := newStandIn(t, ok)
	m := start(t, fast+`
receivers:
  - name: all
    webhook_configs: [{url: `+hang.URL+`}, {url: `+s.URL+`/good}]
`, func(o *Options) { o.AttemptTimeout = 50 * time.Millisecond })
	m.Notify(t.Context(), []Alert{firing("One")})
	s.wait(t, "/good", 1)
	m.Notify(t.Context(), []Alert{firing("Two")})
	s.wait(t, "/good", 2)
	m.Notify(t.Context(), []Alert{resolved("One")})
	eventually(t, "the end is told to the good one", func() bool {
		for _, c := range s.at("/good") {
			if strings.Contains(c.Body, `"status":"resolved"`) {
				return true
			}
		}
		return false
	})
	eventually(t, "the status shows it", func() bool {
		i := m.Status().Receivers[0].Integrations
		return !i[0].OK && i[0].Failed > 1 && strings.Contains(i[0].LastError, "no answer within 50ms") && i[1].OK
	})
}

// deaf does not heed its context.
type deaf struct{ release chan struct{} }

func (d *deaf) Notify(context.Context, ...*alert.Alert) (bool, error) {
	<-d.release
	return false, nil
}

type panics struct{}

func (panics) Notify(context.Context, ...*alert.Alert) (bool, error) { panic("oh") }

func newTestChannel(n notify.Notifier) *channel {
	m := &Manager{opts: Options{AttemptTimeout: 30 * time.Second}, logger: slog.New(slog.DiscardHandler), metrics: newMetrics(prometheus.NewRegistry())}
	return m.newChannel(channelKey{"r", "x", 0}, always{}, n)
}

func TestAChannelThatNeverEndsIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &deaf{release: make(chan struct{})}
		c := newTestChannel(d)
		for range maxHung {
			began := time.Now()
			retry, err := c.Notify(t.Context())
			if !retry || err == nil || time.Since(began) != c.timeout+graceTime {
				t.Fatalf("%v %v after %v", retry, err, time.Since(began))
			}
		}
		// No further is begun.
		began := time.Now()
		if retry, err := c.Notify(t.Context()); !retry || err == nil || !strings.Contains(err.Error(), "still hang") || time.Since(began) != 0 {
			t.Fatalf("%v %v", retry, err)
		}
		close(d.release)
		synctest.Wait()
		if _, err := c.Notify(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := c.state.status(); !st.OK || st.Sent != 1 || st.Failed != maxHung+1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestAChannelThatPanics(t *testing.T) {
	c := newTestChannel(panics{})
	if retry, err := c.Notify(t.Context()); retry || err == nil || !strings.Contains(err.Error(), "oh") {
		t.Errorf("%v %v", retry, err)
	}
}

func TestAReloadIsNoFailure(t *testing.T) {
	c := newTestChannel(&logNotifier{logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.record(ctx, true, errors.New("canceled"))
	if st := c.state.status(); !st.OK || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}
