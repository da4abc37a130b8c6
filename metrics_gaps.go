package pitot

import (
	"context"
	"sort"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The histograms of the time between chunks have one observation a chunk and
// family. Through an instrument each costs as much as all else that is done for
// a chunk; here a call adds all of its gaps at once. They reach the exporters as
// an sdkmetric.Producer, which only a reader can be given: with a MeterProvider
// of the program they go through instruments after all.
type gapHistograms struct {
	start time.Time

	mu    sync.Mutex
	itl   gapFamily
	chunk gapFamily
}

// gapFamily is one family.
type gapFamily struct {
	name, help string
	bounds     []float64
	series     []*gapHistogram
}

// gapHistogram is one series.
type gapHistogram struct {
	attrs  attribute.Set
	bounds []float64

	mu        sync.Mutex
	counts    [maxGapBuckets]uint64
	n         uint64
	sum       float64
	min, max  float64
	exemplars [maxGapBuckets]metricdata.Exemplar[float64] // the latest of each bucket
}

const maxGapBuckets = 16

const (
	itlName = "llm.inter_token_latency"
	itlHelp = "Time between two chunks with content of one stream: one observation a chunk after the first. Its tail shows stalls."

	chunkHelp = "Time between two output chunks of a stream. Chunks without content are not output."
)

func chunkName(newNames bool) string {
	if newNames {
		return "gen_ai.client.inference.time_per_output_chunk"
	}
	return "gen_ai.client.operation.time_per_output_chunk"
}

// newGapHistograms makes the producer to give to every reader of Setup's own
// MeterProvider.
func newGapHistograms(newNames bool) *gapHistograms {
	return &gapHistograms{
		start: time.Now(),
		itl:   gapFamily{name: itlName, help: itlHelp, bounds: perTokenBuckets},
		chunk: gapFamily{name: chunkName(newNames), help: chunkHelp, bounds: genAITimeBuckets},
	}
}

// series returns the series that l points at, made where it is not there yet.
func (g *gapHistograms) series(f *gapFamily, at **gapHistogram, attrs []attribute.KeyValue) *gapHistogram {
	g.mu.Lock()
	defer g.mu.Unlock()
	if *at == nil {
		*at = &gapHistogram{attrs: attribute.NewSet(attrs...), bounds: f.bounds}
		f.series = append(f.series, *at)
	}
	return *at
}

// gapSum is what one call adds to a series.
type gapSum struct {
	counts   [maxGapBuckets]uint32
	n        uint64
	sum      float64
	min, max float64
}

func (s *gapSum) add(bounds []float64, v float64) {
	s.counts[sort.SearchFloat64s(bounds, v)]++
	if s.n == 0 || v < s.min {
		s.min = v
	}
	s.max = max(s.max, v)
	s.n++
	s.sum += v
}

// observe counts the gaps of a call and returns when its first chunk came.
func (g *gapHistograms) observe(ctx context.Context, c *llm.Call, l *callLabels) (first time.Duration, ok bool) {
	var itl, chunk gapSum
	var last time.Duration
	open := false
	for tick := range c.Timeline.Ticks() {
		if !ok {
			first, ok = tick.At, true
		}
		if tick.Bytes == 0 {
			continue
		}
		if open {
			gap := (tick.At - last).Seconds()
			itl.add(g.itl.bounds, gap)
			chunk.add(g.chunk.bounds, gap)
		}
		last, open = tick.At, true
	}
	if itl.n == 0 {
		return first, ok
	}
	sc := trace.SpanContextFromContext(ctx)
	g.series(&g.itl, &l.llm.gaps, l.llm.attrs).add(&itl, sc)
	g.series(&g.chunk, &l.genAI.gaps, l.genAI.attrs).add(&chunk, trace.SpanContext{})
	return first, ok
}

// add adds a call's gaps; the longest is the exemplar of its bucket.
func (h *gapHistogram) add(s *gapSum, sc trace.SpanContext) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, n := range s.counts {
		h.counts[i] += uint64(n)
	}
	if h.n == 0 || s.min < h.min {
		h.min = s.min
	}
	h.max = max(h.max, s.max)
	h.n += s.n
	h.sum += s.sum
	if sc.IsSampled() {
		traceID, spanID := sc.TraceID(), sc.SpanID()
		h.exemplars[sort.SearchFloat64s(h.bounds, s.max)] = metricdata.Exemplar[float64]{
			Time: time.Now(), Value: s.max, TraceID: traceID[:], SpanID: spanID[:],
		}
	}
}

// Produce implements the producer of OpenTelemetry's SDK. The points are
// cumulative.
func (g *gapHistograms) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: scope}}
	now := time.Now()
	for _, f := range [...]*gapFamily{&g.itl, &g.chunk} {
		if len(f.series) == 0 {
			continue
		}
		points := make([]metricdata.HistogramDataPoint[float64], 0, len(f.series))
		for _, h := range f.series {
			points = append(points, h.point(g.start, now))
		}
		out.Metrics = append(out.Metrics, metricdata.Metrics{
			Name: f.name, Description: f.help, Unit: "s",
			Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: points},
		})
	}
	if len(out.Metrics) == 0 {
		return nil, nil
	}
	return []metricdata.ScopeMetrics{out}, nil
}

func (h *gapHistogram) point(start, now time.Time) metricdata.HistogramDataPoint[float64] {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := metricdata.HistogramDataPoint[float64]{
		Attributes: h.attrs, StartTime: start, Time: now, Count: h.n, Sum: h.sum, Bounds: h.bounds,
		BucketCounts: append([]uint64(nil), h.counts[:len(h.bounds)+1]...),
		Min:          metricdata.NewExtrema(h.min), Max: metricdata.NewExtrema(h.max),
	}
	for i := range h.exemplars {
		if e := &h.exemplars[i]; e.TraceID != nil {
			p.Exemplars = append(p.Exemplars, *e)
		}
	}
	return p
}
