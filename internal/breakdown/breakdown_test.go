package breakdown

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

const ms = time.Millisecond

func some(d time.Duration) llm.Opt[time.Duration] { return llm.Some(d) }

// streamed is a gateway's stream: first token at 300 ms, a chunk each 10 ms until
// 800 ms, the end at 805 ms.
func streamed() *llm.Call {
	c := &llm.Call{
		ID: "c", Source: llm.SourceGateway, Stream: true, Status: llm.StatusOK, Duration: 805 * ms, TTFT: some(300 * ms),
		GatewayOverhead: some(ms), Phases: llm.Phases{Connect: some(20 * ms), Headers: some(250 * ms)},
	}
	for at := 300 * ms; at <= 800*ms; at += 10 * ms {
		c.Timeline.Add(at, 4)
	}
	return c
}

func unary() *llm.Call {
	return &llm.Call{
		ID: "c", Source: llm.SourceGateway, Status: llm.StatusOK, Duration: time.Second,
		GatewayOverhead: some(0), Phases: llm.Phases{Connect: some(0), Headers: some(990 * ms)},
	}
}

type bounds struct{ Min, Max time.Duration }

func shape(b *Breakdown) map[string]bounds {
	m := map[string]bounds{}
	for _, p := range b.Phases {
		m[p.Name] = bounds{p.Min, p.Max}
	}
	return m
}

