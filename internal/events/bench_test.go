package events

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/llm"
)

// -events.calls=1000000 runs the query benchmarks on a million Calls.
var benchCalls = flag.Int("events.calls", 100_000, "calls in the store of the query benchmarks")

// bench is a store with benchCalls Calls of 30 days, rolled up.
var bench struct {
	sync.Once
	s       *Store
	end     time.Time
	trace   string
	session string
	stop    func()
	pid     int
}

var words = strings.Fields(`the model answers with a short text about prices of copper in the harbour while the agent looks up
	tables documents and notes that were written by many people over several years in different places`)

func prose(r *rand.Rand, bytes int) string {
	var b strings.Builder
	for b.Len() < bytes {
		b.WriteString(words[r.IntN(len(words))])
		if r.IntN(4) == 0 {
			fmt.Fprintf(&b, "%d", r.IntN(10_000))
		}
		b.WriteByte(' ')
	}
	return b.String()
}

func benchCall(r *rand.Rand, at time.Time, text int) *llm.Call {
	model := r.IntN(12)
	c := &llm.Call{
		ID: newID(at, r), Time: at.UTC(), Source: llm.SourceGateway, Service: fmt.Sprintf("service-%d", r.IntN(8)), Environment: "prod",
		TraceID: fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()), SpanID: fmt.Sprintf("%016x", r.Uint64()),
		Provider: []string{"openai", "anthropic", "gcp.gemini"}[model%3], Operation: llm.OpChat,
		RequestModel: fmt.Sprintf("model-%d", model), ResponseModel: fmt.Sprintf("model-%d-2025", model), ResponseID: fmt.Sprintf("resp-%x", r.Uint64()),
		Stream: true, Status: llm.StatusOK, HTTPStatus: 200, FinishReasons: []string{"stop"},
		Usage: llm.Usage{InputTokens: llm.Some(r.Int64N(4000)), OutputTokens: llm.Some(r.Int64N(900) + 2), CacheReadTokens: llm.Some[int64](0), Source: llm.UsageReported},
		Cost:  llm.Cost{USD: llm.Some(float64(r.IntN(100000)) / 1e7), State: llm.CostComputed, Rule: "openai/model"}, Duration: time.Duration(r.ExpFloat64() * float64(3*time.Second)),
		User: fmt.Sprintf("user-%d", int(r.ExpFloat64()*100)), Session: fmt.Sprintf("s%x", r.Uint32()), Feature: fmt.Sprintf("feature-%d", r.IntN(5)),
	}
	c.TTFT = llm.Some(c.Duration / 4)
	if r.IntN(50) == 0 {
		c.SetError("rate_limit_exceeded", "Too many requests")
	}
	if text > 0 {
		c.Input = []llm.Message{llm.Text("user", prose(r, text*2/3))}
		c.Output = []llm.Message{llm.Text("assistant", prose(r, text/3))}
	}
	return c
}

