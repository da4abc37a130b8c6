package events

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/llm"
)

// The test binary is its own engine child.
const childEnv = "PITOT_TEST_ENGINE"

// shared is one engine for all tests that do not stop or kill it.
var shared struct {
	sync.Once
	sup *engine.Supervisor
	dir string
	err error
}

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(engine.Main(nil))
	}
	ignore := goleak.IgnoreCurrent() // what the engine's libraries started when they were loaded
	code := m.Run()
	if shared.sup != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := shared.sup.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.RemoveAll(shared.dir)
	}
	if code == 0 {
		if err := goleak.Find(ignore); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func engineOptions(dir string) engine.Options {
	return engine.Options{
		Dir: dir, Args: []string{}, Env: []string{childEnv + "=1"}, MinFreeDisk: 1, Retention: 60 * 24 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

func endpoint(sup *engine.Supervisor) Endpoint {
	return Endpoint{InsertURL: sup.URL(), Client: sup.Client(), Epoch: sup.Epoch}
}

// testStore returns a Store over the shared engine.
func testStore(t testing.TB) *Store {
	t.Helper()
	shared.Do(func() {
		//nolint:usetesting // it outlives the test that makes it
		if shared.dir, shared.err = os.MkdirTemp("", "pitot-events"); shared.err == nil {
			shared.sup, shared.err = engine.Start(context.Background(), engineOptions(shared.dir))
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return newStore(t, shared.sup, nil)
}

func newStore(t testing.TB, sup *engine.Supervisor, now func() time.Time) *Store {
	t.Helper()
	s, err := New(endpoint(sup), Options{Retention: 60 * 24 * time.Hour, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return s
}

// insert stores records and makes them visible.
func insert(t testing.TB, s *Store, recs ...llm.Record) {
	t.Helper()
	var rows [][]byte
	for _, r := range recs {
		row, err := AppendRow(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	for len(rows) > 0 {
		n := min(len(rows), 2000)
		if err := s.Insert(t.Context(), rows[:n]); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func calls(cs []*llm.Call) []llm.Record {
	out := make([]llm.Record, len(cs))
	for i, c := range cs {
		out[i] = llm.Record{Call: c}
	}
	return out
}

// exactly compares records, unexported parts included; equal lets numbers
// differ in the last of their 16 digits, which the engine does not keep.
var (
	exactly = cmp.Options{
		cmp.AllowUnexported(llm.Opt[int64]{}, llm.Opt[float64]{}, llm.Opt[time.Duration]{}, llm.Timeline{}),
		cmpopts.EquateEmpty(),
	}
	equal = cmp.Options{exactly, cmpopts.EquateApprox(1e-14, 0)}
)

func newID(t time.Time, r *rand.Rand) string {
	var entropy [10]byte
	for i := range entropy {
		entropy[i] = byte(r.Uint32())
	}
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(t))
	_ = id.SetEntropy(entropy[:])
	return id.String()
}

var oddStrings = []string{
	"plain", `quote " and back\slash`, "line\nbreak\ttab\rreturn", "日本語 текст 🛩️", "a|b | delete x", `") or (id:*`, "`tick`",
	"{kind=\"log\"}", "*", "#comment", "x\x00y\x01z", "in(a,b)", "true", "12", "[1,2]", "null", "a=b", "'single'", " lead and trail ",
	"bad utf8 \xff here", "%7B", "\u2028\u2029", "-", "<b>&amp;</b>",
}

// randomCall makes a Call with a random part of its fields set.
func randomCall(r *rand.Rand, at time.Time, service string) *llm.Call {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	c := &llm.Call{
		ID: newID(at, r), Time: at.UTC(), Source: llm.SourceGateway, Service: service, Environment: pick("", "prod", "staging"),
		Provider: pick("openai", "anthropic", "gcp.gemini"), Operation: llm.OpChat,
		RequestModel: pick("gpt-4o", "claude-sonnet-4", "gemini-2.5-pro"),
		Status:       llm.StatusOK, HTTPStatus: 200, Duration: time.Duration(r.ExpFloat64() * float64(2*time.Second)),
		User: pick("", "u1", "u2", "u3"), Feature: pick("", "search", "chat"), Session: pick("", "s1", "s2"),
	}
	if r.IntN(2) == 0 {
		c.ResponseModel = c.RequestModel + "-2025"
	}
	if r.IntN(3) > 0 {
		c.TraceID = fmt.Sprintf("%032x", r.Uint64N(200)+1)
		c.SpanID = fmt.Sprintf("%016x", r.Uint64())
	}
	if r.IntN(5) == 0 {
		c.SetError(pick("rate_limit_exceeded", "timeout", "server_error"), "it failed: "+pick(oddStrings...))
		c.HTTPStatus = 429
	}
	if r.IntN(10) > 0 {
		c.Usage = llm.Usage{
			InputTokens: llm.Some(r.Int64N(5000)), OutputTokens: llm.Some(r.Int64N(800)), Source: llm.UsageReported,
		}
		if r.IntN(2) == 0 {
			c.Usage.CacheReadTokens = llm.Some(c.Usage.InputTokens.Or(0) / 2)
			c.Usage.ReasoningTokens = llm.Some[int64](0)
		}
	}
	switch r.IntN(4) {
	case 0:
		c.Cost = llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"}
	case 1:
		c.Cost = llm.Cost{State: llm.CostEstimated, USD: llm.Some(r.Float64() / 100)}
	default:
		c.Cost = llm.Cost{State: llm.CostComputed, USD: llm.Some(r.Float64() / 100), Rule: "openai/gpt-4o"}
	}
	if r.IntN(2) == 0 {
		c.Stream = true
		c.TTFT = llm.Some(c.Duration / 3)
		for i := range r.IntN(20) {
			c.Timeline.Add(c.Duration/3+time.Duration(i)*time.Millisecond, i)
		}
	}
	c.Input = []llm.Message{llm.Text("user", fmt.Sprintf("question %d about %s", r.IntN(100), pick(oddStrings...)))}
	c.Output = []llm.Message{llm.Text("assistant", "answer "+pick(oddStrings...))}
	if r.IntN(3) == 0 {
		c.Agent, c.Dialect = pick("planner", "writer"), pick("openlit", "openinference", "")
	}
	if r.IntN(4) == 0 {
		c.Tags = map[string]string{"team": pick("a", "b"), "odd": pick(oddStrings...)}
		c.Params = map[string]any{"temperature": 0.5, "stop": []any{"a", "b"}, "format": map[string]any{"type": "json"}}
	}
	return c
}

// valid makes text what JSON makes of it: bytes that are not UTF-8 become U+FFFD.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func kill(t *testing.T, pid int) {
	t.Helper()
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}
