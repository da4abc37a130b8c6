package metrics

import (
	"errors"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	promhist "github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// familyAppender writes gathered families to the store as a scrape would:
// classic and native histograms, exemplars, start times, stale markers for
// what has gone. It keeps the store's references of the series that it saw
// last, and is used by one goroutine at a time.
//
// The way over HTTP and text would give the same samples for ten times the
// work, and would need a listener.
type familyAppender struct {
	target labels.Labels // labels that every series gets: job, instance
	cache  map[string]*appendEntry
	round  uint64
	// zeros writes the zero sample at the start of a new series itself: the store
	// makes none of samples that are out of order.
	zeros bool

	key     []byte
	builder *labels.Builder
}

// appendEntry is the state of one metric of a family: a handful of series.
type appendEntry struct {
	round  uint64
	series []appendedSeries // in the order in which the metric is written
	next   int
}

type appendedSeries struct {
	ref          storage.SeriesRef
	lset         labels.Labels
	native       bool
	bound        float64 // le or quantile
	lastExemplar int64
}

// appendResult counts what became of the samples of one round.
type appendResult struct {
	samples  int // appended
	added    int // series that were not there the round before
	rejected int // out of order, out of bounds or duplicate
}

func newFamilyAppender(target labels.Labels) *familyAppender {
	return &familyAppender{target: target, cache: make(map[string]*appendEntry), builder: labels.NewBuilder(labels.EmptyLabels())}
}

// append writes all families at time t (Unix milliseconds). It neither commits
// nor rolls back. A sample that the store refuses is counted and does not stop
// the others; any other error does.
func (a *familyAppender) append(app storage.AppenderV2, families []*dto.MetricFamily, t int64) (appendResult, error) {
	a.round++
	w := familyWriter{familyAppender: a, app: app, t: t}
	for _, f := range families {
		for _, m := range f.Metric {
			if err := w.metric(f, m); err != nil {
				return w.res, err
			}
		}
	}
	return w.res, w.markGone()
}

// forget drops the references, after a rollback or when the store has to be
// told of every series anew.
func (a *familyAppender) forget() { clear(a.cache) }

// familyWriter is one round.
type familyWriter struct {
	*familyAppender
	app   storage.AppenderV2
	t     int64
	res   appendResult
	entry *appendEntry
}

func (w *familyWriter) metric(f *dto.MetricFamily, m *dto.Metric) error {
	name := f.GetName()
	w.key = append(append(w.key[:0], name...), 0xff)
	for _, p := range m.Label {
		w.key = append(append(w.key, p.GetName()...), 0xff)
		w.key = append(append(w.key, p.GetValue()...), 0xff)
	}
	w.entry = w.cache[string(w.key)]
	if w.entry == nil {
		w.entry = &appendEntry{}
		w.cache[string(w.key)] = w.entry
	}
	w.entry.round, w.entry.next = w.round, 0
	switch {
	case m.Counter != nil:
		return w.float(m, name, "", 0, m.Counter.GetValue(), m.Counter.CreatedTimestamp, m.Counter.Exemplar)
	case m.Gauge != nil:
		return w.float(m, name, "", 0, m.Gauge.GetValue(), nil, nil)
	case m.Untyped != nil:
		return w.float(m, name, "", 0, m.Untyped.GetValue(), nil, nil)
	case m.Summary != nil:
		return w.summary(m, name)
	case m.Histogram != nil:
		return w.histogram(m, name)
	}
	return nil
}

func (w *familyWriter) summary(m *dto.Metric, name string) error {
	s := m.Summary
	for _, q := range s.Quantile {
		if err := w.float(m, name, model.QuantileLabel, q.GetQuantile(), q.GetValue(), nil, nil); err != nil {
			return err
		}
	}
	if err := w.float(m, name+"_sum", "", 0, s.GetSampleSum(), s.CreatedTimestamp, nil); err != nil {
		return err
	}
	return w.float(m, name+"_count", "", 0, float64(s.GetSampleCount()), s.CreatedTimestamp, nil)
}

func (w *familyWriter) histogram(m *dto.Metric, name string) error {
	h := m.Histogram
	count := float64(h.GetSampleCount())
	if h.GetSampleCountFloat() > 0 {
		count = h.GetSampleCountFloat()
	}
	if err := w.float(m, name+"_count", "", 0, count, h.CreatedTimestamp, nil); err != nil {
		return err
	}
	if err := w.float(m, name+"_sum", "", 0, h.GetSampleSum(), h.CreatedTimestamp, nil); err != nil {
		return err
	}
	inf := false
	for _, b := range h.Bucket {
		n := float64(b.GetCumulativeCount())
		if b.GetCumulativeCountFloat() > 0 {
			n = b.GetCumulativeCountFloat()
		}
		inf = inf || math.IsInf(b.GetUpperBound(), 1)
		if err := w.float(m, name+"_bucket", model.BucketLabel, b.GetUpperBound(), n, h.CreatedTimestamp, b.Exemplar); err != nil {
			return err
		}
	}
	if !inf && len(h.Bucket) > 0 {
		if err := w.float(m, name+"_bucket", model.BucketLabel, math.Inf(1), count, h.CreatedTimestamp, nil); err != nil {
			return err
		}
	}
	if h.Schema == nil {
		return nil
	}
	return w.native(m, name, h)
}

func (w *familyWriter) native(m *dto.Metric, name string, h *dto.Histogram) error {
	s := w.series(m, name, "", 0, true)
	var ih *promhist.Histogram
	var fh *promhist.FloatHistogram
	if h.GetSampleCountFloat() > 0 || h.GetZeroCountFloat() > 0 {
		fh = floatHistogram(h)
	} else {
		ih = intHistogram(h)
	}
	return w.write(s, h.CreatedTimestamp, 0, ih, fh, h.Exemplars)
}

func (w *familyWriter) float(m *dto.Metric, name, label string, bound, v float64, created *timestamppb.Timestamp, ex *dto.Exemplar) error {
	s := w.series(m, name, label, bound, false)
	var exs []*dto.Exemplar
	if ex != nil {
		exs = []*dto.Exemplar{ex}
	}
	return w.write(s, created, v, nil, nil, exs)
}

// series is the next series of the metric that is being written.
func (w *familyWriter) series(m *dto.Metric, name, label string, bound float64, native bool) *appendedSeries {
	e := w.entry
	i := e.next
	e.next++
	if i < len(e.series) {
		// A native histogram may come and go behind the buckets, which never move.
		if s := &e.series[i]; s.native == native && s.bound == bound {
			return s
		}
		e.series = e.series[:i]
	}
	w.builder.Reset(w.target)
	for _, p := range m.Label {
		w.builder.Set(p.GetName(), p.GetValue())
	}
	w.builder.Set(model.MetricNameLabel, name)
	if label != "" {
		w.builder.Set(label, labels.FormatOpenMetricsFloat(bound))
	}
	e.series = append(e.series, appendedSeries{lset: w.builder.Labels(), native: native, bound: bound})
	return &e.series[i]
}

func (w *familyWriter) write(s *appendedSeries, created *timestamppb.Timestamp, v float64, h *promhist.Histogram, fh *promhist.FloatHistogram, exs []*dto.Exemplar) error {
	var st int64
	if s.ref == 0 {
		w.res.added++
		// Only with the first sample: the store makes a zero sample of it, so
		// that rate() sees the first increment of a new series.
		if created != nil {
			st = created.AsTime().UnixMilli()
		}
	}
	if w.zeros && st > 0 && st < w.t {
		if err := w.zero(s, st, h, fh); err != nil {
			return err
		}
		st = 0
	}
	opts := storage.AOptions{Exemplars: s.newExemplars(exs, w.t)}
	ref, err := w.app.Append(s.ref, s.lset, st, w.t, v, h, fh, opts)
	if _, isPartial := errors.AsType[*storage.AppendPartialError](err); isPartial {
		err = nil // an exemplar was refused, the sample is in
	}
	if err == nil {
		s.ref = ref
		w.res.samples++
		return nil
	}
	if isRejected(err) {
		w.res.rejected++
		return nil
	}
	return err
}

// zero writes the sample with which a series starts.
func (w *familyWriter) zero(s *appendedSeries, at int64, h *promhist.Histogram, fh *promhist.FloatHistogram) error {
	if h != nil {
		h = &promhist.Histogram{Schema: h.Schema, ZeroThreshold: h.ZeroThreshold}
	}
	if fh != nil {
		fh = &promhist.FloatHistogram{Schema: fh.Schema, ZeroThreshold: fh.ZeroThreshold}
	}
	if _, err := w.app.Append(0, s.lset, 0, at, 0, h, fh, storage.AOptions{}); err != nil && !isRejected(err) {
		return err
	}
	return nil
}

// isRejected tells a sample that the store does not want from a store that
// does not work.
func isRejected(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrOutOfBounds) ||
		errors.Is(err, storage.ErrTooOldSample) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp)
}

