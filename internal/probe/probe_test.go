package probe

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
	"github.com/pitot-dev/pitot/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink prices each call and hands it to the prober, as the pipeline does.
type sink struct {
	mu     sync.Mutex
	prober *Prober
	usd    llm.Opt[float64]
	calls  []*llm.Call
	told   chan struct{}
}

func (*sink) CallStarted(_, _, _, _ string) {}
func (*sink) CallEnded(_, _, _, _ string)   {}

func (s *sink) Record(c *llm.Call) {
	s.mu.Lock()
	c.Cost.USD = s.usd
	s.calls = append(s.calls, c)
	p := s.prober
	s.mu.Unlock()
	if p != nil {
		p.ObserveCall(c)
	}
	s.told <- struct{}{}
}

type fixture struct {
	*Prober
	sink *sink
	reg  *prometheus.Registry
}

// start runs simulated providers behind a real gateway, with a prober on top.
func start(t *testing.T, cfg Config, state string) *fixture {
	t.Helper()
	return startWith(t, cfg, state, provider.New(provider.Config{Pace: provider.NoPace}))
}

func startWith(t *testing.T, cfg Config, state string, h http.Handler) *fixture {
	t.Helper()
	up := httptest.NewServer(h)
	t.Cleanup(up.Close)
	gc := gateway.Config{}
	for _, d := range []wire.Dialect{wire.OpenAI, wire.Azure, wire.Anthropic, wire.Gemini, wire.Cohere, wire.Ollama, wire.Bedrock} {
		gc.Upstreams = append(gc.Upstreams, gateway.Upstream{Name: "fake-" + string(d), BaseURL: up.URL, Dialect: d, Provider: string(d)})
	}
	f := &fixture{sink: &sink{told: make(chan struct{}, 100), usd: llm.Some(0.01)}, reg: prometheus.NewRegistry()}
	g, err := gateway.New(gateway.Options{Config: gc, Sink: f.sink, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(g)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		front.Close()
		_ = g.Close(context.Background())
	})
	f.Prober, err = New(Options{
		Config: cfg, Gateway: front.URL, Client: client, StateFile: state, Registerer: f.reg,
		Upstreams: func(name string) (Upstream, bool) {
			d, ok := strings.CutPrefix(name, "fake-")
			return Upstream{Dialect: wire.Dialect(d), Provider: d}, ok
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.sink.mu.Lock()
	f.sink.prober = f.Prober
	f.sink.mu.Unlock()
	return f
}

// run probes once and waits until the call is recorded.
func (f *fixture) run(t *testing.T, name string) Status {
	t.Helper()
	st, ok := f.Probe(t.Context(), name)
	if !ok {
		t.Fatalf("no probe %s", name)
	}
	if st.State == StatePaused || st.HTTPStatus == 0 {
		return st
	}
	select {
	case <-f.sink.told:
	case <-time.After(10 * time.Second):
		t.Fatal("the call was not recorded")
	}
	return st
}

func target(name, upstream string, more ...func(*Target)) Target {
	t := Target{Name: name, Upstream: upstream, Model: "gpt-4o-mini", Prompt: "ping", Headers: map[string]string{"X-Fake-Text": "pong,%20of%20course", "X-Fake-Status": "200"}, Expect: Expect{Contains: "PONG"}}
	for _, m := range more {
		m(&t)
	}
	return t
}

func TestProbeOfEveryDialect(t *testing.T) {
	for _, d := range []string{"openai", "azure", "anthropic", "gemini", "cohere", "ollama"} {
		for _, stream := range []bool{true, false} {
			f := start(t, Config{MaxUSDPerDay: 1, Targets: []Target{target("p", "fake-"+d, func(t *Target) { t.Stream = &stream })}}, "")
			st := f.run(t, "p")
			if st.State != StateOK || st.HTTPStatus != 200 || !st.DurationSeconds.Known() {
				t.Errorf("%s, stream %v: %+v", d, stream, st)
			}
			if st.TTFTSeconds.Known() != stream {
				t.Errorf("%s, stream %v: time to first token known: %v", d, stream, st.TTFTSeconds.Known())
			}
			c := f.sink.calls[0]
			if c.Service != ServiceName || c.Tags[TagName] != "p" {
				t.Errorf("%s: call of service %q with tags %v", d, c.Service, c.Tags)
			}
			if f.Status()[0].SpentTodayUSD != 0.01 {
				t.Errorf("%s: spent %v", d, f.Status()[0].SpentTodayUSD)
			}
		}
	}
}

func TestProbeJudgesTheAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		expect Expect
		state  string
	}{
		"contains":        {Expect{Contains: "of course"}, StateOK},
		"contains not":    {Expect{Contains: "42"}, StateWrong},
		"equals":          {Expect{Equals: "pong, of course"}, StateOK},
		"equals not":      {Expect{Equals: "pong"}, StateWrong},
		"regex":           {Expect{Regex: `^po.g`}, StateOK},
		"regex not":       {Expect{Regex: `^ping`}, StateWrong},
		"all must hold":   {Expect{Contains: "pong", Regex: `^ping`}, StateWrong},
		"any text at all": {Expect{}, StateOK},
	} {
		f := start(t, Config{MaxUSDPerDay: 1, Targets: []Target{target("p", "fake-openai", func(t *Target) { t.Expect = tc.expect })}}, "")
		st := f.run(t, "p")
		if st.State != tc.state {
			t.Errorf("%s: %s (%s), want %s", name, st.State, st.Detail, tc.state)
		}
		if got := testutil.ToFloat64(f.metrics.success); got != 1 {
			t.Errorf("%s: success %v", name, got)
		}
		if got := testutil.ToFloat64(f.metrics.correct); got != flag(tc.state == StateOK) {
			t.Errorf("%s: correct %v", name, got)
		}
	}
}

func TestProbeFailures(t *testing.T) {
	slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a server sees that its client left only when it has the request
		<-r.Context().Done()
	})
	for name, tc := range map[string]struct {
		h      http.Handler
		target Target
		detail string
	}{
		"an error of the provider": {provider.New(provider.Config{Pace: provider.NoPace}), target("p", "fake-openai", func(t *Target) { t.Headers["X-Fake-Status"] = "429" }), "rate"},
		"no such upstream":         {http.NotFoundHandler(), target("p", "nowhere"), "gateway.upstreams"},
		"a signed dialect":         {http.NotFoundHandler(), target("p", "fake-bedrock"), "signed"},
		"a path that is no call":   {http.NotFoundHandler(), target("p", "fake-openai", func(t *Target) { t.Path = "/v1/models" }), "leave path out"},
		"an upstream that hangs":   {slow, target("p", "fake-openai", func(t *Target) { t.Timeout = model.Duration(50 * time.Millisecond) }), "within 50ms"},
		"a cut stream":             {provider.New(provider.Config{Pace: provider.NoPace}), target("p", "fake-openai", func(t *Target) { t.Headers["X-Fake-Cut-After"] = "1" }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := startWith(t, Config{MaxUSDPerDay: 1, Targets: []Target{tc.target}}, "", tc.h)
			st, _ := f.Probe(t.Context(), "p")
			if st.State != StateFailed || !strings.Contains(st.Detail, tc.detail) {
				t.Errorf("%s: %s", st.State, st.Detail)
			}
			if got := testutil.ToFloat64(f.metrics.success); got != 0 {
				t.Errorf("success %v", got)
			}
		})
	}
}

