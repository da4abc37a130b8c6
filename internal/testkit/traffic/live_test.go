package traffic

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// clock is a clock that waiting moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Pace(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	if d > 0 {
		c.now = c.now.Add(d)
	}
	c.mu.Unlock()
	return ctx.Err()
}

// timeLapse is a clock that runs faster than the real one.
type timeLapse struct {
	from, began time.Time
	speed       int
}

func (l *timeLapse) Now() time.Time { return l.from.Add(time.Since(l.began) * time.Duration(l.speed)) }

// TestLive plays five minutes of load through a plain reverse proxy, 120 times
// as fast as it is.
func TestLive(t *testing.T) {
	fake := provider.New(provider.Config{Pace: provider.NoPace, Models: ProviderModels(), Strict: true, RequireKey: false, TruthSize: 1 << 14, KeepRequests: true})
	upstream := httptest.NewServer(fake)
	defer upstream.Close()
	target, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	proxy.ErrorLog = log.New(io.Discard, "", 0) // cut streams are meant
	gateway := httptest.NewServer(proxy)
	defer gateway.Close()

	lapse := &timeLapse{from: day.Add(10*time.Hour + 30*time.Minute), began: time.Now(), speed: 120}
	end := lapse.from.Add(5 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := New(Config{
		Seed: 4, Now: lapse.Now, MaxInFlight: 4096,
		Pace: func(c context.Context, d time.Duration) error {
			if lapse.Now().After(end) {
				cancel()
			}
			return provider.RealPace(c, d/time.Duration(lapse.speed))
		},
	})
	tr := &http.Transport{MaxConnsPerHost: 8}
	defer tr.CloseIdleConnections()
	var mu sync.Mutex
	var spans []*llm.Span
	err = g.Live(ctx, gateway.URL, &http.Client{Transport: tr}, func(rs []llm.Record) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range rs {
			spans = append(spans, r.Span)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	upstream.Close()
	st := g.Stats()
	if st.Calls < 150 || st.Tasks < 100 {
		t.Errorf("stats %+v", st)
	}
	formats := map[string]int{}
	byTrace := map[string]bool{}
	for _, s := range spans {
		byTrace[s.TraceID] = true
		if s.ID == "" || s.Name == "" || s.Service == "" {
			t.Fatalf("incomplete span %+v", s)
		}
	}
	parents, tools, statuses := 0, 0, map[int]int{}
	for _, x := range fake.Truth() {
		formats[x.Format]++
		statuses[x.Status]++
		if x.Status == 404 || x.Status == 401 {
			t.Fatalf("%s: status %d: %s", x.Path, x.Status, x.Body)
		}
		if x.Tool != "" {
			tools++
		}
		if tp := x.Header.Get("Traceparent"); tp != "" {
			parents++
			if f := strings.Split(tp, "-"); len(f) != 4 || len(f[1]) != 32 || len(f[2]) != 16 {
				t.Errorf("traceparent %q", tp)
			}
		}
		if x.Header.Get("X-Pitot-Service") == "" || x.Header.Get("X-Pitot-Tag-Team") == "" {
			t.Fatalf("no dimensions: %v", x.Header)
		}
	}
	for _, f := range []string{"chat_completions", "responses", "messages", "generate_content", "embeddings", "rerank", "ollama_chat"} {
		if formats[f] == 0 {
			t.Errorf("no call in format %s: %v", f, formats)
		}
	}
	if parents == 0 || tools == 0 || len(byTrace) == 0 || statuses[200] < 100 {
		t.Errorf("%d calls with a parent, %d with a tool, %d traces, statuses %v", parents, tools, len(byTrace), statuses)
	}
}

// TestLiveTellsTheProviderWhatToSay checks that what was planned is what the
// provider sends.
func TestLiveTellsTheProviderWhatToSay(t *testing.T) {
	t.Run("plain", func(t *testing.T) { tellsTheProvider(t, Config{Seed: 6}) })
	t.Run("rich", func(t *testing.T) { tellsTheProvider(t, Config{Seed: 6, Rich: true}) })
}

func tellsTheProvider(t *testing.T, cfg Config) {
	fake := provider.New(provider.Config{Pace: provider.NoPace, Models: ProviderModels(), TruthSize: 1 << 14})
	srv := httptest.NewServer(fake)
	defer srv.Close()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	clk := &clock{now: day}
	cfg.Now, cfg.Pace = clk.Now, clk.Pace
	g := New(cfg)
	n := 0
	for task := range g.Tasks(day.Add(14*time.Hour), day.Add(15*time.Hour)) {
		p := &player{g: g, client: &http.Client{Transport: tr}, base: srv.URL, task: task}
		for _, c := range task.Calls() {
			if c.LeaveAfter > 0 || c.CutAfter > 0 {
				continue
			}
			before := fake.Answered()
			one := *task
			one.Root = &Step{Call: c}
			p.task = &one
			p.play(t.Context())
			testkit.Eventually(t, "the answer is logged", func() bool { return fake.Answered() > before })
			all := fake.Truth()
			got := all[len(all)-1]
			if c.Status != 0 {
				if got.Status != c.Status {
					t.Errorf("%s: status %d, planned %d", c.Model.Name, got.Status, c.Status)
				}
				continue
			}
			if got.Status != 200 || got.Stream != c.Stream || got.Answered != c.Model.Answers && c.Model.api != apiRerank {
				t.Fatalf("%s: planned %+v\nsent %+v", c.Model.Name, c, got)
			}
			if c.Model.perToken > 0 && (got.Input != c.Input || got.Output != c.Output || got.CacheRead != c.CacheRead || got.Tool != c.Tool) {
				t.Fatalf("%s: planned %d in, %d out, %d cached, tool %q; sent %+v", c.Model.Name, c.Input, c.Output, c.CacheRead, c.Tool, got)
			}
			if c.Stream && c.Model.api != apiGemini && got.Chunks != c.Chunks() {
				t.Errorf("%s: %d chunks, planned %d", c.Model.Name, got.Chunks, c.Chunks())
			}
			if c.script != nil && c.Tool == "" && got.Text != c.Answer {
				t.Fatalf("%s: said %q, planned %q", c.Model.Name, got.Text, c.Answer)
			}
			n++
		}
		if n > 400 {
			break
		}
	}
	if n < 300 {
		t.Errorf("only %d calls compared", n)
	}
}

func TestLiveBounds(t *testing.T) {
	if err := New(Config{}).Live(t.Context(), "127.0.0.1:1", nil, nil); err == nil {
		t.Error("a URL without a scheme is accepted")
	}
	// Calls hang until the end: tasks past the limit are skipped.
	block := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-block:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(block)
	clk := &clock{now: day.Add(12 * time.Hour)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := New(Config{Seed: 1, Now: clk.Now, MaxInFlight: 2})
	g.cfg.Pace = func(c context.Context, d time.Duration) error {
		if g.stats.skipped.Load() > 20 {
			cancel()
		}
		return clk.Pace(c, d)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	if err := g.Live(ctx, srv.URL, &http.Client{Transport: tr}, nil); err != nil {
		t.Fatal(err)
	}
	if st := g.Stats(); st.Skipped < 20 || st.Tasks > 10 {
		t.Errorf("stats %+v", st)
	}
}