func benchStore(b *testing.B) *Store {
	b.Helper()
	bench.Do(func() {
		dir, err := os.MkdirTemp("", "pitot-bench") //nolint:usetesting // it outlives the benchmark that makes it
		if err != nil {
			b.Fatal(err)
		}
		sup, err := engine.Start(context.Background(), engineOptions(dir))
		if err != nil {
			b.Fatal(err)
		}
		bench.stop = func() { _ = sup.Stop(context.Background()); os.RemoveAll(dir) } // without a deadline it cannot fail
		bench.s = newStore(b, sup, nil)
		bench.end, bench.pid = time.Now().UTC(), sup.Status().PID
		r := rand.New(rand.NewPCG(1, 2))
		start := time.Now()
		var rows [][]byte
		for i := range *benchCalls {
			at := bench.end.Add(-time.Duration(float64(30*24*time.Hour) * (1 - float64(i)/float64(*benchCalls))))
			c := benchCall(r, at, 2300)
			if i == *benchCalls/2 {
				bench.trace, bench.session = c.TraceID, c.Session
			}
			row, err := AppendRow(nil, llm.Record{Call: c})
			if err != nil {
				b.Fatal(err)
			}
			if rows = append(rows, row); len(rows) == 1000 || i == *benchCalls-1 {
				if err := bench.s.Insert(b.Context(), rows); err != nil {
					b.Fatal(err)
				}
				rows = rows[:0]
			}
		}
		loaded := time.Since(start)
		n, err := bench.s.Rollup(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if err := bench.s.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		du, _ := exec.Command("du", "-sm", dir).Output()
		fmt.Printf("# %d calls in %v (%.0f/s), %d periods rolled up in %v, disk %s MB, engine rss %d MB\n", *benchCalls, loaded.Round(time.Second),
			float64(*benchCalls)/loaded.Seconds(), n, (time.Since(start) - loaded).Round(time.Second), strings.Fields(string(du) + " ?")[0], sup.Status().RSSBytes>>20)
	})
	return bench.s
}

// BenchmarkQuery runs the explorer's queries.
func BenchmarkQuery(b *testing.B) {
	s := benchStore(b)
	month := Range{bench.end.Add(-30 * 24 * time.Hour), bench.end}
	day := Range{bench.end.Add(-24 * time.Hour), bench.end}
	hour := Range{bench.end.Add(-time.Hour), bench.end}
	for _, q := range []struct {
		name string
		run  func() error
	}{
		{"latest100", func() error {
			_, err := s.Calls(b.Context(), CallQuery{CallFilter: CallFilter{Range: month}})
			return err
		}},
		{"latest100filtered", func() error {
			_, err := s.Calls(b.Context(), CallQuery{CallFilter: CallFilter{Range: month, Service: "service-3", Model: "model-5", Status: "ok"}})
			return err
		}},
		{"latest100user", func() error {
			_, err := s.Calls(b.Context(), CallQuery{CallFilter: CallFilter{Range: month, User: "user-7"}})
			return err
		}},
		{"latest100errors", func() error {
			_, err := s.Calls(b.Context(), CallQuery{CallFilter: CallFilter{Range: month, Status: "error"}})
			return err
		}},
		{"slowest100day", func() error {
			_, err := s.Calls(b.Context(), CallQuery{CallFilter: CallFilter{Range: day}, Order: OrderSlowest})
			return err
		}},
		{"search", func() error {
			_, err := s.Calls(b.Context(), CallQuery{CallFilter: CallFilter{Range: month, Search: "copper4242"}})
			return err
		}},
		{"trace", func() error { _, err := s.Trace(b.Context(), bench.trace, Range{}); return err }},
		{"facetsMonth", func() error {
			_, err := s.Facets(b.Context(), FacetQuery{CallFilter: CallFilter{Range: month}})
			return err
		}},
		{"facetsDay", func() error {
			_, err := s.Facets(b.Context(), FacetQuery{CallFilter: CallFilter{Range: day}})
			return err
		}},
		{"usersMonth", func() error {
			_, err := s.Costs(b.Context(), CostQuery{CallFilter: CallFilter{Range: month}, By: []string{"user"}})
			return err
		}},
		{"usersMonthDaily", func() error {
			_, err := s.Costs(b.Context(), CostQuery{CallFilter: CallFilter{Range: month}, By: []string{"model"}, Step: 24 * time.Hour})
			return err
		}},
		{"summaryMonth", func() error { _, err := s.Summary(b.Context(), CallFilter{Range: month}); return err }},
		{"summaryHour", func() error { _, err := s.Summary(b.Context(), CallFilter{Range: hour}); return err }},
		{"timelineDay", func() error {
			_, err := s.Timeline(b.Context(), TimelineQuery{CallFilter: CallFilter{Range: day}, By: "model"})
			return err
		}},
		{"modelsMonth", func() error { _, err := s.Models(b.Context(), CallFilter{Range: month}); return err }},
		{"tracesMonth", func() error {
			_, err := s.TraceList(b.Context(), TraceListQuery{CallFilter: CallFilter{Range: month}})
			return err
		}},
		{"tracesMonthErrors", func() error {
			_, err := s.TraceList(b.Context(), TraceListQuery{CallFilter: CallFilter{Range: month, Status: "error", Model: "model-5"}})
			return err
		}},
		{"tracesMonthLong", func() error {
			_, err := s.TraceList(b.Context(), TraceListQuery{CallFilter: CallFilter{Range: month, MinDuration: 10 * time.Second}})
			return err
		}},
		{"tracesMonthSlowest", func() error {
			_, err := s.TraceList(b.Context(), TraceListQuery{CallFilter: CallFilter{Range: month}, Order: OrderSlowest})
			return err
		}},
		{"tracesMonthCostliest", func() error {
			_, err := s.TraceList(b.Context(), TraceListQuery{CallFilter: CallFilter{Range: month}, Order: OrderCostly})
			return err
		}},
		{"sessionsMonth", func() error {
			_, err := s.Sessions(b.Context(), SessionQuery{CallFilter: CallFilter{Range: month}})
			return err
		}},
		{"sessionsMonthCostliest", func() error {
			_, err := s.Sessions(b.Context(), SessionQuery{CallFilter: CallFilter{Range: month}, Order: OrderCostly})
			return err
		}},
		{"sessionsMonthLongest", func() error {
			_, err := s.Sessions(b.Context(), SessionQuery{CallFilter: CallFilter{Range: month}, Order: OrderLongest})
			return err
		}},
		{"conversation", func() error {
			_, err := s.Conversation(b.Context(), ConversationQuery{Session: bench.session})
			return err
		}},
		{"sampleMonth", func() error {
			_, err := s.Sample(b.Context(), SampleQuery{CallFilter: CallFilter{Range: month}})
			return err
		}},
		{"sampleMonth10000", func() error {
			_, err := s.Sample(b.Context(), SampleQuery{CallFilter: CallFilter{Range: month, Service: "service-3"}, Limit: MaxSample, By: "user"})
			return err
		}},
		{"compareMonth", func() error {
			_, err := s.Compare(b.Context(), CompareQuery{CallFilter: CallFilter{Range: month}, By: []string{"model"}})
			return err
		}},
		{"compareMonthLive", func() error {
			_, err := s.Compare(b.Context(), CompareQuery{CallFilter: CallFilter{Range: month}, By: []string{"prompt_version", "region"}})
			return err
		}},
		{"quantilesDay", func() error {
			_, err := s.Timeline(b.Context(), TimelineQuery{CallFilter: CallFilter{Range: day}, By: "model", Quantiles: true})
			return err
		}},
		{"quantilesMonth", func() error {
			_, err := s.Timeline(b.Context(), TimelineQuery{CallFilter: CallFilter{Range: month}, Quantiles: true})
			return err
		}},
		{"quantilesMonthUser", func() error {
			_, err := s.Timeline(b.Context(), TimelineQuery{CallFilter: CallFilter{Range: month, User: "user-7"}, Quantiles: true})
			return err
		}},
		{"services", func() error { _, err := s.Services(b.Context(), month); return err }},
		{"operations", func() error { _, err := s.Operations(b.Context(), "service-1", month); return err }},
	} {
		b.Run(q.name, func(b *testing.B) {
			before := cpuTime(bench.pid)
			for b.Loop() {
				if err := q.run(); err != nil {
					b.Fatal(err)
				}
			}
			// On a busy machine this says more than the time that went by.
			b.ReportMetric(float64(cpuTime(bench.pid)-before)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
	b.Cleanup(bench.stop)
}

// cpuTime is the time on a CPU that this process and another took, where there
// is a /proc.
func cpuTime(pid int) time.Duration {
	var sum time.Duration
	for _, p := range []int{os.Getpid(), pid} {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			return 0
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, ticks := range f[11:13] {
			n, _ := strconv.Atoi(ticks)
			sum += time.Duration(n) * (time.Second / 100)
		}
	}
	return sum
}

// BenchmarkInsert measures what the engine takes in, all sides on the same CPUs.
func BenchmarkInsert(b *testing.B) {
	for _, text := range []int{0, 2300} {
		b.Run(fmt.Sprintf("text=%d", text), func(b *testing.B) {
			s := testStore(b)
			r := rand.New(rand.NewPCG(1, 2))
			const batch = 1000
			recs := make([]*llm.Call, batch)
			for i := range recs {
				recs[i] = benchCall(r, time.Now(), text)
			}
			var size int64
			before := cpuTime(shared.sup.Status().PID)
			b.ResetTimer()
			for b.Loop() {
				rows := make([][]byte, batch)
				size = 0
				for i, c := range recs {
					var err error
					if rows[i], err = AppendRow(nil, llm.Record{Call: c}); err != nil {
						b.Fatal(err)
					}
					size += int64(len(rows[i]))
				}
				if err := s.Insert(b.Context(), rows); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(size)
			b.ReportMetric(float64(cpuTime(shared.sup.Status().PID)-before)/float64(b.N*batch)/1e3, "cpu-us/row")
			b.ReportMetric(float64(b.N)*batch/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
