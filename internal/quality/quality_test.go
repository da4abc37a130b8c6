package quality

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestRulesReachTheSink(t *testing.T) {
	s := newSink()
	q := running(t, Options{Sink: s, Config: DefaultConfig()})
	c := judged("a", "I'm sorry, but I can't help with that.")
	c.Session, c.Feature, c.PromptName, c.PromptVersion, c.ResponseID, c.Provider = "s", "f", "p", "1", "r", "openai"
	q.ObserveCall(c)
	c.Output[0].Parts[0].Content = "[REDACTED]" // what the pipeline does next
	<-s.keptCh
	until(t, "scores", func() bool { scored, _ := s.get(); return len(scored) == 3 })
	scored, kept := s.get()
	if len(kept) != 1 {
		t.Fatalf("kept %+v", kept)
	}
	f := kept[0]
	if f.Evaluator != "refusal" || f.Name != "refusal" || f.Label != "refused" || f.Score.Or(-1) != 0 || f.CallID != "a" || f.TraceID != "a" || f.SessionID != "s" || f.Feature != "f" ||
		f.PromptName != "p" || f.PromptVersion != "1" || f.ResponseID != "r" || f.Provider != "openai" || f.Model != "gpt-4o" || f.Operation != llm.OpChat || !f.Time.Equal(c.Time) {
		t.Errorf("%+v", f)
	}
	for _, f := range scored {
		if f.Score.Or(-1) != 1 || f.Label != "" {
			t.Errorf("%+v", f)
		}
	}
	if got := testutil.ToFloat64(q.metrics.evaluated.WithLabelValues("refusal", "fail")); got != 1 {
		t.Errorf("refusals %v", got)
	}
}

func TestWhatIsKept(t *testing.T) {
	f := func(store string, limit int, wantKept, wantScored int, err error) {
		t.Helper()
		s := newSink()
		s.err = err
		c := DefaultConfig()
		c.Store, c.MaxStored = store, limit
		q, nerr := New(Options{Sink: s, Config: c})
		if nerr != nil {
			t.Fatal(nerr)
		}
		q.byRules(t.Context(), judged("a", "")) // empty fails; truncated passes
		scored, kept := s.get()
		if len(kept) != wantKept || len(scored) != wantScored {
			t.Errorf("%s: kept %d, scored %d", store, len(kept), len(scored))
		}
	}
	f("", 0, 1, 1, nil)
	f(storeFailed, 0, 1, 1, nil)
	f(storeAll, 0, 2, 0, nil)
	f(storeNone, 0, 0, 2, nil)
	f(storeAll, 1, 1, 1, nil)
	f(storeFailed, 0, 1, 2, errors.New("the journal is full")) // the score is not lost with it
}