func TestCapStopsProbes(t *testing.T) {
	state := filepath.Join(t.TempDir(), "probes.json")
	cfg := Config{MaxUSDPerDay: 0.035, Targets: []Target{target("p", "fake-openai"), target("q", "fake-openai", func(t *Target) { t.MaxUSDPerDay = 0.015 })}}
	f := start(t, cfg, state)
	if st := f.run(t, "q"); st.State != StateOK {
		t.Fatalf("%+v", st)
	}
	if st := f.run(t, "q"); st.State != StatePaused {
		t.Errorf("its own cap: %+v", st)
	}
	for range 2 {
		if st := f.run(t, "p"); st.State != StateOK {
			t.Fatalf("%+v", st)
		}
	}
	if st := f.run(t, "p"); st.State != StatePaused || st.SpentTodayUSD != 0.02 {
		t.Errorf("the cap of all: %+v", st)
	}
	if n := len(f.sink.calls); n != 3 {
		t.Errorf("%d calls were made", n)
	}
	// A restart forgets nothing.
	f.purse.Save(time.Now())
	if st := start(t, cfg, state).run(t, "p"); st.State != StatePaused {
		t.Errorf("after a restart: %+v", st)
	}
}

func TestUnpricedCallsAreSaid(t *testing.T) {
	f := start(t, Config{MaxUSDPerDay: 0.01, Targets: []Target{target("p", "fake-openai")}}, "")
	f.sink.usd = llm.Opt[float64]{}
	for range 3 {
		if st := f.run(t, "p"); st.State != StateOK {
			t.Fatalf("%+v", st)
		}
	}
	if st := f.Status()[0]; st.Unpriced != 3 || st.SpentTodayUSD != 0 {
		t.Errorf("%+v", st)
	}
}