// newExemplars are those that were not written before, oldest first.
func (s *appendedSeries) newExemplars(in []*dto.Exemplar, now int64) []exemplar.Exemplar {
	var out []exemplar.Exemplar
	for _, e := range in {
		ts := now
		if e.Timestamp != nil {
			ts = e.Timestamp.AsTime().UnixMilli()
		}
		if ts <= s.lastExemplar {
			continue
		}
		var b labels.ScratchBuilder
		for _, p := range e.Label {
			b.Add(p.GetName(), p.GetValue())
		}
		b.Sort()
		out = append(out, exemplar.Exemplar{Labels: b.Labels(), Value: e.GetValue(), Ts: ts, HasTs: true})
	}
	if n := len(out); n > 0 {
		slices.SortFunc(out, func(a, b exemplar.Exemplar) int { return int(a.Ts - b.Ts) })
		s.lastExemplar = out[n-1].Ts
	}
	return out
}

// markGone writes stale markers for what was there the round before.
func (w *familyWriter) markGone() error {
	stale := math.Float64frombits(value.StaleNaN)
	for key, e := range w.cache {
		if e.round == w.round {
			continue
		}
		for i := range e.series {
			s := &e.series[i]
			var h *promhist.Histogram
			if s.native {
				h = &promhist.Histogram{Sum: stale}
			}
			if _, err := w.app.Append(s.ref, s.lset, 0, w.t, stale, h, nil, storage.AOptions{}); err != nil && !isRejected(err) {
				return err
			}
		}
		delete(w.cache, key)
	}
	return nil
}

