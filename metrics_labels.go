package pitot

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/pitot-dev/pitot/internal/llm"
)

// otherValue stands for every value past the limit of a label.
const otherValue = "__other__"

// The limits of labels. Together they keep every family below the 2000 series
// at which OpenTelemetry's SDK drops all labels at once.
const (
	maxProviders  = 50
	maxModels     = 200
	maxMethods    = 50
	maxErrorTypes = 100
	maxLabelSets  = 300  // of provider, model, method; and response model
	maxErrorSets  = 1500 // label sets with an error type
	maxEvaluators = 30
	maxJudgements = 50
	maxStepNames  = 200
	maxStepSets   = 1000
)

// unknownErrorType is the convention's type of an error that has none.
const unknownErrorType = "_OTHER"

// cow is a map that is read without a lock and copied when it grows.
type cow[K comparable, V any] struct {
	mu sync.Mutex // of writers
	m  atomic.Pointer[map[K]V]
}

func (c *cow[K, V]) get(k K) (v V, ok bool) {
	if m := c.m.Load(); m != nil {
		v, ok = (*m)[k]
	}
	return v, ok
}

// all is the map as it is, not to be changed.
func (c *cow[K, V]) all() map[K]V {
	if m := c.m.Load(); m != nil {
		return *m
	}
	return nil
}

// add stores what build returns unless k is there or the map has limit
// entries. It reports whether k is there now.
func (c *cow[K, V]) add(k K, limit int, build func() V) (v V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok = c.get(k); ok {
		return v, true
	}
	old := c.m.Load()
	next := map[K]V{}
	if old != nil {
		if len(*old) >= limit {
			return v, false
		}
		next = maps.Clone(*old)
	}
	v = build()
	next[k] = v
	c.m.Store(&next)
	return v, true
}

// limiter admits the first values of a label.
type limiter struct {
	limit int
	seen  cow[string, string]
}

// admit returns v, or otherValue past the limit. What it returns is a string
// of its own: a Call's may be a piece of a large body.
func (l *limiter) admit(v string) string {
	if v == "" || v == otherValue {
		return v
	}
	if s, ok := l.seen.get(v); ok {
		return s
	}
	if s, ok := l.seen.add(strings.Clone(v), l.limit, func() string { return strings.Clone(v) }); ok {
		return s
	}
	return otherValue
}

// callKey identifies the labels of a call.
type callKey struct {
	provider, model, method, response string
}

// callLabels are the label sets of one callKey, built once.
type callLabels struct {
	llm   *llmLabels
	genAI *genAILabels
}

// adds and records are options with one label set; as slices, so that a
// measurement allocates nothing.
type (
	adds     []metric.AddOption
	records  []metric.RecordOption
	observes []metric.ObserveOption
)

// llmLabels are those of the llm_* families.
type llmLabels struct {
	attrs      []attribute.KeyValue
	record     records
	active     intCell
	ok, failed intCell
	streams    [streamStates]intCell
	tokens     [tokenTypes]intCell
	cost       [costStates]floatCell
	errors     cow[string, *intCell]
	unpriced   cow[string, *intCell]
	gaps       *gapHistogram // guarded by gapHistograms
}

type evaluationLabels struct {
	add    adds    // with the label
	record records // without
}

// genAILabels are those of the gen_ai_* families.
type genAILabels struct {
	attrs         []attribute.KeyValue
	record        records
	input, output records
	modality      [modalities]adds
	errors        cow[string, records]
	gaps          *gapHistogram // guarded by gapHistograms
}

// The kinds of tokens in the label type.
const (
	tokenInput = iota
	tokenOutput
	tokenCacheRead
	tokenCacheWrite
	tokenReasoning
	tokenTypes
)

// The outcomes of a stream in the label status.
const (
	streamOK = iota
	streamFailed
	streamCut // it ended without its last event and without an error
	streamLeft
	streamStates
)

// The states of a cost in the label state.
const (
	costReported = iota
	costComputed
	costEstimated
	costStates
)

// The modalities of tokens in the newer convention.
const (
	modalityText = iota
	modalityImage
	modalityAudio
	modalityUnknown
	modalities
)

// labelCache gives calls their label sets and bounds them.
type labelCache struct {
	calls       cow[callKey, *callLabels]
	llm         cow[callKey, *llmLabels] // response is empty
	errorSets   atomic.Int64
	evaluations cow[[2]string, evaluationLabels]

	providers, models, methods, responses, errorTypes limiter
	evaluators, judgements, reasons                   limiter
}

func newLabelCache() *labelCache {
	return &labelCache{
		providers: limiter{limit: maxProviders}, models: limiter{limit: maxModels}, methods: limiter{limit: maxMethods},
		responses: limiter{limit: maxModels}, errorTypes: limiter{limit: maxErrorTypes},
		evaluators: limiter{limit: maxEvaluators}, judgements: limiter{limit: maxJudgements}, reasons: limiter{limit: 10},
	}
}