func TestOf(t *testing.T) {
	for name, c := range map[string]struct {
		e    func() Evidence
		want map[string]bounds
	}{
		"a stream": {func() Evidence { return Evidence{Call: streamed()} }, map[string]bounds{
			PhaseGateway: {ms, ms}, PhaseConnect: {20 * ms, 20 * ms}, PhaseWait: {0, 280 * ms}, PhasePrefill: {0, 280 * ms},
			PhaseDecode: {499 * ms, 500 * ms}, PhaseStalls: {}, PhaseTail: {5 * ms, 5 * ms},
		}},
		"the server says its queue and prefill": {func() Evidence {
			c := streamed()
			c.Phases.Queue, c.Phases.Prefill = some(100*ms), some(150*ms)
			return Evidence{Call: c}
		}, map[string]bounds{
			PhaseGateway: {ms, ms}, PhaseConnect: {20 * ms, 20 * ms}, PhaseNetwork: {29 * ms, 30 * ms}, PhaseQueue: {100 * ms, 100 * ms},
			PhasePrefill: {150 * ms, 150 * ms}, PhaseDecode: {499 * ms, 500 * ms}, PhaseStalls: {}, PhaseTail: {5 * ms, 5 * ms},
		}},
		"histograms of the server": {func() Evidence {
			return Evidence{
				Call:    streamed(),
				Queue:   &Observed{Metric: "q", Count: 9, Min: 50 * ms, Max: 90 * ms, P50: 60 * ms, P95: 80 * ms},
				Prefill: &Observed{Metric: "p", Count: 9, Min: 100 * ms, Max: 200 * ms, P50: 120 * ms, P95: 180 * ms},
			}
		}, map[string]bounds{
			PhaseGateway: {ms, ms}, PhaseConnect: {20 * ms, 20 * ms}, PhaseWait: {79 * ms, 180 * ms}, PhasePrefill: {100 * ms, 200 * ms},
			PhaseDecode: {499 * ms, 500 * ms}, PhaseStalls: {}, PhaseTail: {5 * ms, 5 * ms},
		}},
		"processing time in the header": {func() Evidence {
			c := streamed()
			c.Phases.Server = some(200 * ms)
			return Evidence{Call: c}
		}, map[string]bounds{
			PhaseGateway: {ms, ms}, PhaseConnect: {20 * ms, 20 * ms}, PhaseNetwork: {29 * ms, 30 * ms}, PhaseQueue: {0, 251 * ms}, PhasePrefill: {0, 251 * ms},
			PhaseDecode: {499 * ms, 500 * ms}, PhaseStalls: {}, PhaseTail: {5 * ms, 5 * ms},
		}},
		"an answer at once": {func() Evidence { return Evidence{Call: unary()} }, map[string]bounds{
			PhaseGateway: {}, PhaseConnect: {}, PhaseWait: {0, time.Second}, PhasePrefill: {0, time.Second}, PhaseDecode: {0, time.Second}, PhaseTail: {0, 10 * ms},
		}},
		"ollama": {func() Evidence {
			c := unary()
			c.Phases.Load, c.Phases.Prefill, c.Phases.Decode, c.Phases.Server = some(300*ms), some(100*ms), some(500*ms), some(950*ms)
			return Evidence{Call: c}
		}, map[string]bounds{
			PhaseGateway: {}, PhaseConnect: {}, PhaseNetwork: {50 * ms, 50 * ms}, PhaseQueue: {40 * ms, 50 * ms}, PhaseLoad: {300 * ms, 300 * ms},
			PhasePrefill: {100 * ms, 100 * ms}, PhaseDecode: {500 * ms, 500 * ms}, PhaseTail: {0, 10 * ms},
		}},
		"with the caller's span": {func() Evidence {
			return Evidence{Call: streamed(), Client: &Client{Name: "POST", Service: "shop", Duration: 900 * ms}}
		}, map[string]bounds{
			PhaseClient:  {95 * ms, 95 * ms},
			PhaseGateway: {ms, ms}, PhaseConnect: {20 * ms, 20 * ms}, PhaseWait: {0, 280 * ms}, PhasePrefill: {0, 280 * ms},
			PhaseDecode: {499 * ms, 500 * ms}, PhaseStalls: {}, PhaseTail: {5 * ms, 5 * ms},
		}},
		"a telemetry sender": {func() Evidence {
			return Evidence{Call: &llm.Call{Source: llm.SourceOTLP, Stream: true, Duration: time.Second, TTFT: some(400 * ms)}}
		}, map[string]bounds{
			PhaseWait: {0, 400 * ms}, PhasePrefill: {0, 400 * ms}, PhaseDecode: {600 * ms, 600 * ms},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := c.e()
			b := Of(e)
			if d := cmp.Diff(c.want, shape(&b)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			check(t, e, &b)
			for _, p := range b.Phases {
				if p.Evidence == "" || p.Source == "" {
					t.Errorf("%s rests on nothing", p.Name)
				}
			}
			if len(b.Notes) != 0 {
				t.Errorf("notes = %q", b.Notes)
			}
		})
	}
}

// check makes sure that phases are in bounds and that their sum fits.
func check(t *testing.T, e Evidence, b *Breakdown) {
	t.Helper()
	var least, most time.Duration
	for _, p := range b.Phases {
		if p.Min < 0 || p.Min > p.Max || p.Max > b.Total {
			t.Errorf("%s: [%v, %v] of %v", p.Name, p.Min, p.Max, b.Total)
		}
		least += p.Min
		most += p.Max
	}
	if least > b.Total || most < b.Total {
		t.Errorf("phases add up to [%v, %v], the whole is %v\n%+v\nevidence %+v", least, most, b.Total, b.Phases, e.Call)
	}
}

func TestStalls(t *testing.T) {
	c := &llm.Call{Source: llm.SourceGateway, Stream: true, Duration: 10 * time.Second, TTFT: some(time.Second)}
	at := time.Second
	for i := range 40 {
		c.Timeline.Add(at, 3)
		at += 50 * ms
		if i == 20 {
			at += 3 * time.Second
		}
	}
	b := Of(Evidence{Call: c})
	s := shape(&b)
	if s[PhaseStalls] != (bounds{3 * time.Second, 3 * time.Second}) || len(b.Stalls) != 1 || b.Stalls[0].Duration != 3050*ms {
		t.Errorf("stalls = %+v, %+v", s[PhaseStalls], b.Stalls)
	}
	if s[PhaseDecode].Max != 39*50*ms {
		t.Errorf("decode = %+v", s[PhaseDecode])
	}
	check(t, Evidence{Call: c}, &b)
	// Slow but even chunks are no stalls.
	slow := &llm.Call{Source: llm.SourceGateway, Stream: true, Duration: 20 * time.Second, TTFT: some(time.Second)}
	for at := time.Second; at < 20*time.Second; at += 1500 * ms {
		slow.Timeline.Add(at, 3)
	}
	if b := Of(Evidence{Call: slow}); len(b.Stalls) != 0 {
		t.Errorf("stalls = %+v", b.Stalls)
	}
}

func TestContradictions(t *testing.T) {
	long := streamed()
	long.Phases.Queue, long.Phases.Prefill = some(time.Second), some(time.Second)
	odd := streamed()
	odd.TTFT = some(2 * time.Second)
	short := Evidence{Call: streamed(), Client: &Client{Duration: 100 * ms}}
	server := streamed()
	server.Phases.Server = some(30 * time.Second)
	for name, c := range map[string]struct {
		e    Evidence
		note string
	}{
		"the server says too much":         {Evidence{Call: long}, "shown as upper bounds"},
		"first token after the end":        {Evidence{Call: odd}, "outside of the duration"},
		"the client ends before the call":  {short, "shorter than the call"},
		"the server worked longer than it": {Evidence{Call: server}, "longer than it took"},
	} {
		t.Run(name, func(t *testing.T) {
			b := Of(c.e)
			check(t, c.e, &b)
			if !slices.ContainsFunc(b.Notes, func(n string) bool { return strings.Contains(n, c.note) }) {
				t.Errorf("notes = %q", b.Notes)
			}
		})
	}
}

// TestInvariantsHoldForAnyEvidence feeds evidence that nobody would believe.
func TestInvariantsHoldForAnyEvidence(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	dur := func() time.Duration { return time.Duration(r.Int64N(int64(3 * time.Second))) }
	opt := func() llm.Opt[time.Duration] {
		if r.IntN(2) == 0 {
			return llm.Opt[time.Duration]{}
		}
		return some(dur())
	}
	for range 20_000 {
		c := &llm.Call{
			Source: []llm.Source{llm.SourceGateway, llm.SourceOTLP}[r.IntN(2)], Stream: r.IntN(2) == 0, Duration: dur(), TTFT: opt(), GatewayOverhead: opt(),
			Phases: llm.Phases{Connect: opt(), Headers: opt(), Queue: opt(), Load: opt(), Prefill: opt(), Decode: opt(), Server: opt()},
		}
		for at := c.TTFT.Or(0); at < c.Duration && r.IntN(20) > 0; at += time.Duration(r.Int64N(int64(200 * ms))) {
			c.Timeline.Add(at, 1)
		}
		e := Evidence{Call: c}
		if r.IntN(3) == 0 {
			e.Client = &Client{Duration: dur()}
		}
		for _, o := range []**Observed{&e.Queue, &e.Prefill} {
			if r.IntN(3) == 0 {
				*o = &Observed{Count: 1, Min: dur()}
				(*o).Max = (*o).Min + dur()
			}
		}
		b := Of(e)
		check(t, e, &b)
		if t.Failed() {
			return
		}
	}
}

func TestObserve(t *testing.T) {
	inf := func(n float64) Bucket { return Bucket{Le: infinity, Count: n} }
	before := []Bucket{{0.3, 5}, {0.5, 7}, {1, 8}, inf(8)}
	after := []Bucket{inf(12), {0.3, 5}, {0.5, 10}, {1, 12}} // in any order
	o := Observe("m", before, after)
	if o == nil || o.Count != 4 || o.Min != 300*ms || o.Max != time.Second || o.P50 < 300*ms || o.P50 > 500*ms {
		t.Errorf("%+v", o)
	}
	if o := Observe("m", nil, []Bucket{{0.3, 2}, {1, 2}, inf(3)}); o == nil || o.Min != 0 || o.Max != 0 || o.Count != 3 {
		t.Errorf("open end: %+v", o)
	}
	for name, c := range map[string][2][]Bucket{
		"nothing":      {before, before},
		"a new start":  {after, before},
		"no histogram": {},
	} {
		if o := Observe("m", c[0], c[1]); o != nil {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

func TestDominantAndJSON(t *testing.T) {
	c := streamed()
	b := Of(Evidence{Call: c, Prefill: &Observed{Metric: "p", Count: 2, Min: 10 * ms, Max: 50 * ms, P50: 20 * ms, P95: 45 * ms}})
	if b.Dominant != PhaseDecode {
		t.Errorf("dominant = %q", b.Dominant)
	}
	text, err := json.Marshal(&b)
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Total  float64 `json:"total_seconds"`
		Phases []struct {
			Phase   string   `json:"phase"`
			Seconds *float64 `json:"seconds"`
			Min     float64  `json:"min_seconds"`
			Max     float64  `json:"max_seconds"`
			Typical *struct {
				P95 float64 `json:"p95_seconds"`
			} `json:"typical"`
		} `json:"phases"`
		Stalls, Notes []any
		Unknown       []string
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if back.Total != 0.805 || back.Stalls == nil || back.Notes == nil || len(back.Unknown) != 1 {
		t.Errorf("%s", text)
	}
	for _, p := range back.Phases {
		if bounded := p.Max-p.Min > 0.0011; bounded == (p.Seconds != nil) {
			t.Errorf("%s: seconds %v within [%v, %v]", p.Phase, p.Seconds, p.Min, p.Max)
		}
		if (p.Phase == PhasePrefill) != (p.Typical != nil) {
			t.Errorf("typical of %s: %v", p.Phase, p.Typical)
		}
	}
}

func BenchmarkOf(b *testing.B) {
	e := Evidence{Call: streamed()}
	b.ReportAllocs()
	for b.Loop() {
		Of(e)
	}
}