func intHistogram(h *dto.Histogram) *promhist.Histogram {
	return &promhist.Histogram{
		Schema: h.GetSchema(), ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCount(),
		Count: h.GetSampleCount(), Sum: h.GetSampleSum(),
		PositiveSpans: spans(h.PositiveSpan), PositiveBuckets: h.PositiveDelta,
		NegativeSpans: spans(h.NegativeSpan), NegativeBuckets: h.NegativeDelta,
	}
}

func floatHistogram(h *dto.Histogram) *promhist.FloatHistogram {
	return &promhist.FloatHistogram{
		Schema: h.GetSchema(), ZeroThreshold: h.GetZeroThreshold(), ZeroCount: h.GetZeroCountFloat(),
		Count: h.GetSampleCountFloat(), Sum: h.GetSampleSum(),
		PositiveSpans: spans(h.PositiveSpan), PositiveBuckets: h.PositiveCount,
		NegativeSpans: spans(h.NegativeSpan), NegativeBuckets: h.NegativeCount,
	}
}

// spans leaves out the empty span that only marks a histogram as native.
func spans(in []*dto.BucketSpan) []promhist.Span {
	if len(in) == 1 && in[0].GetLength() == 0 {
		return nil
	}
	out := make([]promhist.Span, len(in))
	for i, s := range in {
		out[i] = promhist.Span{Offset: s.GetOffset(), Length: s.GetLength()}
	}
	return out
}
