package metrics

import (
	"slices"

	dto "github.com/prometheus/client_model/go"
)

// alias is an older name under which a family answers too.
//
// Aliases are made when the families are gathered and not by recording rules:
// so they are exact and have the same timestamps as their source, they answer
// from the first scrape, and an outside Prometheus that scrapes /metrics sees
// them as well. They share the source's samples; only the store pays for them.
type alias struct {
	name      string
	of        familyID
	reference string // what the reference says it repeats
	labels    []string
	storeOnly bool
	// keep selects the source's metrics by the value of one label; nil keeps all.
	keep  []string
	label string
	// relabel makes the alias' labels of the source's; nil keeps them.
	relabel func([]*dto.LabelPair) []*dto.LabelPair
}

// aliases lists the older names that dashboards in the field use.
func aliases() []alias {
	inOut := []string{tokenInput, tokenOutput}
	failed := []string{statusError}
	tokens := "llm_tokens_total, input and output only, so that its sum is right"
	errors := `llm_requests_total{status="error"}`
	return []alias{
		{name: "llm_request_latency_seconds", of: famDuration, reference: "llm_request_duration_seconds", labels: callLabels()},
		{name: "llm_operation_duration_seconds", of: famDuration, reference: "llm_request_duration_seconds", labels: callLabels()},
		{name: "llm_tokens_usage_total", of: famTokens, reference: tokens, labels: callLabels("type"), label: "type", keep: inOut},
		{name: "llm_total_tokens_total", of: famTokens, reference: tokens, labels: callLabels("type"), label: "type", keep: inOut},
		{name: "llm_total_tokens", of: famTokens, reference: tokens, labels: callLabels("type"), label: "type", keep: inOut, storeOnly: true},
		// Keeps the label status, so that its ratio to llm_requests_total, which
		// guides write without aggregation, finds partners.
		{name: "llm_operation_errors_total", of: famRequests, reference: errors, labels: callLabels("status"), label: "status", keep: failed},
		{name: "llm_error_count_total", of: famRequests, reference: errors, labels: callLabels("operation"), label: "status", keep: failed, relabel: statusToOperation},
		{name: "llm_error_count", of: famRequests, reference: errors, labels: callLabels("operation"), label: "status", keep: failed, relabel: statusToOperation, storeOnly: true},
	}
}

// statusToOperation drops the label status and repeats method as operation.
func statusToOperation(in []*dto.LabelPair) []*dto.LabelPair {
	out := make([]*dto.LabelPair, 0, len(in))
	for _, p := range in {
		switch p.GetName() {
		case "status":
		case labelMethod:
			op := "operation"
			out = append(out, p, &dto.LabelPair{Name: &op, Value: p.Value})
		default:
			out = append(out, p)
		}
	}
	sortPairs(out)
	return out
}

// apply returns the alias' metrics, made of the source's.
func (a *alias) apply(src []*dto.Metric) []*dto.Metric {
	if a.keep == nil && a.relabel == nil {
		return src
	}
	var out []*dto.Metric
	for _, m := range src {
		if a.keep != nil && !slices.Contains(a.keep, labelValue(m, a.label)) {
			continue
		}
		if a.relabel != nil {
			m = &dto.Metric{Label: a.relabel(m.Label), Counter: m.Counter, Gauge: m.Gauge, Histogram: m.Histogram}
		}
		out = append(out, m)
	}
	return out
}

func labelValue(m *dto.Metric, name string) string {
	for _, p := range m.Label {
		if p.GetName() == name {
			return p.GetValue()
		}
	}
	return ""
}
