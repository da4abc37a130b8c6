package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// Point is a value at a time.
type Point struct {
	Time  time.Time
	Value float64
	// Histogram is set where the value is a native histogram; Value is then its
	// sum.
	Histogram *Distribution
}

// Distribution is what a native histogram has seen.
type Distribution struct{ Count, Sum float64 }

// Series is a label set with its points in order of time. The metric's name is
// the label __name__.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Result is what an expression evaluates to.
type Result struct {
	// Type is vector, matrix, scalar or string.
	Type   string
	Series []Series
	// Text is the value of a string.
	Text string
	// Warnings are the engine's remarks: the result may be less than was meant.
	Warnings []string
}

// Query evaluates expr at time ts. A vector gives series of one point; a range
// of samples (x[5m]) gives all of them.
func (m *Metrics) Query(ctx context.Context, expr string, ts time.Time) (Result, error) {
	return m.source.query(ctx, expr, ts)
}

// QueryRange evaluates expr at each step from start to end.
func (m *Metrics) QueryRange(ctx context.Context, expr string, start, end time.Time, step time.Duration) (Result, error) {
	if step <= 0 {
		return Result{}, fmt.Errorf("query: step is %v: it must be positive", step)
	}
	if end.Before(start) {
		return Result{}, fmt.Errorf("query: end %s is before start %s", end.Format(time.RFC3339), start.Format(time.RFC3339))
	}
	return m.source.queryRange(ctx, expr, start, end, step)
}

func evaluate(ctx context.Context, q promql.Query, expr string) (Result, error) {
	defer q.Close() // the points go back to a pool: all is copied before
	res := q.Exec(ctx)
	if res.Err != nil {
		return Result{}, fmt.Errorf("query: %w", res.Err)
	}
	out := Result{Type: string(res.Value.Type())}
	warnings, infos := res.Warnings.AsStrings(expr, 10, 10)
	warnings = append(warnings, infos...)
	out.Warnings = warnings
	switch v := res.Value.(type) {
	case promql.Vector:
		for _, s := range v {
			out.Series = append(out.Series, Series{Labels: s.Metric.Map(), Points: []Point{point(s.T, s.F, s.H)}})
		}
	case promql.Matrix:
		for _, s := range v {
			out.Series = append(out.Series, Series{Labels: s.Metric.Map(), Points: points(s)})
		}
	case promql.Scalar:
		out.Series = []Series{{Labels: labels.EmptyLabels().Map(), Points: []Point{point(v.T, v.V, nil)}}}
	case promql.String:
		out.Text = v.V
	}
	return out, nil
}

// points merges a series' floats and histograms by time.
func points(s promql.Series) []Point {
	out := make([]Point, 0, len(s.Floats)+len(s.Histograms))
	f, h := s.Floats, s.Histograms
	for len(f) > 0 || len(h) > 0 {
		if len(h) == 0 || len(f) > 0 && f[0].T <= h[0].T {
			out = append(out, point(f[0].T, f[0].F, nil))
			f = f[1:]
			continue
		}
		out = append(out, point(h[0].T, 0, h[0].H))
		h = h[1:]
	}
	return out
}

func point(t int64, f float64, h *histogram.FloatHistogram) Point {
	p := Point{Time: time.UnixMilli(t).UTC(), Value: f}
	if h != nil {
		p.Histogram = &Distribution{Count: h.Count, Sum: h.Sum}
		p.Value = h.Sum
	}
	return p
}

// CheckExpr says whether expr is PromQL.
func CheckExpr(expr string) error {
	if _, err := newParser().ParseExpr(expr); err != nil {
		return fmt.Errorf("promql: %w", err)
	}
	return nil
}
