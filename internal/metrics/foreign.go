package metrics

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// ForeignHistogram is a histogram of durations that a sender keeps in buckets
// which cannot tell its values apart.
type ForeignHistogram struct {
	Name    string    // as Prometheus has it
	Service string    // service.name of the sender
	Scope   string    // the instrumentation that made it
	Bounds  []float64 // in seconds
	Reason  string
	Advice  string
	Last    time.Time // when it was seen last
}

const (
	// coarseBound is the first bound from which on a histogram of durations is
	// useless: most calls of a model begin to answer within a second.
	coarseBound = 1.0
	// maxForeign bounds the histograms that are remembered.
	maxForeign = 500
	// foreignLife is how long one counts after it was seen last.
	foreignLife = time.Hour
	// workflowDuration has a first bound of a second in the convention: workflows
	// take long.
	workflowDuration = "gen_ai_invoke_workflow_duration_seconds"
)

type foreignKey struct{ name, service string }

type foreignSeen struct {
	scope  string
	bounds []float64
	last   time.Time
}

// inspect remembers a histogram with useless buckets.
func (s *senders) inspect(res *senderResource, scope, name string, m pmetric.Metric) {
	if m.Type() != pmetric.MetricTypeHistogram || m.Histogram().DataPoints().Len() == 0 || name == workflowDuration {
		return
	}
	scale, ok := durationUnit(m)
	if !ok {
		return
	}
	bounds := m.Histogram().DataPoints().At(0).ExplicitBounds().AsRaw()
	first, ok := firstPositive(bounds)
	if !ok || first*scale < coarseBound {
		return
	}
	key := foreignKey{name: name, service: res.service}
	seen := s.foreign[key]
	if seen == nil {
		if len(s.foreign) >= maxForeign {
			return
		}
		inSeconds := make([]float64, len(bounds))
		for i, b := range bounds {
			inSeconds[i] = b * scale
		}
		seen = &foreignSeen{scope: strings.Clone(scope), bounds: inSeconds}
		s.foreign[foreignKey{strings.Clone(name), strings.Clone(res.service)}] = seen
		s.logger.Info("a sender's histogram has buckets too wide for its quantiles", "metric", name, "service", res.service, "first_bound_seconds", first*scale,
			"advice", "`pitot doctor senders` says how to change that")
	}
	seen.last = s.now()
}

// durationUnit is the factor from the unit of a histogram to seconds.
func durationUnit(m pmetric.Metric) (float64, bool) {
	switch m.Unit() {
	case "s", "sec", "seconds":
		return 1, true
	case "ms", "milliseconds":
		return 1e-3, true
	case "us", "µs":
		return 1e-6, true
	case "":
		return 1, strings.HasSuffix(m.Name(), "_seconds") || strings.HasSuffix(m.Name(), ".duration")
	default:
		return 0, false
	}
}

func firstPositive(bounds []float64) (float64, bool) {
	for _, b := range bounds {
		if b > 0 {
			return b, true
		}
	}
	return 0, false
}

func (s *senders) liveForeign() int {
	n := 0
	for _, f := range s.foreign {
		if s.now().Sub(f.last) < foreignLife {
			n++
		}
	}
	return n
}

// ForeignHistograms returns the histograms of durations whose buckets are too
// wide to be of use, by name and service.
func (m *Metrics) ForeignHistograms() []ForeignHistogram {
	s := m.senders
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []ForeignHistogram
	for k, f := range s.foreign {
		first, _ := firstPositive(f.bounds)
		out = append(out, ForeignHistogram{
			Name: k.name, Service: k.service, Scope: f.scope, Bounds: slices.Clone(f.bounds), Last: f.last,
			Reason: fmt.Sprintf("the first bucket reaches to %s s: quantiles of anything faster are a guess", strconv.FormatFloat(first, 'g', -1, 64)),
			Advice: "Send spans too: Pitot computes latencies from them. Or give the sender's SDK a View for this instrument with the bounds that OpenTelemetry's GenAI convention states (0.01, 0.02, 0.04 ... 81.92).",
		})
	}
	slices.SortFunc(out, func(a, b ForeignHistogram) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Service, b.Service))
	})
	return out
}
