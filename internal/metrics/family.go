package metrics

import (
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// Type is the type of a metric family.
type Type string

// The types of a Family.
const (
	TypeCounter   Type = "counter"
	TypeGauge     Type = "gauge"
	TypeHistogram Type = "histogram"
)

// Family describes one metric family of the catalogue.
type Family struct {
	Name string
	Type Type
	Unit string
	Help string
	// Labels are the family's labels, the shared ones first.
	Labels []string
	// Buckets are the upper bounds of a histogram without +Inf.
	Buckets []float64
	// Native says that the histogram is also kept as a native histogram, with
	// exemplars, under the same name.
	Native bool
	// AliasOf is the family that this older name repeats.
	AliasOf string
	// StoreOnly keeps the family off /metrics: its name would clash there with
	// the suffix rules of OpenMetrics. It answers in PromQL.
	StoreOnly bool
}

// familyID indexes the families that are filled from observations.
type familyID int

// The families in the order of the reference. Aliases are not among them.
const (
	famRequests familyID = iota
	famErrors
	famStreams
	famActive
	famDuration
	famTTFT
	famTPOT
	famITL
	famTokensPerSecond
	famGenerationRate
	famTokens
	famCost
	famCostPerRequest
	famUnpriced
	famQuality
	famFeedback
	famGenAITokenUsage
	famGenAIDuration
	famGenAITimeToFirstChunk
	famGenAITimePerOutputChunk
	familyCount
)

// The shared labels of the llm_* families. The OpenTelemetry ones follow the
// convention's attribute names.
const (
	labelService  = "service"
	labelProvider = "provider"
	labelModel    = "model"
	labelMethod   = "method"

	labelErrorType = "error_type"
	labelEvaluator = "evaluator"
	labelFeedback  = "label"

	labelGenAIService       = "service_name"
	labelGenAIOperation     = "gen_ai_operation_name"
	labelGenAIProvider      = "gen_ai_provider_name"
	labelGenAIRequestModel  = "gen_ai_request_model"
	labelGenAIResponseModel = "gen_ai_response_model"
	labelGenAITokenType     = "gen_ai_token_type"
)

// The values of the label `status`.
const (
	statusSuccess = "success"
	statusError   = "error"
	// Of streams only: they broke off, or their client left.
	statusCut        = "cut"
	statusClientGone = "client_gone"
)

// The values of the label `type` of tokens. Only input and output add up: the
// others are parts of these two.
const (
	tokenInput      = "input"
	tokenOutput     = "output"
	tokenCacheRead  = "cache_read"
	tokenCacheWrite = "cache_write"
	tokenReasoning  = "reasoning"
)

// callLabels returns the shared labels of the llm_* families and then extra.
func callLabels(extra ...string) []string {
	return slices.Concat([]string{labelService, labelProvider, labelModel, labelMethod}, extra)
}

// genAILabels returns the shared labels of the gen_ai_* families and then extra.
func genAILabels(extra ...string) []string {
	return slices.Concat([]string{
		labelGenAIService, labelGenAIOperation, labelGenAIProvider,
		labelGenAIRequestModel, labelGenAIResponseModel,
	}, extra)
}

// families is the table that everything is made from.
func families() [familyCount]Family {
	var t [familyCount]Family
	addCallFamilies(&t)
	addGenAIFamilies(&t)
	return t
}

// Families returns the table of all families, aliases last.
func Families() []Family {
	t := families()
	out := slices.Clone(t[:])
	for _, a := range aliases() {
		src := t[a.of]
		f := Family{
			Name: a.name, Type: src.Type, Unit: src.Unit, Buckets: src.Buckets, Native: src.Native,
			AliasOf: src.Name, StoreOnly: a.storeOnly,
			Help:   "Older name of " + a.reference + ".",
			Labels: a.labels,
		}
		out = append(out, f)
	}
	return out
}

// dtoType is the exposition's type of a family.
func (f *Family) dtoType() *dto.MetricType {
	switch f.Type {
	case TypeGauge:
		return dto.MetricType_GAUGE.Enum()
	case TypeHistogram:
		return dto.MetricType_HISTOGRAM.Enum()
	default:
		return dto.MetricType_COUNTER.Enum()
	}
}