func TestObserveCallChooses(t *testing.T) {
	s := newSink()
	c := DefaultConfig()
	c.Share = 0.25
	q, err := New(Options{Sink: s, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	q.ObserveCall(judged("before-run", "x"))
	if len(q.queue) != 0 {
		t.Error("calls are judged before Run: a backfill would count as now")
	}
	q.running.Store(true)
	for _, change := range []func(*llm.Call){
		func(c *llm.Call) { c.Service = ServiceName }, func(c *llm.Call) { c.Service = "pitot-probe" }, func(c *llm.Call) { c.Status = llm.StatusError },
		func(c *llm.Call) { c.Operation = llm.OpEmbeddings }, func(c *llm.Call) { c.Time = time.Now().Add(-2 * time.Hour) },
	} {
		for i := range 50 {
			call := judged(fmt.Sprint(i), "x")
			change(call)
			q.ObserveCall(call)
		}
	}
	if len(q.queue) != 0 {
		t.Errorf("%d are judged", len(q.queue))
	}
	for i := range 1000 {
		q.ObserveCall(judged(fmt.Sprint("trace-", i), "x"))
	}
	if n := len(q.queue); n < 180 || n > 320 {
		t.Errorf("%d of 1000 are judged, want about 250", n)
	}
	// All calls of a trace or none.
	before := len(q.queue)
	for range 20 {
		q.ObserveCall(judged("one-trace", "x"))
	}
	if n := len(q.queue) - before; n != 0 && n != 20 {
		t.Errorf("%d of 20 calls of a trace", n)
	}
}

func TestFullQueueDropsAndCounts(t *testing.T) {
	q, err := New(Options{Sink: newSink(), Config: DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	q.running.Store(true)
	for i := range queueSize + 7 {
		q.ObserveCall(judged(fmt.Sprint(i), "x"))
	}
	if got := testutil.ToFloat64(q.metrics.dropped.WithLabelValues(dropQueue)); got != 7 || len(q.queue) != queueSize {
		t.Errorf("dropped %v, queued %d", got, len(q.queue))
	}
}

func TestReloadWhileJudging(t *testing.T) {
	s := newSink()
	q := running(t, Options{Sink: s, Config: DefaultConfig()})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 50 {
				q.ObserveCall(judged(fmt.Sprint(g, "-", i), "x"))
				_ = q.Status()
			}
		})
	}
	for i := range 20 {
		c := oneJudge(func(j *Judge) { j.Upstream = "nowhere" })
		c.Share = float64(i % 2)
		if err := q.Reload(c); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	bad := DefaultConfig()
	bad.Share = 2
	if err := q.Reload(bad); err == nil || q.state.Load().config.Share == 2 {
		t.Errorf("a broken configuration is taken: %v", err)
	}
	until(t, "a judge without an upstream to say so", func() bool {
		q.ObserveCall(judged("later", "x"))
		st := q.Status()
		return len(st) == 1 && st[0].State == judgeFailed && strings.Contains(st[0].Detail, "nowhere")
	})
}

func TestConfigValidate(t *testing.T) {
	ok := DefaultConfig()
	if err := ok.Validate(); err != nil {
		t.Fatal(err)
	}
	c := Config{
		Share: 2, Disable: []string{"nope"}, Store: "some", MaxStored: -1, MaxUSDPerDay: -1,
		Patterns: []Pattern{{Name: "refusal", MustMatch: "("}, {Name: "a"}},
		Judges: []Judge{
			{
				Name: "a", Rubric: "x", Instructions: "y", Language: "fr", Path: "x", Share: 2, Scale: Scale{5, 1}, MaxTokens: -1, Timeout: -1, Retries: new(99), Concurrency: 99, MaxUSDPerDay: -1,
				Headers: map[string]string{"a b": "x"}, Parameters: map[string]string{"t": "{"},
			},
			{Name: "user", Upstream: "u", Model: "m"},
			{Name: "j\n", Upstream: "u", Model: "m"},
		},
		Feedback: Feedback{AllowedOrigins: []string{"shop.example", "https://*.example", "https://shop.example/", "HTTPS://shop.example"}, MaxPerMinute: -1},
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, path := range []string{
		"share:", "disable[0]:", "store:", "max_stored_per_minute:", "max_usd_per_day:", "patterns[0].name:", "patterns[0].must_match:", "patterns[1]:",
		"judges[0].name:", "judges[0].rubric:", "judges[0].instructions:", "judges[0].language:", "judges[0].upstream:", "judges[0].model:", "judges[0].path:", "judges[0].share:",
		"judges[0].scale:", "judges[0].max_tokens:", "judges[0].timeout:", "judges[0].retries:", "judges[0].concurrency:", "judges[0].max_usd_per_day:", "judges[0].headers:",
		"judges[0].parameters.t:", "judges[1].name:", "judges[2].name:", "feedback.allowed_origins[0]:", "feedback.allowed_origins[1]:", "feedback.allowed_origins[2]:",
		"feedback.allowed_origins[3]:", "feedback.keys:", "feedback.max_per_minute:",
	} {
		if !strings.Contains("\n"+err.Error(), "\n"+path) {
			t.Errorf("nothing is said of %s", path)
		}
	}
	c = DefaultConfig()
	c.Feedback = Feedback{AllowedOrigins: []string{"https://shop.example", "http://localhost:3000"}, Keys: []string{strings.Repeat("k", 16)}}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Feedback.Keys[0] = "short"
	if err := c.Validate(); err == nil || strings.Contains(err.Error(), "short") {
		t.Errorf("the key is in the error: %v", err)
	}
}

// TestSnapshotSharesNothing changes all of a Call after it was copied.
func TestSnapshotSharesNothing(t *testing.T) {
	c := judged("a", "the answer")
	c.Input = []llm.Message{llm.Text("system", "be kind"), llm.Text("user", "old"), llm.Text("assistant", "old answer"), llm.Text("user", "the question")}
	c.Output = append(c.Output, llm.Message{Parts: []llm.Part{{Type: llm.PartToolCall, ToolName: "f", Arguments: `{"a":1}`}}})
	c.Tools = json.RawMessage(`[{"name":"f"}]`)
	s := snapshot(c, true)
	for i := range c.Input {
		c.Input[i].Parts[0].Content = "X"
	}
	c.Output[0].Parts[0].Content, c.Output[1].Parts[0].Arguments, c.FinishReasons[0] = "X", "X", "X"
	copy(c.Tools, "XXXX")
	if answerText(s) != "the answer" || questionText(s.Input) != "the question" || systemText(s.Input) != "be kind" || s.FinishReasons[0] != "stop" ||
		string(s.Tools) != `[{"name":"f"}]` || s.Output[1].Parts[0].Arguments != `{"a":1}` || len(s.Input) != 4 {
		t.Errorf("%+v", s)
	}
	if n := len(snapshot(c, false).Input); n != 2 {
		t.Errorf("%d messages for the rules, want the instructions and the question", n)
	}
}

func BenchmarkObserveCall(b *testing.B) {
	q, err := New(Options{Sink: newSink(), Config: DefaultConfig()})
	if err != nil {
		b.Fatal(err)
	}
	q.running.Store(true)
	c := judged("a", strings.Repeat(poem, 6))
	b.ReportAllocs()
	for b.Loop() {
		q.ObserveCall(c)
		select {
		case <-q.queue:
		default:
		}
	}
}
