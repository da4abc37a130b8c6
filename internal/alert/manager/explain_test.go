package manager

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/util/strutil"
)

// unexplained is an alert without Pitot's annotations.
func unexplained(name string) Alert {
	a := firing(name)
	a.Annotations = map[string]string{"summary": "s"}
	return a
}

func TestExplanationIsInTheFirstNotification(t *testing.T) {
	s := newStandIn(t, ok)
	var asked atomic.Int32
	m := start(t, fast+"receivers: [{name: all, webhook_configs: [{url: "+s.URL+"}]}]\n", func(o *Options) {
		o.Explain = func(_ context.Context, alerts []Alert) map[string]string {
			asked.Add(1)
			return map[string]string{"explanation": "because of " + alerts[0].Labels["alertname"], "summary": "not this one"}
		}
	})
	m.Notify(t.Context(), []Alert{unexplained("One")})
	c := s.wait(t, "/", 1)[0]
	if !strings.Contains(c.Body, "because of One") || strings.Contains(c.Body, "not this one") {
		t.Errorf("%s", c.Body)
	}
	// Reported again it is in the API too, and is not asked for again.
	a := unexplained("One")
	a.StartsAt = m.alertsNow()[0].StartsAt
	m.Notify(t.Context(), []Alert{a})
	if got := m.alertsNow()[0].Annotations["explanation"]; got != "because of One" {
		t.Errorf("API: %q", got)
	}
	r := a
	r.Resolved, r.EndsAt = true, time.Now()
	eventually(t, "the end is told", func() bool {
		// Rules repeat it too: the dispatcher may take two reports in quick
		// succession in either order.
		m.Notify(t.Context(), []Alert{r})
		return len(s.at("/")) >= 2
	})
	if c := s.at("/")[1]; !strings.Contains(c.Body, "because of One") {
		t.Errorf("resolved: %s", c.Body)
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// alertsNow are those of the provider.
func (m *Manager) alertsNow() []*alert.Alert {
	it := m.alerts.GetPending()
	defer it.Close()
	var out []*alert.Alert
	for a := range it.Next() {
		out = append(out, a.Data)
	}
	return out
}

func testExplainer(f ExplainFunc) *explainer {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "x"}, []string{"result"})
	return newExplainer(f, 5*time.Second, v, slog.New(slog.DiscardHandler))
}

func TestExplanationIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := testExplainer(func(context.Context, []Alert) map[string]string {
			<-release // does not heed its context
			return map[string]string{"explanation": "late"}
		})
		in := convert(unexplained("One"), time.Now(), time.Minute)
		began := time.Now()
		_, out, err := e.Exec(t.Context(), nil, in)
		if err != nil || len(out) != 1 || time.Since(began) != 5*time.Second {
			t.Fatalf("%v after %v: %v", out, time.Since(began), err)
		}
		if _, has := out[0].Annotations["explanation"]; has {
			t.Error("where from?")
		}
		// Both places are taken: the third is not begun.
		_, _, _ = e.Exec(t.Context(), nil, convert(unexplained("Two"), time.Now(), time.Minute))
		_, _, _ = e.Exec(t.Context(), nil, convert(unexplained("Three"), time.Now(), time.Minute))
		if n := testutil.ToFloat64(e.results.WithLabelValues("busy")); n != 1 {
			t.Errorf("busy: %v", n)
		}
		close(release)
		synctest.Wait()
		_, out, _ = e.Exec(t.Context(), nil, in)
		if out[0].Annotations["explanation"] != "late" {
			t.Errorf("what came late is lost: %v", out[0].Annotations)
		}
		e.close()
	})
}

func TestExplanationThatPanicsOrKnowsNothing(t *testing.T) {
	for _, f := range []ExplainFunc{
		func(context.Context, []Alert) map[string]string { panic("oh") },
		func(context.Context, []Alert) map[string]string { return nil },
		nil,
	} {
		e := testExplainer(f)
		in := convert(unexplained("One"), time.Now(), time.Minute)
		_, out, err := e.Exec(t.Context(), nil, in)
		if err != nil || len(out) != 1 || len(out[0].Annotations) != 1 {
			t.Errorf("%v %v", out, err)
		}
		e.close()
	}
}

func TestExplanationsAreForgotten(t *testing.T) {
	e := testExplainer(func(context.Context, []Alert) map[string]string { return nil })
	defer e.close()
	now := time.Now()
	for i := range maxExplained + 10 {
		a := convert(unexplained("One"), now, time.Minute)
		a.StartsAt = now.Add(-time.Duration(i))
		e.remember([]*alert.Alert{a}, nil)
	}
	if n := len(e.known); n > maxExplained {
		t.Errorf("%d are kept", n)
	}
}

func TestExplanationIsAskedWithTheExpression(t *testing.T) {
	s := newStandIn(t, ok)
	const expr = `slo:sli_error:ratio_rate1h{slo="a b"} > 0.05 & 1`
	m := start(t, fast+"receivers: [{name: all, webhook_configs: [{url: "+s.URL+"}]}]\n", func(o *Options) {
		o.Explain = func(_ context.Context, alerts []Alert) map[string]string {
			return map[string]string{"explanation": "asked with " + alerts[0].Expr}
		}
	})
	a := unexplained("SLOErrorBudgetBurn")
	a.Expr, a.GeneratorURL = expr, "http://localhost:1"+strutil.TableLinkForExpression(expr)
	m.Notify(t.Context(), []Alert{a})
	s.wait(t, "/", 1)
	if got := m.explainer.with(m.alertsNow()[0]).Annotations["explanation"]; string(got) != "asked with "+expr {
		t.Errorf("%q", got)
	}
	for _, link := range []string{"", "http://x/api/pitot/v1/budgets", "%zz"} {
		if got := exprOf(link); got != "" {
			t.Errorf("%q: %q", link, got)
		}
	}
}
