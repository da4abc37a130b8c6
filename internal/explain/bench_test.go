package explain

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// generated is a Source that makes rows as they are asked for, so that a
// benchmark measures neither memory nor a slice of a million rows.
type generated struct {
	window, baseline int
	at               time.Time
}

func (g generated) Scan(_ context.Context, q Query, yield func(*Row) bool) error {
	n, slow := g.baseline, false
	if !q.Range.Start.Before(g.at) {
		n, slow = g.window, true
	}
	r := rand.New(rand.NewPCG(uint64(n), 3))
	var names [12][400]string
	for d := range names {
		for v := range names[d] {
			names[d][v] = fmt.Sprintf("d%d-%d", d, v)
		}
	}
	ids := make([]string, 4096)
	for i := range ids {
		ids[i] = fmt.Sprintf("01BENCH%019d", r.Uint32())
	}
	var row Row
	step := q.Range.Length() / time.Duration(n)
	for i := range n {
		row.Reset()
		row.ID, row.TraceID, row.Time = ids[i%len(ids)], ids[(i+7)%len(ids)], q.Range.Start.Add(time.Duration(i)*step)
		x := r.Uint64()
		provider := x % 4
		model := provider*3 + x>>8%3
		v := &row.Values
		v[DimProvider], v[DimModel], v[DimUpstream], v[DimRegion] = names[0][provider], names[1][model], names[2][provider], names[3][x>>16%3]
		feature := x >> 20 % 20
		v[DimService], v[DimFeature], v[DimPrompt], v[DimPromptVersion] = names[4][feature/4], names[5][feature], names[6][feature], "3"
		v[DimUser], v[DimEnvironment], v[DimOperation], v[DimSource] = names[7][x>>28%400], "prod", "chat", "gateway"
		v[DimStatus], v[DimHTTPStatus], v[DimFinishReason], v[DimStream] = "ok", "200", "stop", "false"
		row.Tags = append(row.Tags, Tag{"team", names[8][feature/4]})
		in, out := 100+4000*r.Float64(), 20+300*r.Float64()
		factor := 1 + r.ExpFloat64()
		if slow && model == 4 {
			factor *= 3
		}
		ttft, tpot := 0.3*factor, 0.02*factor
		n := &row.Nums
		n[NumInputTokens], n[NumOutputTokens], n[NumCost] = in, out, in*1e-6+out*4e-6
		n[NumDuration] = ttft + out*tpot
		if x>>40%2 == 0 {
			v[DimStream] = "true"
			n[NumTTFT], n[NumTPOT] = ttft, tpot
		}
		n[NumTokensPerSecond] = 1 / tpot
		fail := r.Float64()
		if fail < 0.01 || slow && model == 4 && fail < 0.3 {
			v[DimStatus], v[DimErrorType], v[DimHTTPStatus], v[DimFinishReason] = "error", "rate_limit_exceeded", "429", ""
		}
		if !yield(&row) {
			return nil
		}
	}
	return nil
}

func benchRequest(m Metric, windowCalls, baselineCalls int) (Request, generated) {
	req := Request{Metric: m, Window: Selection{Ranges: []Range{{epoch, epoch.Add(30 * time.Minute)}}}}
	req.Baseline.Ranges = []Range{{epoch.Add(-5 * time.Hour), epoch}}
	req.Limits = Limits{WindowCalls: 200_000, BaselineCalls: 2_000_000}
	return req, generated{windowCalls, baselineCalls, epoch}
}

func BenchmarkLoad(b *testing.B) {
	req, src := benchRequest(LatencyP95, 100_000, 1_000_000)
	req, info, err := req.prepare()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := load(b.Context(), req, info, src); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGenerate is what of BenchmarkLoad the making of the rows takes.
func BenchmarkGenerate(b *testing.B) {
	req, src := benchRequest(LatencyP95, 100_000, 1_000_000)
	for b.Loop() {
		for _, r := range []Range{req.Baseline.Ranges[0], req.Window.Ranges[0]} {
			if err := src.Scan(b.Context(), Query{Range: r}, func(*Row) bool { return true }); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkAnalyse(b *testing.B) {
	for _, m := range []Metric{ErrorRate, LatencyP95, CostPerCall, Requests} {
		b.Run(string(m), func(b *testing.B) {
			req, src := benchRequest(m, 100_000, 1_000_000)
			req, info, err := req.prepare()
			if err != nil {
				b.Fatal(err)
			}
			f, err := load(b.Context(), req, info, src)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				a := newAnalysis(req, f)
				a.run(b.Context())
				if err := a.phases(b.Context(), src); err != nil {
					b.Fatal(err)
				}
				a.say()
			}
		})
	}
}