func TestReloadKeepsWhatStays(t *testing.T) {
	f := start(t, Config{MaxUSDPerDay: 1, Targets: []Target{target("a", "fake-openai"), target("b", "fake-openai")}}, "")
	f.run(t, "a")
	f.run(t, "b")
	if err := f.Reload(Config{MaxUSDPerDay: 1, Targets: []Target{target("b", "fake-openai"), target("c", "fake-openai")}}); err != nil {
		t.Fatal(err)
	}
	st := f.Status()
	if len(st) != 2 || st[0].State != StateOK || st[1].State != StateWaiting {
		t.Errorf("%+v", st)
	}
	if n := testutil.CollectAndCount(f.metrics.success); n != 1 {
		t.Errorf("%d series, want b's", n)
	}
	if err := f.Reload(Config{Targets: []Target{{}}}); err == nil {
		t.Error("a broken section is accepted")
	}
	if len(f.Status()) != 2 {
		t.Error("a broken section took effect")
	}
}

func TestRunFollowsTheSchedule(t *testing.T) {
	f := start(t, Config{MaxUSDPerDay: 1, Targets: []Target{target("p", "fake-openai", func(t *Target) { t.Interval = minInterval })}}, "")
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { f.Run(ctx) })
	select {
	case <-f.sink.told: // within the first interval
	case <-time.After(30 * time.Second):
		t.Error("no probe ran")
	}
	cancel()
	wg.Wait()
	if b, err := json.Marshal(f.Status()); err != nil || !strings.Contains(string(b), `"name":"p"`) {
		t.Errorf("%s %v", b, err)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	c := Config{MaxUSDPerDay: -1, Targets: []Target{
		{Name: "a", Upstream: "u", Model: "m"},
		{Name: "a", Path: "x", Interval: 1, MaxTokens: -1, MaxUSDPerDay: -1, Expect: Expect{Regex: "("}, Headers: map[string]string{"b d": "x"}},
		{Name: "t", Upstream: "u", Model: "m", Timeout: model.Duration(time.Hour)},
	}}
	err := c.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"max_usd_per_day: -1", "targets[1].name", "targets[1].upstream", "targets[1].model", "targets[1].path", "targets[1].interval",
		"targets[1].max_tokens", "targets[1].max_usd_per_day", "targets[1].expect.regex", "targets[1].headers", "targets[2].timeout",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %s in\n%v", want, err)
		}
	}
	if err := new(DefaultConfig()).Validate(); err != nil {
		t.Error(err)
	}
}