// of returns the label sets of a call.
func (l *labelCache) of(c *llm.Call) *callLabels {
	return l.at(callKey{c.Provider, c.Model(), string(c.Operation), c.ResponseModel})
}

func (l *labelCache) at(k callKey) *callLabels {
	if v, ok := l.calls.get(k); ok {
		return v
	}
	k = callKey{l.providers.admit(k.provider), l.models.admit(k.model), l.methods.admit(k.method), l.responses.admit(k.response)}
	if v, ok := l.calls.get(k); ok {
		return v
	}
	if v, ok := l.calls.add(k, maxLabelSets, func() *callLabels { return l.build(k) }); ok {
		return v
	}
	// The limit of combinations: only the operation still tells calls apart, and
	// of these there are few.
	k.provider, k.model, k.response = otherValue, otherValue, otherValue
	v, _ := l.calls.add(k, maxLabelSets+maxMethods+2, func() *callLabels { return l.build(k) })
	return v
}

func (l *labelCache) build(k callKey) *callLabels {
	key := k
	key.response = ""
	v, _ := l.llm.add(key, maxLabelSets+maxMethods+2, func() *llmLabels { return newLLMLabels(key) })
	return &callLabels{llm: v, genAI: newGenAILabels(k)}
}

// pairs leaves empty values out: an empty label is none in Prometheus.
func pairs(kv ...string) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(kv)/2)
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			out = append(out, attribute.String(kv[i], kv[i+1]))
		}
	}
	return out
}

func option(base []attribute.KeyValue, kv ...string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(slices.Concat(base, pairs(kv...))...))
}

func newLLMLabels(k callKey) *llmLabels {
	base := pairs("provider", k.provider, "model", k.model, "method", k.method)
	l := &llmLabels{
		attrs: base, record: records{option(base)},
		active: intCell{labels: observes{option(base)}},
		ok:     intCell{labels: observes{option(base, "status", "success")}}, failed: intCell{labels: observes{option(base, "status", "error")}},
	}
	for i, s := range [streamStates]string{"success", "error", "cut", "client_gone"} {
		l.streams[i].labels = observes{option(base, "status", s)}
	}
	for i, t := range [tokenTypes]string{"input", "output", "cache_read", "cache_write", "reasoning"} {
		l.tokens[i].labels = observes{option(base, "type", t)}
	}
	for i, s := range [costStates]llm.CostState{llm.CostReported, llm.CostComputed, llm.CostEstimated} {
		l.cost[i].labels = observes{option(base, "state", string(s))}
	}
	return l
}

func newGenAILabels(k callKey) *genAILabels {
	base := pairs("gen_ai.operation.name", k.method, "gen_ai.provider.name", k.provider, "gen_ai.request.model", k.model, "gen_ai.response.model", k.response)
	g := &genAILabels{
		attrs: base, record: records{option(base)},
		input: records{option(base, "gen_ai.token.type", "input")}, output: records{option(base, "gen_ai.token.type", "output")},
	}
	for i, m := range [modalities]string{"text", "image", "audio", "unknown"} {
		g.modality[i] = adds{option(base, "gen_ai.token.modality", m)}
	}
	return g
}

// errored are the labels of a failed call.
func (l *labelCache) errored(v *callLabels, errType string) (*intCell, records) {
	if errType == "" {
		errType = unknownErrorType
	}
	a, ok := v.llm.errors.get(errType)
	r, there := v.genAI.errors.get(errType)
	if ok && there {
		return a, r
	}
	t := l.errorTypes.admit(errType)
	if l.errorSets.Load() >= maxErrorSets {
		t = otherValue
	}
	a, _ = v.llm.errors.add(t, maxErrorTypes+2, func() *intCell {
		l.errorSets.Add(1)
		return &intCell{labels: observes{option(v.llm.attrs, "error_type", t)}}
	})
	r, _ = v.genAI.errors.add(t, maxErrorTypes+2, func() records { return records{option(v.genAI.attrs, "error.type", t)} })
	return a, r
}

func (l *labelCache) unpriced(v *llmLabels, reason string) *intCell {
	if a, ok := v.unpriced.get(reason); ok {
		return a
	}
	reason = l.reasons.admit(reason)
	a, _ := v.unpriced.add(reason, 12, func() *intCell { return &intCell{labels: observes{option(v.attrs, "reason", reason)}} })
	return a
}

// evaluated are the labels of a judgement.
func (l *labelCache) evaluated(evaluator, label string) evaluationLabels {
	k := [2]string{evaluator, label}
	if e, ok := l.evaluations.get(k); ok {
		return e
	}
	k = [2]string{l.evaluators.admit(evaluator), l.judgements.admit(label)}
	e, _ := l.evaluations.add(k, (maxEvaluators+1)*(maxJudgements+2), func() evaluationLabels {
		return evaluationLabels{
			add:    adds{option(nil, "evaluator", k[0], "label", k[1])},
			record: records{option(nil, "evaluator", k[0])},
		}
	})
	return e
}
