package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/forward"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/quality"
	"github.com/pitot-dev/pitot/internal/semconv"
)

// kindFeedback is a kind of record that no destination takes.
const kindFeedback forward.Kind = "feedback"

// buildQuality builds what takes feedback in and what judges answers. The
// pipeline and the masks are there when they are used.
func (s *Server) buildQuality() (err error) {
	s.judgements, err = events.NewJudgements(events.JudgementOptions{
		Store: s.events, Submit: func(ctx context.Context, recs []llm.Record) error { return s.pipeline.Submit(ctx, recs) },
		Counted: s.judged, Logger: s.component("feedback"), Registerer: s.metrics.Registerer(),
	})
	if err != nil {
		return err
	}
	s.quality, err = quality.New(quality.Options{
		Config: s.config.Quality, Sink: qualitySink{s}, Gateway: s.gatewayURL(), Upstreams: s.judgeUpstream,
		Mask: func(text string) string { return s.masks.policy.Load().Text(text) }, StateFile: filepath.Join(s.opts.DataDir, "judges.json"),
		Logger: s.component("quality"), Registerer: s.metrics.Registerer(),
	})
	return err
}

// reloadQuality takes over a new section. Who may send feedback is read with
// each request.
func (s *Server) reloadQuality(c *config.Config) error { return s.quality.Reload(c.Quality) }

// runQuality works until ctx ends.
func (s *Server) runQuality(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.judgements.Run(ctx) })
	wg.Go(func() { s.quality.Run(ctx) })
	wg.Wait()
}

// evaluators is how what judges answers fares.
func (s *Server) evaluators() api.EvaluatorsReport {
	r := s.quality.Report()
	out := api.EvaluatorsReport{
		Share: r.Share, Sampled: r.Sampled, Stored: r.Store, Waiting: r.Waiting, Dropped: r.Dropped, SpentTodayUSD: r.SpentTodayUSD, CapUSD: r.CapUSD,
	}
	for _, x := range r.Rules {
		out.Rules = append(out.Rules, api.RuleEvaluator(x))
	}
	for i := range r.Judges {
		j := &r.Judges[i]
		out.Judges = append(out.Judges, api.JudgeEvaluation{
			Name: j.Name, Upstream: j.Upstream, Model: j.Model, Rubric: j.Rubric, Share: j.Share, State: j.State, Detail: j.Detail, Last: j.Last,
			LastError: j.LastError, LastErrorAt: j.LastErrorAt, Sampled: j.Sampled, Judged: j.Judged, Failed: j.Failed, Waiting: j.Waiting,
			SpentTodayUSD: j.SpentTodayUSD, CapUSD: j.CapUSD, Unpriced: j.Unpriced, Runs: j.Counts,
		})
	}
	return out
}

// judgeUpstream finds an upstream of the gateway, as it is now.
func (s *Server) judgeUpstream(name string) (dialect string, ok bool) {
	for _, u := range s.gateway.Upstreams() {
		if u.Name == name {
			return string(u.Dialect), true
		}
	}
	return "", false
}

// feedbackAccess says who may send feedback from browsers, as it is configured
// now.
func (s *Server) feedbackAccess() api.FeedbackAccess {
	f := s.current().Quality.Feedback
	return api.FeedbackAccess{Origins: f.AllowedOrigins, Keys: f.Keys, PerMinute: f.Limit()}
}

// qualitySink is where the judgements of rules and judges go.
type qualitySink struct{ s *Server }

// Score counts a judgement, under masked labels.
func (q qualitySink) Score(f *llm.Feedback) {
	f.Comment = "" // it goes nowhere
	q.s.masks.policy.Load().Feedback(f)
	q.s.metrics.Catalogue().ObserveFeedback(metrics.Feedback{
		Tenant: f.Tenant, Service: f.Service, Provider: f.Provider, Model: f.Model, Method: string(f.Operation), Evaluator: f.Evaluator, Score: f.Score, ScoreOnly: true,
	})
}

// Keep stores judgements as feedback. Each Call is judged once: no key is
// needed.
func (q qualitySink) Keep(ctx context.Context, fs []*llm.Feedback) error {
	byTenant := map[string][]*events.Judgement{}
	for _, f := range fs {
		byTenant[f.Tenant] = append(byTenant[f.Tenant], &events.Judgement{Feedback: *f, Hasty: true})
	}
	var err error
	for tenant, js := range byTenant {
		err = errors.Join(err, q.s.judgements.Insert(llm.WithTenant(ctx, tenant), js))
	}
	return err
}

// restored learns of the feedback that the journal holds.
func (s *Server) restored(e pipeline.JournalEntry) {
	if e.Kind == pipeline.EntryFeedback {
		s.judgements.Restored(e.Row)
	}
}

// judged counts a judgement that was stored.
func (s *Server) judged(f *events.Feedback) {
	s.metrics.Catalogue().ObserveFeedback(metrics.Feedback{
		Tenant: f.Tenant, Service: f.Service, Provider: f.Provider, Model: f.Model, Method: string(f.Operation),
		Evaluator: f.Evaluator, Label: f.Label, Score: f.Score,
	})
}

// evaluated stores the judgements that came as telemetry. Their records are in
// the journal already: one that cannot be stored is no reason to refuse them.
func (s *Server) evaluated(ctx context.Context, evals []semconv.Evaluation) {
	js := make([]*events.Judgement, 0, len(evals))
	for i := range evals {
		js = append(js, judgementOf(&evals[i]))
	}
	if s.judgements.Insert(ctx, js) == nil {
		return
	}
	// One of them is at fault: the others are not.
	for _, j := range js {
		if err := s.judgements.Insert(ctx, []*events.Judgement{j}); err != nil {
			s.component("otlp").Warn("an evaluation was not stored", "err", err)
		}
	}
}

// sdkDefault is the evaluator that Pitot's SDK names where a program named none:
// what it measured says more.
const sdkDefault = "program"

// judgementOf is an evaluation as feedback. A score on another scale than 0 to 1
// cannot be compared with the others: it is kept beside them.
func judgementOf(e *semconv.Evaluation) *events.Judgement {
	evaluator := e.Evaluator
	if evaluator == sdkDefault {
		evaluator = ""
	}
	j := &events.Judgement{
		Feedback: events.Feedback{
			TraceID: e.TraceID, SpanID: e.SpanID, ResponseID: e.ResponseID, SessionID: e.Session, Name: e.Name,
			Label: e.Label, Comment: e.Explanation, Evaluator: cmp.Or(evaluator, e.Name), User: e.User,
		},
		Key: e.Key, Space: "otlp", At: e.Time, Hasty: true,
	}
	score, ok := e.Score.Get()
	if ok && score >= 0 && score <= 1 {
		j.Score = e.Score
	} else if ok {
		j.Metadata, _ = json.Marshal(map[string]float64{"score": score}) // a number that JSON lacks leaves it out
		if j.Label == "" && j.Comment == "" {
			j.Label = "unscaled"
		}
	}
	if j.Key == "" {
		// A sender that had no answer sends its records again.
		j.Key = strings.Join([]string{
			e.TraceID, e.SpanID, e.ResponseID, e.Session, e.Name, e.Evaluator, e.Label, fmt.Sprint(e.Score.Get()), e.Time.String(),
		}, "\x00")
	}
	return j
}
