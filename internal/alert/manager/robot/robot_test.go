package robot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLimiterKeepsEveryWindow(t *testing.T) {
	for _, tc := range []struct {
		name   string
		n      int
		window time.Duration
		rates  []Rate
	}{
		{"dingtalk", 20, time.Minute, []Rate{Within(20, time.Minute)}},
		{"feishu a second", 5, time.Second, []Rate{Within(5, time.Second), Within(100, time.Minute)}},
		{"feishu a minute", 100, time.Minute, []Rate{Within(5, time.Second), Within(100, time.Minute)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := NewLimiter(tc.rates...)
				var at []time.Time
				for range 5 * tc.n {
					if err := l.Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
					at = append(at, time.Now())
				}
				for i, from := range at {
					if i+tc.n < len(at) && at[i+tc.n].Sub(from) < tc.window {
						t.Fatalf("message %d comes %v after message %d", i+tc.n, at[i+tc.n].Sub(from), i)
					}
				}
			})
		})
	}
}

func TestLimiterBlocksAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(Within(20, time.Minute))
		l.Block(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		if err := l.Wait(ctx); err == nil || time.Since(began) != 0 {
			t.Errorf("waits in vain for %v: %v", time.Since(began), err)
		}
		if err := l.Wait(t.Context()); err != nil || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		l.Block(time.Hour)
		ctx, stop := context.WithCancel(t.Context())
		go stop()
		if err := l.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestLimitsAreShared(t *testing.T) {
	var l Limits
	a := l.Of("a", Within(1, time.Minute))
	if a != l.Of("a", Within(1, time.Minute)) || a == l.Of("b") {
		t.Error("not by key")
	}
	for i := range 2 * maxRobots {
		l.Of(fmt.Sprint(i))
	}
	if len(l.m) > maxRobots {
		t.Errorf("%d limiters", len(l.m))
	}
}

func TestBurstIsMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var sent [][]Message
		s := NewSender(NewLimiter(Within(20, time.Minute)), func(_ context.Context, m []Message) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			sent = append(sent, m)
			return false, nil
		})
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if _, err := s.Send(t.Context(), Message{Title: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		total := 0
		for _, b := range sent {
			total += len(b)
		}
		if total != 100 || len(sent) > 20 || time.Since(began) > 10*time.Second {
			t.Errorf("%d messages in %d after %v", total, len(sent), time.Since(began))
		}
	})
}

func TestSenderGivesUpAndIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(Within(20, time.Minute))
		l.Block(time.Hour)
		s := NewSender(l, func(context.Context, []Message) (bool, error) { return false, nil })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range maxWaiting {
			wg.Go(func() {
				if retry, err := s.Send(ctx, Message{}); !retry || err == nil {
					t.Errorf("%v %v", retry, err)
				}
			})
		}
		synctest.Wait()
		if retry, err := s.Send(ctx, Message{}); !retry || !errors.Is(err, ErrFull) {
			t.Errorf("%v %v", retry, err)
		}
		cancel()
		wg.Wait()
		if len(s.waiting) != 0 {
			t.Errorf("%d still wait", len(s.waiting))
		}
	})
}

