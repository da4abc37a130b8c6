package explain

import (
	"math"
	"strconv"
	"time"
)

func is(dim Dim, v string) Condition { return Condition{dim.String(), v} }

// share of the calls that would be made with this property on an ordinary day.
func (w *world) shareOf(ok func(*call) bool) float64 {
	n := 0
	for range 2000 {
		if ok(w.draw(epoch)) {
			n++
		}
	}
	return float64(n) / 2000
}

// someModel is a model that enough calls use, but not nearly all.
func (w *world) someModel() *wModel {
	best := &w.models[0]
	for range 50 {
		m := &w.models[w.r.IntN(len(w.models))]
		if s := w.shareOf(func(c *call) bool { return c.model == m }); s > 0.06 && s < 0.6 {
			return m
		}
		best = m
	}
	return best
}

func (w *world) someProvider() string { return w.someModel().provider }

func (w *world) someFeature() *wFeature {
	for range 50 {
		f := &w.features[w.r.IntN(len(w.features))]
		if s := w.shareOf(func(c *call) bool { return c.feature == f }); s > 0.06 && s < 0.6 {
			return f
		}
	}
	return &w.features[0]
}

func pickMetric(w *world, ms ...Metric) Metric { return ms[w.r.IntN(len(ms))] }

// incidentKinds make scenarios with known causes, by kind.
func incidentKinds() []struct {
	name string
	make func(w *world, s *scenario, size float64, length time.Duration)
} {
	type maker = func(w *world, s *scenario, size float64, length time.Duration)
	fails := func(status int, typ string, share float64, w *world, hit func(*call) bool) func(*call) bool {
		return func(c *call) bool {
			if !hit(c) {
				return false
			}
			if w.r.Float64() < share {
				c.fail, c.failStatus = typ, status
			}
			return true
		}
	}
	share := func(w *world) float64 { return 0.15 + 0.5*w.r.Float64() }
	return []struct {
		name string
		make maker
	}{
		{"provider-429", func(w *world, s *scenario, size float64, length time.Duration) {
			p := w.someProvider()
			s.metric, s.truth = pickMetric(w, ErrorRate, ErrorRate, Errors), [][]Condition{{is(DimProvider, p)}}
			w.build(s, length, size, fails(429, "rate_limit_exceeded", share(w), w, func(c *call) bool { return c.model.provider == p }), nil)
		}},
		{"model-500", func(w *world, s *scenario, size float64, length time.Duration) {
			m := w.someModel()
			s.metric, s.truth = ErrorRate, [][]Condition{{is(DimModel, m.name)}}
			w.build(s, length, size, fails(500, "server_error", share(w), w, func(c *call) bool { return c.model == m }), nil)
		}},
		{"feature-by-model", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			m := &w.models[f.models[0]]
			s.metric, s.truth = ErrorRate, [][]Condition{{is(DimModel, m.name), is(DimFeature, f.name)}}
			w.build(s, length, size, fails(400, "invalid_schema", 0.3+0.5*w.r.Float64(), w, func(c *call) bool { return c.model == m && c.feature == f }), nil)
		}},
		{"region-outage", func(w *world, s *scenario, size float64, length time.Duration) {
			g := w.someModel().region
			s.metric, s.truth = ErrorRate, [][]Condition{{is(DimRegion, g)}}
			w.build(s, length, size, fails(503, "unavailable", 0.4+0.5*w.r.Float64(), w, func(c *call) bool { return c.model.region == g }), nil)
		}},
		{"tag-401", func(w *world, s *scenario, size float64, length time.Duration) {
			k := "k" + strconv.Itoa(w.r.IntN(9))
			s.metric, s.truth = ErrorRate, [][]Condition{{{"tags.key", k}}}
			w.build(s, length, size, fails(401, "invalid_api_key", 0.9, w, func(c *call) bool { return c.row.Tags[0].Value == k }), nil)
		}},
		{"service-500", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			s.metric, s.truth = ErrorRate, [][]Condition{{is(DimService, f.service)}}
			w.build(s, length, size, fails(500, "server_error", share(w), w, func(c *call) bool { return c.feature.service == f.service }), nil)
		}},
		{"user-400", func(w *world, s *scenario, size float64, length time.Duration) {
			u := w.users[w.r.IntN(4)].name
			s.metric, s.truth = ErrorRate, [][]Condition{{is(DimUser, u)}}
			w.build(s, length, size, fails(400, "invalid_value", 0.7, w, func(c *call) bool { return c.row.Values[DimUser] == u }), nil)
		}},
		{"model-slow", func(w *world, s *scenario, size float64, length time.Duration) {
			m := w.someModel()
			s.metric, s.truth = pickMetric(w, LatencyP95, LatencyP50, LatencyMean, LatencyP99), [][]Condition{{is(DimModel, m.name)}}
			k := 2.5 + 2*w.r.Float64()
			w.build(s, length, size, func(c *call) bool {
				if c.model != m {
					return false
				}
				c.ttft, c.perTok = k*c.ttft, k*c.perTok
				return true
			}, nil)
		}},
		{"provider-ttft", func(w *world, s *scenario, size float64, length time.Duration) {
			p := w.someProvider()
			s.metric, s.truth = pickMetric(w, TTFTP95, TTFTP50, TTFTMean), [][]Condition{{is(DimProvider, p)}}
			w.build(s, length, size, func(c *call) bool {
				if c.model.provider != p {
					return false
				}
				c.ttft *= 4
				return true
			}, nil)
		}},
		{"queue", func(w *world, s *scenario, size float64, length time.Duration) {
			p := w.someProvider()
			s.metric, s.truth, s.phase = pickMetric(w, TTFTP95, LatencyP95, TTFTMean), [][]Condition{{is(DimProvider, p)}}, PhaseQueue
			part, wait := 0.5+0.5*w.r.Float64(), 2+8*w.r.Float64()
			w.build(s, length, size, func(c *call) bool {
				if c.model.provider != p {
					return false
				}
				if w.r.Float64() < part {
					c.queue += wait * (0.5 + w.r.Float64())
				}
				return true
			}, nil)
		}},
		{"decode", func(w *world, s *scenario, size float64, length time.Duration) {
			m := w.someModel()
			s.metric, s.truth, s.phase = pickMetric(w, TPOTP50, TPOTP95, TokensPerSecond), [][]Condition{{is(DimModel, m.name)}}, PhaseDecode
			w.build(s, length, size, func(c *call) bool {
				if c.model != m {
					return false
				}
				c.perTok *= 2.5
				return true
			}, nil)
		}},
		{"stream-stalls", func(w *world, s *scenario, size float64, length time.Duration) {
			for i := range w.features {
				w.features[i].stream = 0.3 + 0.5*w.r.Float64() // both ways are used everywhere
			}
			s.metric, s.truth, s.phase = pickMetric(w, LatencyP95, LatencyMean), [][]Condition{{is(DimStream, "true")}}, PhaseStalls
			w.build(s, length, size, func(c *call) bool {
				if !c.stream {
					return false
				}
				if w.r.Float64() < 0.5 {
					c.stall = 6 + 10*w.r.Float64()
				}
				return true
			}, nil)
		}},
		{"provider-stream-stalls", func(w *world, s *scenario, size float64, length time.Duration) {
			for i := range w.features {
				w.features[i].stream = 0.3 + 0.4*w.r.Float64()
			}
			p := w.someProvider()
			s.metric, s.truth, s.phase = LatencyP95, [][]Condition{{is(DimProvider, p), is(DimStream, "true")}}, PhaseStalls
			w.build(s, length, size, func(c *call) bool {
				if !c.stream || c.model.provider != p {
					return false
				}
				if w.r.Float64() < 0.7 {
					c.stall = 8 + 10*w.r.Float64()
				}
				return true
			}, nil)
		}},
		{"user-flood", func(w *world, s *scenario, size float64, length time.Duration) {
			s.metric, s.truth = pickMetric(w, Requests, Cost, TotalTokens, InputTokens), [][]Condition{{is(DimUser, "u-loop")}}
			f, m := w.someFeature(), w.someModel()
			w.build(s, length, size, nil, func(from, to time.Time) []*call {
				var out []*call
				for _, t := range w.times(from, to, size*(0.6+w.r.Float64())) {
					c := w.draw(t)
					c.feature, c.model, c.in = f, m, 4000*math.Exp(0.1*w.r.NormFloat64())
					c.row.Values[DimUser] = "u-loop"
					out = append(out, c)
				}
				return out
			})
		}},
		{"known-user-flood", func(w *world, s *scenario, size float64, length time.Duration) {
			u := w.users[3+w.r.IntN(10)]
			s.metric, s.truth = pickMetric(w, Requests, TotalTokens), [][]Condition{{is(DimUser, u.name)}}
			w.build(s, length, size, nil, func(from, to time.Time) []*call {
				var out []*call
				for _, t := range w.times(from, to, size) {
					c := w.draw(t)
					c.row.Values[DimUser], c.row.Tags[0].Value = u.name, u.key
					out = append(out, c)
				}
				return out
			})
		}},
		{"prompt-version", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			s.metric = pickMetric(w, InputPerCall, TTFTP95, CostPerCall)
			if s.metric == TTFTP95 {
				f.stream = 1
				for i := range w.models {
					w.models[i].perIn = 3e-4
				}
			}
			rollout := []float64{0.5, 1}[w.r.IntN(2)]
			s.truth = [][]Condition{{is(DimPromptVersion, f.prompt+"@"+strconv.Itoa(f.version+1))}}
			if rollout == 1 {
				s.truth = append(s.truth, []Condition{is(DimPrompt, f.prompt)}, []Condition{is(DimFeature, f.name)})
			}
			next := *f
			next.version++
			w.build(s, length, size, func(c *call) bool {
				if c.feature != f || w.r.Float64() >= rollout {
					return false
				}
				c.feature = &next
				grown := c.in * 9
				c.ttft += (grown - c.in) * c.model.perIn
				c.in = grown
				return true
			}, nil)
		}},
		{"truncation", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			s.metric, s.truth = TruncationRate, [][]Condition{{is(DimFeature, f.name)}}
			w.build(s, length, size, func(c *call) bool {
				if c.feature != f {
					return false
				}
				if w.r.Float64() < 0.5 {
					c.length, c.out = true, 256
				}
				return true
			}, nil)
		}},
		{"model-switch", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			dear, cheap := &w.models[0], &w.models[f.models[0]]
			for i := range w.models {
				if w.models[i].inPrice > dear.inPrice {
					dear = &w.models[i]
				}
			}
			if dear == cheap {
				cheap = &w.models[f.models[1%len(f.models)]]
				f.models[0], f.models[1] = f.models[1], f.models[0]
			}
			dear.inPrice, dear.outPrice = 12*cheap.inPrice, 12*cheap.outPrice
			s.metric = pickMetric(w, CostPerCall, Cost)
			s.truth = [][]Condition{{is(DimModel, dear.name), is(DimFeature, f.name)}, {is(DimFeature, f.name)}}
			w.build(s, length, size, func(c *call) bool {
				if c.feature != f {
					return false
				}
				c.model = dear
				return true
			}, nil)
		}},
		{"long-inputs-fail", func(w *world, s *scenario, size float64, length time.Duration) {
			w.usageOfErrors = true
			for i := range w.features {
				w.features[i].in = 2000
			}
			p := w.someProvider()
			s.metric = ErrorRate
			for _, b := range []string{"4096..8191", "8192..16383"} {
				s.truth = append(s.truth, []Condition{is(DimProvider, p), is(DimInputBand, b)})
			}
			w.build(s, length, size, fails(400, "context_length_exceeded", 0.9, w, func(c *call) bool { return c.in >= 4096 && c.model.provider == p }), nil)
		}},
		{"service-stops", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			s.metric, s.truth = Requests, [][]Condition{{is(DimService, f.service)}}
			w.build(s, length, size, nil, nil)
			keep := s.rows[:0]
			for _, r := range s.rows {
				if r.Time.Before(epoch) || r.Values[DimService] != f.service {
					keep = append(keep, r)
				}
			}
			s.rows = keep
		}},
		{"all-slow", func(w *world, s *scenario, size float64, length time.Duration) {
			s.metric, s.truth = pickMetric(w, LatencyP95, LatencyP50), [][]Condition{{}}
			w.build(s, length, size, func(c *call) bool { c.ttft, c.perTok = 2.5*c.ttft, 2.5*c.perTok; return true }, nil)
		}},
		{"agent-loops", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			f.agent = "agent-x"
			s.metric, s.truth = pickMetric(w, InputPerCall, CostPerCall), [][]Condition{{is(DimAgent, "agent-x")}}
			w.build(s, length, size, func(c *call) bool {
				if c.feature != f {
					return false
				}
				c.in, c.out = 6*c.in, 6*c.out
				return true
			}, nil)
		}},
		{"mix-to-slow-feature", func(w *world, s *scenario, size float64, length time.Duration) {
			f := w.someFeature()
			f.out, f.share = 1500, f.share/2
			for i := range w.users {
				for &w.features[w.users[i].feature] == f { // nobody's favourite: it is rare on an ordinary day
					w.users[i].feature = w.r.IntN(len(w.features))
				}
			}
			w.index()
			s.metric, s.truth = pickMetric(w, LatencyMean, LatencyP95, OutputPerCall), [][]Condition{{is(DimFeature, f.name)}}
			w.build(s, length, size, nil, func(from, to time.Time) []*call {
				var out []*call
				for _, t := range w.times(from, to, size*0.6) {
					c := w.draw(t)
					old := c.feature
					c.feature = f
					c.out *= f.out / old.out
					c.stream = w.r.Float64() < f.stream
					c.row.Tags[1].Value = f.team
					out = append(out, c)
				}
				return out
			})
		}},
		{"quality-drop", func(w *world, s *scenario, size float64, length time.Duration) {
			m := w.someModel()
			s.metric, s.truth = Quality, [][]Condition{{is(DimModel, m.name)}}
			w.build(s, length, size, func(c *call) bool {
				if c.model != m {
					return false
				}
				c.quality = max(c.quality-0.3, 0)
				return true
			}, nil)
		}},
	}
}

