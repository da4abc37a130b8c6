package events

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

func newRand(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 7)) }

// world is traces and sessions of two days, and what is true of them.
type world struct {
	start, end time.Time
	records    []llm.Record
	byTrace    map[string][]llm.Record
	bySession  map[string][]*llm.Call
	calls      []*llm.Call
}

// newWorld makes agents' traces with spans, traces of single calls, traces
// without calls, and many records of one moment.
func newWorld(r *rand.Rand, end time.Time, traces int) *world {
	w := &world{start: end.Add(-48 * time.Hour), end: end, byTrace: map[string][]llm.Record{}, bySession: map[string][]*llm.Call{}}
	moment := end.Add(-5 * time.Hour).Truncate(time.Microsecond)
	for n := range traces {
		id := fmt.Sprintf("%032x", 0xf000+n)
		at := w.start.Add(time.Hour + time.Duration(r.Int64N(int64(46*time.Hour))))
		if n%8 == 0 {
			at = moment
		}
		session := fmt.Sprintf("s-%d", r.IntN(traces/5))
		add := func(rec llm.Record) { w.records = append(w.records, rec); w.byTrace[id] = append(w.byTrace[id], rec) }
		kind := n % 4
		if kind < 2 {
			add(llm.Record{Span: &llm.Span{
				ID: newID(at, r), Time: at, Source: llm.SourceOTLP, TraceID: id, SpanID: fmt.Sprintf("%016x", n+1), Name: fmt.Sprint("run ", n%3), Kind: llm.KindAgent,
				Service: "front", Duration: time.Duration(r.IntN(20_000)) * time.Millisecond, Status: llm.StatusOK, Session: session,
			}})
		}
		for range r.IntN(4) + min(kind, 1) {
			at = at.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			if kind == 1 {
				add(llm.Record{Span: &llm.Span{
					ID: newID(at, r), Time: at, Source: llm.SourceOTLP, TraceID: id, SpanID: fmt.Sprintf("%016x", r.Uint64()), ParentSpanID: fmt.Sprintf("%016x", n+1),
					Name: "lookup", Kind: llm.KindTool, Service: "tools", Duration: time.Second, Status: llm.StatusError, ErrorType: "timeout",
				}})
				continue
			}
			c := worldCall(r, at, id, session, n)
			add(llm.Record{Call: c})
			w.bySession[session] = append(w.bySession[session], c)
			w.calls = append(w.calls, c)
		}
	}
	return w
}

func worldCall(r *rand.Rand, at time.Time, trace, session string, n int) *llm.Call {
	c := &llm.Call{
		ID: newID(at, r), Time: at, Source: llm.SourceGateway, Service: fmt.Sprint("app-", n%3), TraceID: trace, SpanID: fmt.Sprintf("%016x", r.Uint64()),
		Provider: "openai", Operation: llm.OpChat, RequestModel: fmt.Sprint("model-", r.IntN(3)), Status: llm.StatusOK, Session: session,
		User: fmt.Sprint("user-", r.IntN(5)), Duration: time.Duration(1+r.IntN(9000)) * time.Millisecond, Region: []string{"eu", "us"}[n%2],
		Usage: llm.Usage{InputTokens: llm.Some(r.Int64N(500)), OutputTokens: llm.Some(r.Int64N(200) + 2), Source: llm.UsageReported},
		Cost:  llm.Cost{USD: llm.Some(float64(1+r.IntN(10_000)) / 1e6), State: llm.CostComputed},
	}
	c.Stream, c.TTFT = true, llm.Some(c.Duration/4)
	if r.IntN(6) == 0 {
		c.SetError("rate_limit_exceeded", "Too many requests")
	}
	if r.IntN(5) == 0 {
		c.Cost = llm.Cost{State: llm.CostUnpriced}
	}
	return c
}

func (w *world) rng() Range { return Range{w.start, w.end} }

// newestOf orders keys by the newest of their times, and then by key.
func newestOf(times map[string]time.Time) []string {
	keys := sortedKeys(times)
	slices.SortStableFunc(keys, func(a, b string) int { return times[b].Compare(times[a]) })
	return keys
}

// highest orders keys by their numbers.
func highest(values map[string]float64) []string {
	keys := sortedKeys(values)
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(values[b], values[a]) })
	return keys
}

// pages collects the ids of all pages.
func pages(t *testing.T, page func(cursor string) (ids []string, next string, err error)) []string {
	t.Helper()
	all := []string{}
	next := ""
	for n := 0; ; n++ {
		ids, following, err := page(next)
		if err != nil {
			t.Fatal(err)
		}
		if all = append(all, ids...); following == "" {
			return all
		}
		if next = following; n > 2000 {
			t.Fatal("the pages do not end")
		}
	}
}

// sameOrder compares two orders of ids whose values may be equal, or differ in
// the last digit of a sum.
func sameOrder(t *testing.T, got, want []string, value func(string) float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d ids, want %d", len(got), len(want))
	}
	seen := map[string]bool{}
	for i := range got {
		if a, b := value(got[i]), value(want[i]); seen[got[i]] || a-b > 1e-9 || b-a > 1e-9 {
			t.Fatalf("place %d: %s (%v), want %s (%v)", i, got[i], a, want[i], b)
		}
		seen[got[i]] = true
	}
}

func mustFail(t *testing.T, err error, param string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), param+": ") {
		t.Errorf("error %v, want one about %s", err, param)
	}
}