func TestFailureIsEverybodys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(Rate{Burst: 1, Every: time.Second})
		_ = l.Wait(t.Context())
		s := NewSender(l, func(_ context.Context, m []Message) (bool, error) { return len(m) == 3, errors.New("no") })
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if retry, err := s.Send(t.Context(), Message{}); !retry || err == nil {
					t.Errorf("%v %v", retry, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestMerge(t *testing.T) {
	long := strings.Repeat("长", 1000)
	m := Merge([]Message{
		{Title: "a", Text: "one", Severity: "warning", Firing: true},
		{Title: "b", Text: "two", Severity: "critical"},
		{Title: "c", Text: long, Severity: "error", Firing: true, Mention: true},
	}, English, 1500)
	if len(m.Text) > 1500 || !utf8.ValidString(m.Text) || !m.Firing || !m.Mention || m.Severity != "error" || m.Color() != ColorError {
		t.Errorf("%+v", m)
	}
	if want := "### a\n\none\n\n---\n\n### b\n\ntwo\n\n---\n\nAnd 1 more:\n\n- c"; m.Text != want {
		t.Error(cmp.Diff(want, m.Text))
	}
	if m := Merge([]Message{{Text: long}}, Chinese, 100); len(m.Text) > 100 || !utf8.ValidString(m.Text) {
		t.Errorf("%q", m.Text)
	}
}

func TestParseLinks(t *testing.T) {
	got := ParseLinks("- slowest calls: https://a.example/x?y=1\n[traces](http://b.example)\nhttps://c.example\njavascript:alert(1)\nbad: ftp://x\n\nname [x](https://d.example)\n")
	want := []Link{{"slowest calls", "https://a.example/x?y=1"}, {"traces", "http://b.example"}, {"https://c.example", "https://c.example"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func FuzzParseLinks(f *testing.F) {
	f.Add("a: https://x.example\n[b](http://y.example)")
	f.Fuzz(func(t *testing.T, s string) {
		for _, l := range ParseLinks(s) {
			u, err := url.Parse(l.URL)
			if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || l.Name == "" {
				t.Fatalf("%+v", l)
			}
		}
	})
}

func FuzzTruncate(f *testing.F) {
	f.Add("长a", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 3 || limit > 1<<20 || !utf8.ValidString(s) {
			t.Skip()
		}
		if out := Truncate(s, limit); len(out) > limit || !utf8.ValidString(out) {
			t.Fatalf("%q", out)
		}
	})
}

func TestColors(t *testing.T) {
	for severity, want := range map[string]Color{"page": ColorCritical, "Critical": ColorCritical, "error": ColorError, "ticket": ColorWarning, "": ColorWarning, "info": ColorInfo} {
		if got := (Message{Firing: true, Severity: severity}).Color(); got != want {
			t.Errorf("%q: %s", severity, got)
		}
	}
	if (Message{Severity: "critical"}).Color() != ColorResolved {
		t.Error("resolved is not resolved")
	}
}

func TestRenderSaysWhatFailed(t *testing.T) {
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		t.Fatal(err)
	}
	tmpl.ExternalURL = &url.URL{Scheme: "http", Host: "pitot.example"}
	var failed error
	r := &Renderer{
		Template: tmpl, Logger: slog.New(slog.DiscardHandler), Language: Chinese, Title: "fine", Text: `{{ template "nowhere" . }}`,
		Failed: func(err error) { failed = err },
	}
	ctx := notify.WithNotificationReason(notify.WithGroupLabels(notify.WithReceiverName(t.Context(), "r"), model.LabelSet{}), notify.ReasonFirstNotification)
	var alerts []*alert.Alert
	for i := range maxPlainAlerts + 5 {
		alerts = append(alerts, &alert.Alert{Alert: model.Alert{Labels: model.LabelSet{"alertname": "A", "i": model.LabelValue(fmt.Sprint(i))}, Annotations: model.LabelSet{"summary": "总结"}}})
	}
	m := r.Render(ctx, alerts...)
	if failed == nil || m.Title != "[告警 25] A" || !strings.Contains(m.Text, "通知模板出错") || !strings.Contains(m.Text, "nowhere") || !strings.Contains(m.Text, "另有 5 条") || !strings.Contains(m.Text, "总结") {
		t.Errorf("%v %+v", failed, m)
	}
}

func BenchmarkMerge(b *testing.B) {
	var list []Message
	for i := range 20 {
		list = append(list, Message{Title: fmt.Sprint(i), Text: strings.Repeat("text ", 100), Firing: true})
	}
	b.ReportAllocs()
	for b.Loop() {
		Merge(list, English, 16_000)
	}
}
