package pitot

import (
	"context"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// StepMetrics are the figures of one step of an agent's loop: what the model
// used and how its context was kept small. What is zero was not measured and is
// left out.
type StepMetrics struct {
	Number int    // of the step, from 1; 0: the next one
	Name   string // such as "plan" or "final_answer"
	Type   string // such as "agent_loop" or "verification"

	InputTokens, OutputTokens int64 // as the provider counted them

	EstimatedInput, EstimatedOutput int64 // tokens, as the program estimated them
	UncompressedEstimate            int64 // tokens that the input would have had
	TokenThreshold                  int64 // tokens from which the context is compressed

	CompressionCalls                    int64 // model calls that compressed
	CompressionInput, CompressionOutput int64 // their tokens
	CompressionCacheHits                int64
	CompressionRatio                    float64 // compressed by uncompressed
	CompressionCacheTypes               []string
}

// AgentStep records the figures of a step as the event agent.step.metrics on the
// current span of ctx, and adds them up for the agent around it: at its end the
// span of Agent has agent.steps.count, context.tokens.max_estimated_input and
// context.compression.*. Tokens stand in the event alone, where nothing counts
// them a second time. While the SDK is off, and outside of a span, it does
// nothing.
func AgentStep(ctx context.Context, m StepMetrics) {
	r := active.Load()
	if r == nil || ctx == nil {
		return
	}
	a := associationOf(ctx)
	if a != nil && a.run != nil {
		a.run.add(&m)
	}
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 16)
	for _, f := range [...]struct {
		name  string
		value int64
	}{
		{"agent.step.number", int64(m.Number)},
		{"llm.token_count.prompt", m.InputTokens},
		{"llm.token_count.completion", m.OutputTokens},
		{"llm.token_count.total", m.InputTokens + m.OutputTokens},
		{"context.tokens.estimated_input", m.EstimatedInput},
		{"context.tokens.estimated_output", m.EstimatedOutput},
		{"context.tokens.uncompressed_estimated", m.UncompressedEstimate},
		{"context.token_threshold", m.TokenThreshold},
		{"context.compression.calls", m.CompressionCalls},
		{"context.compression.input_tokens", m.CompressionInput},
		{"context.compression.output_tokens", m.CompressionOutput},
		{"context.compression.cache_hits", m.CompressionCacheHits},
	} {
		if f.value != 0 {
			attrs = append(attrs, attribute.Int64(f.name, f.value))
		}
	}
	if m.CompressionCalls > 0 || m.CompressionCacheHits > 0 {
		attrs = append(attrs, attribute.Bool("context.compression.cache_hit", m.CompressionCacheHits > 0))
	}
	if m.CompressionRatio != 0 {
		attrs = append(attrs, attribute.Float64("context.compression.ratio", m.CompressionRatio))
	}
	if len(m.CompressionCacheTypes) > 0 {
		attrs = append(attrs, attribute.String("context.compression.cache_types", strings.Join(m.CompressionCacheTypes, ",")))
	}
	if m.Name != "" {
		attrs = append(attrs, attribute.String("agent.step.name", clip(m.Name, maxName)))
	}
	if m.Type != "" {
		attrs = append(attrs, attribute.String("agent.step.type", clip(m.Type, maxName)))
	}
	if a != nil && a.agent != "" {
		attrs = append(attrs, attribute.String("agent.name", a.agent))
	}
	span.AddEvent("agent.step.metrics", trace.WithAttributes(r.content.attributeList(attrs)...))
}

// Verification is the outcome of an agent's check of its own answer.
type Verification struct {
	Status         string  // such as "passed", "failed", "unavailable"
	Score          float64 // 0 to 1
	Passed         bool
	FailedCriteria []string // names, not content
}

// AgentVerification records the outcome of a check as the event
// agent.verification.result on the current span of ctx, or
// agent.verification.unavailable where Status is that.
func AgentVerification(ctx context.Context, v Verification) {
	if active.Load() == nil {
		return
	}
	if v.Status == "unavailable" {
		AddEvent(ctx, "agent.verification.unavailable")
		return
	}
	AddEvent(ctx, "agent.verification.result",
		attribute.String("status", v.Status), attribute.Float64("score", v.Score), attribute.Bool("passed", v.Passed),
		attribute.StringSlice("failed_criteria", v.FailedCriteria))
}

// agentRun adds up the steps of one run of an agent.
type agentRun struct {
	mu        sync.Mutex
	steps     int
	maxInput  int64
	ratios    float64
	ratioN    int
	calls     int64
	cacheHits int64
}

// add counts a step and gives it its number where it has none.
func (a *agentRun) add(m *StepMetrics) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.steps++
	if m.Number == 0 {
		m.Number = a.steps
	}
	a.maxInput = max(a.maxInput, m.EstimatedInput)
	if m.CompressionRatio > 0 {
		a.ratios += m.CompressionRatio
		a.ratioN++
	}
	a.calls += m.CompressionCalls
	a.cacheHits += m.CompressionCacheHits
}

// endSteps writes what the steps of an agent came to.
func (w *Work) endSteps() {
	if w.run == nil {
		return
	}
	w.run.mu.Lock()
	defer w.run.mu.Unlock()
	a := w.run
	if a.steps == 0 {
		return
	}
	attrs := []attribute.KeyValue{attribute.Int("agent.steps.count", a.steps)}
	if a.maxInput > 0 {
		attrs = append(attrs, attribute.Int64("context.tokens.max_estimated_input", a.maxInput))
	}
	if a.ratioN > 0 {
		attrs = append(attrs, attribute.Float64("context.compression.avg_ratio", a.ratios/float64(a.ratioN)))
	}
	if a.calls > 0 || a.cacheHits > 0 {
		attrs = append(attrs, attribute.Int64("context.compression.calls.total", a.calls), attribute.Int64("context.compression.cache_hits.total", a.cacheHits))
	}
	w.span.SetAttributes(attrs...)
}
