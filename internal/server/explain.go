package server

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/explain"
	"github.com/pitot-dev/pitot/internal/llm"
)

// explain says what changed between two sets of Calls.
func (s *Server) explain(ctx context.Context, req explain.Request) (*explain.Explanation, error) {
	var src explain.Source = explain.FromLines(s.events)
	if req.Metric == explain.Quality {
		scores, err := s.scores(ctx, req)
		if err != nil {
			return nil, err
		}
		src = explain.Scored(src, scores)
	}
	return explain.Explain(ctx, req, src)
}

const (
	scoresPage = 1000
	// maxScores bounds the judgements that one explanation reads, the latest first.
	maxScores = 50_000
)

// scores are the mean scores of the Calls that a question is about, by their ids:
// judgements are records of their own.
func (s *Server) scores(ctx context.Context, req explain.Request) (map[string]float64, error) {
	ranges := slices.Concat(req.Window.Ranges, req.Baseline.Ranges)
	if len(req.Baseline.Ranges) == 0 {
		for _, r := range req.Window.Ranges {
			ranges = append(ranges, explain.DefaultBaseline(false, r)...)
		}
	}
	q := events.FeedbackQuery{MinScore: llm.Some(0.0), Without: s.quality.FailuresOnly(), Limit: scoresPage}
	for _, r := range ranges {
		if q.Start.IsZero() || r.Start.Before(q.Start) {
			q.Start = r.Start
		}
		if r.End.After(q.End) {
			q.End = r.End
		}
	}
	type sum struct{ total, n float64 }
	sums := map[string]sum{}
	for read := 0; read < maxScores; {
		page, err := s.events.Feedbacks(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page.Feedback {
			f := &page.Feedback[i]
			if score, ok := f.Score.Get(); ok && f.CallID != "" {
				sums[f.CallID] = sum{sums[f.CallID].total + score, sums[f.CallID].n + 1}
			}
		}
		read += scoresPage
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			break
		}
	}
	out := make(map[string]float64, len(sums))
	for id, s := range sums {
		out[id] = s.total / s.n
	}
	return out, nil
}

// explainAlerts says why alerts of one name fire, for their notification.
func (s *Server) explainAlerts(ctx context.Context, alerts []manager.Alert) map[string]string {
	req, ok := s.alertRequest(alerts, time.Now())
	if !ok {
		return nil // not alerts about Calls
	}
	e, err := s.explain(ctx, req)
	if err != nil {
		s.component("explain").Warn("an alert goes out without an explanation", "alertname", alerts[0].Labels["alertname"], "err", err)
		return nil
	}
	return e.Annotations(explain.Links{Base: s.externalURL()})
}

// alertRequest is the question that alerts of one name ask: about the first of
// them, and what they have in common.
func (s *Server) alertRequest(alerts []manager.Alert, now time.Time) (explain.Request, bool) {
	first := alerts[0]
	for _, a := range alerts[1:] {
		if a.StartsAt.Before(first.StartsAt) {
			first = a
		}
	}
	labels := maps.Clone(first.Labels)
	for _, a := range alerts {
		maps.DeleteFunc(labels, func(k, v string) bool { return a.Labels[k] != v })
	}
	annotations, ok := s.measured(&first)
	if !ok {
		return explain.Request{}, false
	}
	req, err := explain.FromAlert(labels, annotations, first.Expr, first.StartsAt, now)
	req.Location = time.Local // as the other times of a notification
	return req, err == nil
}

// measured are the annotations of an alert with the metric of what it measures
// where its own expression does not tell: an objective of one's own PromQL is
// compared by recorded series, like all others. False where that is not about Calls.
func (s *Server) measured(a *manager.Alert) (map[string]string, bool) {
	if a.Labels["alertname"] != slo.AlertName || a.Annotations[explain.MetricAnnotation] != "" {
		return a.Annotations, true
	}
	for _, o := range s.slos.Load().SLOs() {
		if o.Name != a.Labels["slo"] || o.SLI.PromQL() == "" {
			continue
		}
		metric, ok := explain.ExprMetric(o.SLI.PromQL())
		if !ok {
			return nil, false
		}
		annotations := maps.Clone(a.Annotations)
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[explain.MetricAnnotation] = string(metric)
		return annotations, true
	}
	return a.Annotations, true
}