// nullKinds make scenarios in which the metric has no cause to be found.
func nullKinds() []struct {
	name string
	make func(w *world, s *scenario, size float64, length time.Duration)
} {
	plain := []Metric{ErrorRate, LatencyP95, LatencyP50, LatencyMean, TTFTP95, TPOTP95, TokensPerSecond, CostPerCall, Quality, InputPerCall, OutputPerCall, TruncationRate, StallRate}
	return []struct {
		name string
		make func(w *world, s *scenario, size float64, length time.Duration)
	}{
		{"nothing", func(w *world, s *scenario, size float64, length time.Duration) {
			s.metric = pickMetric(w, append(plain, Requests, TotalTokens, Cost, Errors)...)
			w.build(s, length, size, nil, nil)
		}},
		{"growth", func(w *world, s *scenario, size float64, length time.Duration) {
			s.metric = pickMetric(w, plain...)
			w.growth = 1.5 + 2*w.r.Float64()
			w.build(s, length, size, nil, nil)
		}},
		{"growth-of-volume", func(w *world, s *scenario, size float64, length time.Duration) {
			s.metric = pickMetric(w, Requests, TotalTokens, InputTokens, Errors)
			w.growth = 1.5 + 2*w.r.Float64()
			w.build(s, length, size, nil, nil)
		}},
		{"mix-that-does-not-matter", func(w *world, s *scenario, size float64, length time.Duration) {
			s.metric, w.evenErrors = pickMetric(w, ErrorRate, Quality, TruncationRate), true
			f := w.someFeature()
			w.build(s, length, size, nil, func(from, to time.Time) []*call {
				var out []*call
				for _, t := range w.times(from, to, size*0.5) {
					c := w.draw(t)
					c.feature, c.stream = f, w.r.Float64() < f.stream
					c.row.Tags[1].Value = f.team
					out = append(out, c)
				}
				return out
			})
		}},
		{"restless", func(w *world, s *scenario, size float64, length time.Duration) {
			s.metric, w.driftSD = pickMetric(w, LatencyP95, LatencyMean, TTFTP95, TPOTP50), 0.1
			w.build(s, length, size, nil, nil)
		}},
	}
}
