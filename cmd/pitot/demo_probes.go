package main

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/pitot-dev/pitot/internal/probe"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
	"github.com/pitot-dev/pitot/internal/testkit/traffic"
)

// probePast makes up how the demo's probes fared before it was started. It is
// for times that grow.
type probePast struct {
	gen    *traffic.Generator
	rng    *rand.Rand
	models map[string]provider.Model
	probes []*pastProbe
}

// pastProbe is the state of one probe.
type pastProbe struct {
	probe.Target
	provider string
	next     time.Time
	success  bool
	ttft     float64 // of the last answer
	status   int
	runs     map[string]float64
	cost     float64
}

func newProbePast(targets []probe.Target, gen *traffic.Generator, seed uint64) *probePast {
	p := &probePast{gen: gen, rng: rand.New(rand.NewPCG(seed, 7)), models: map[string]provider.Model{}}
	for _, m := range traffic.ProviderModels() {
		p.models[m.Name] = m
	}
	for _, t := range targets {
		p.probes = append(p.probes, &pastProbe{Target: t, provider: p.models[t.Model].Provider, runs: map[string]float64{}})
	}
	return p
}

// run asks at a time.
func (p *probePast) run(x *pastProbe, t time.Time) {
	x.next = t.Add(time.Duration(x.Interval))
	slow, failures := p.gen.Trouble(x.Model, t)
	x.ttft, x.status = p.models[x.Model].TTFT.Sample(p.rng), http.StatusOK
	if slow > 0 {
		x.ttft *= slow
	}
	for _, f := range failures {
		if p.rng.Float64() < f.Rate {
			x.status = f.Status
		}
	}
	if x.success = x.status == http.StatusOK && x.ttft < time.Duration(x.Timeout).Seconds(); !x.success {
		if x.status == http.StatusOK {
			x.status = 0 // nobody waited for it
		}
		x.runs["failed"]++
		return
	}
	x.cost += 4e-6
	if x.correct() == 0 {
		x.runs["wrong"]++
		return
	}
	x.runs["ok"]++
}

// correct says whether the last answer was right: the provider says what it is
// told to by a header.
func (x *pastProbe) correct() float64 {
	if !x.success || x.Headers["X-Fake-Text"] == "" {
		return 0
	}
	return 1
}

// families are the metrics of all probes at a time.
func (p *probePast) families(t time.Time) []*dto.MetricFamily {
	for _, x := range p.probes {
		for !x.next.After(t) {
			p.run(x, t)
		}
	}
	bit := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	var out []*dto.MetricFamily
	gauge := func(name string, value func(*pastProbe) float64) {
		f := &dto.MetricFamily{Name: new(name), Type: dto.MetricType_GAUGE.Enum()}
		for _, x := range p.probes {
			f.Metric = append(f.Metric, &dto.Metric{Label: x.labels(), Gauge: &dto.Gauge{Value: new(value(x))}})
		}
		out = append(out, f)
	}
	gauge("pitot_probe_success", func(x *pastProbe) float64 { return bit(x.success) })
	gauge("pitot_probe_correct", (*pastProbe).correct)
	gauge("pitot_probe_time_to_first_token_seconds", func(x *pastProbe) float64 { return x.ttft })
	gauge("pitot_probe_duration_seconds", func(x *pastProbe) float64 { return x.ttft + 0.02 })
	gauge("pitot_probe_http_status_code", func(x *pastProbe) float64 { return float64(x.status) })
	runs := &dto.MetricFamily{Name: new("pitot_probe_runs_total"), Type: dto.MetricType_COUNTER.Enum()}
	cost := &dto.MetricFamily{Name: new("pitot_probe_cost_usd_total"), Type: dto.MetricType_COUNTER.Enum()}
	for _, x := range p.probes {
		for _, result := range [...]string{"failed", "ok", "wrong"} {
			l := append(x.labels(), &dto.LabelPair{Name: new("result"), Value: new(result)})
			runs.Metric = append(runs.Metric, &dto.Metric{Label: l, Counter: &dto.Counter{Value: new(x.runs[result])}})
		}
		cost.Metric = append(cost.Metric, &dto.Metric{Label: x.labels()[1:2], Counter: &dto.Counter{Value: new(x.cost)}})
	}
	return append(out, runs, cost)
}

func (x *pastProbe) labels() []*dto.LabelPair {
	l := []*dto.LabelPair{
		{Name: new("model"), Value: new(x.Model)},
		{Name: new("probe"), Value: new(x.Name)},
		{Name: new("provider"), Value: new(x.provider)},
		{Name: new("upstream"), Value: new(x.Upstream)},
	}
	return slices.Clip(l)
}
