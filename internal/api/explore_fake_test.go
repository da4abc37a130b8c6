package api

import (
	"context"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// failExplore makes the methods behind the explorers fail.
func (f *fakeEvents) failExplore(err error) {
	f.traceList = func(context.Context, events.TraceListQuery) (events.TracePage, error) { return events.TracePage{}, err }
	f.sessions = func(context.Context, events.SessionQuery) (events.SessionPage, error) {
		return events.SessionPage{}, err
	}
	f.conversation = func(context.Context, events.ConversationQuery) (*events.Conversation, error) { return nil, err }
	f.sample = func(context.Context, events.SampleQuery) (*events.Sample, error) { return nil, err }
	f.compare = func(context.Context, events.CompareQuery) (*events.Comparison, error) { return nil, err }
}

// fullExplore makes the methods behind the explorers answer with all that they
// can say.
func (f *fakeEvents) fullExplore() {
	f.traceList = func(_ context.Context, q events.TraceListQuery) (events.TracePage, error) {
		page := events.TracePage{Traces: []events.TraceRecords{{ID: traceID, Records: fullTrace(), Partial: true}}}
		if q.Cursor == "" {
			page.NextCursor = "next"
		}
		return page, nil
	}
	f.sessions = func(context.Context, events.SessionQuery) (events.SessionPage, error) {
		return events.SessionPage{Sessions: []events.SessionStat{fullSession()}, NextCursor: "next"}, nil
	}
	f.conversation = func(context.Context, events.ConversationQuery) (*events.Conversation, error) {
		return &events.Conversation{Session: fullSession(), Turns: []events.Turn{*fullTurn()}, NextCursor: "next"}, nil
	}
	f.sample = func(_ context.Context, q events.SampleQuery) (*events.Sample, error) {
		return fullSample(q), nil
	}
	f.compare = func(_ context.Context, q events.CompareQuery) (*events.Comparison, error) {
		return fullComparison(q), nil
	}
}

func fullQuantiles() *events.SeriesQuantiles {
	some, none := []llm.Opt[float64]{llm.Some(1.5)}, []llm.Opt[float64]{{}}
	return &events.SeriesQuantiles{P50: some, P95: some, P99: none}
}

func fullSession() events.SessionStat {
	return events.SessionStat{
		Session: "s1", Users: []string{"u1"}, Services: []string{"chat"}, Models: []string{"gpt-4o"}, First: now.Add(-1), Last: now, DurationSeconds: 1e-9,
		Calls: 3, Traces: 2, Errors: 1, InputTokens: 120, OutputTokens: 34, CostUSD: 0.5, UnpricedCalls: 1, Score: &events.Score{Mean: 0.5, Count: 2},
	}
}

func fullTurn() *events.Turn {
	return &events.Turn{Call: fullCall(), NewFrom: 2, InputMessages: 4, Continues: callID, Feedback: []events.Feedback{*fullFeedback()}}
}

func fullSample(q events.SampleQuery) *events.Sample {
	known, unknown := llm.Some(0.5), llm.Opt[float64]{}
	one, none := events.Coded{Values: []string{"a"}, Index: []int{0, -1}}, events.Coded{Values: []string{}, Index: []int{-1, -1}}
	s := &events.Sample{
		Start: q.Start, End: q.End, Total: 10, Count: 2, Share: 0.2,
		Columns: events.SampleColumns{
			ID: []string{callID, callID}, TimeMS: []int64{now.UnixMilli(), now.UnixMilli()}, Duration: []float64{1, 2},
			TTFT: []llm.Opt[float64]{known, unknown}, TPOT: []llm.Opt[float64]{known, unknown}, TokensPerSecond: []llm.Opt[float64]{known, unknown},
			InputTokens: []llm.Opt[int64]{llm.Some[int64](1), {}}, OutputTokens: []llm.Opt[int64]{llm.Some[int64](1), {}},
			CostUSD: []llm.Opt[float64]{unknown, known}, Status: one, Model: one, Provider: one, Service: one, ErrorType: none, TraceID: []string{traceID, ""},
		},
	}
	if q.By != "" {
		s.Columns.By = &one
	}
	return s
}

func fullQuality() *events.ComparedQuality {
	return &events.ComparedQuality{Interval: fullInterval(), Count: 7}
}

func fullInterval() events.Interval {
	return events.Interval{Value: 0.5, Low: llm.Some(0.25), High: llm.Some(0.75)}
}

func fullComparison(q events.CompareQuery) *events.Comparison {
	i := fullInterval()
	d := &events.ComparedDuration{Count: 3, Avg: 1, P50: i, P90: i, P95: i, P99: events.Interval{Value: 2}, Counts: []int64{1, 2}}
	g := events.ComparedGroup{
		Values: map[string]string{"model": "gpt-4o"}, IsBaseline: true, Calls: 3, Errors: 1, EffectiveCalls: 2.5, ErrorRate: i, Latency: d, TTFT: d, TPOT: d,
		TokensPerSecond: llm.Some(50.0), InputTokens: 1, OutputTokens: 2, InputTokensPerCall: 0.5, OutputTokensPerCall: 1, CostUSD: 1, UnpricedCalls: 1,
		CostPerCall: &i, CostPer1kOutputToken: llm.Some(0.01), Quality: fullQuality(),
		Versus: []events.Versus{
			{Measure: "error_rate", Verdict: events.VerdictBetter, Difference: llm.Some(-0.5), Relative: llm.Some(-0.1), PValue: llm.Some(0.01), PAdjusted: llm.Some(0.02)},
			{Measure: "quality", Verdict: events.VerdictTooFew},
		},
	}
	edges := []float64{1, 1.136, 1.292}
	return &events.Comparison{
		Start: q.Start, End: q.End, By: q.By, Baseline: g.Values, Confidence: 0.95, Comparisons: 1, OmittedGroups: 2, QualityWithout: []string{"refusal"},
		Bounds: events.ComparedBounds{Latency: edges, TTFT: edges, TPOT: []float64{}}, Groups: []events.ComparedGroup{g, {Values: map[string]string{"model": ""}}},
	}
}
