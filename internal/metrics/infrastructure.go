package metrics

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
)

// InfrastructurePrices are what machines cost, for llm_cost_per_million_tokens.
type InfrastructurePrices struct {
	CPUCoreHour float64      `yaml:"cpu_core_hour_usd" doc:"Price of a CPU core for an hour in US dollars."`
	GPUHour     float64      `yaml:"gpu_hour_usd" doc:"Price of a GPU for an hour in US dollars."`
	Pods        string       `yaml:"pods" doc:"Regular expression of the Kubernetes pods whose CPU and GPU are counted. Without Kubernetes: all GPUs that Pitot sees. Not used where models are named."`
	Models      []SelfHosted `yaml:"models,omitempty" doc:"The models of one's own and the machines that serve each: their cost is then told by model, split into prefill, decode and idle."`
}

// SelfHosted is a model of one's own with the machines that serve it.
type SelfHosted struct {
	Model       string            `yaml:"model" doc:"Name of the model: the label model of its server's metrics."`
	GPUs        map[string]string `yaml:"gpus,omitempty" doc:"Labels of its GPUs, as regular expressions: pod, host, uuid, gpu_id, name, ... Empty: all GPUs that Pitot sees."`
	CPUs        map[string]string `yaml:"cpus,omitempty" doc:"Labels of its containers, as regular expressions: pod, namespace, container, ... Empty: CPU is not counted."`
	GPUHour     *float64          `yaml:"gpu_hour_usd,omitempty" doc:"Price of one of its GPUs for an hour. Default: the section's."`
	CPUCoreHour *float64          `yaml:"cpu_core_hour_usd,omitempty" doc:"Price of one of its CPU cores for an hour. Default: the section's."`
}

// DefaultInfrastructurePrices returns the prices where the user set nothing.
func DefaultInfrastructurePrices() InfrastructurePrices {
	return InfrastructurePrices{CPUCoreHour: 0.05, GPUHour: 2.5, Pods: "llm.*"}
}

// isZero says that nobody set anything, not even the defaults.
func (p InfrastructurePrices) isZero() bool {
	return p.CPUCoreHour == 0 && p.GPUHour == 0 && p.Pods == "" && len(p.Models) == 0
}

// Validate reports what is wrong with the prices.
func (p InfrastructurePrices) Validate() error {
	var errs []error
	if !(p.CPUCoreHour >= 0) || !(p.GPUHour >= 0) { // also NaN
		errs = append(errs, fmt.Errorf("prices of infrastructure must not be negative: %v and %v", p.CPUCoreHour, p.GPUHour))
	}
	var names []string
	for i, m := range p.Models {
		path := fmt.Sprintf("models[%d]", i)
		switch {
		case m.Model == "":
			errs = append(errs, fmt.Errorf("%s.model: name the model, as the label model of its server's metrics has it", path))
		case slices.Contains(names, m.Model):
			errs = append(errs, fmt.Errorf("%s.model: %q is there twice: write its machines as one regular expression", path, m.Model))
		}
		names = append(names, m.Model)
		for _, price := range []*float64{m.GPUHour, m.CPUCoreHour} {
			if price != nil && !(*price >= 0) {
				errs = append(errs, fmt.Errorf("%s: %v: prices must not be negative", path, *price))
			}
		}
		for field, labels := range map[string]map[string]string{"gpus": m.GPUs, "cpus": m.CPUs} {
			for name := range labels {
				if !model.LegacyValidation.IsValidLabelName(name) {
					errs = append(errs, fmt.Errorf("%s.%s: %q is no label name", path, field, name))
				}
			}
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	for _, r := range p.rules() {
		if err := CheckExpr(r.Expr); err != nil {
			return fmt.Errorf("labels of machines: %w", err)
		}
	}
	return nil
}

const costRecord = "llm_cost_per_million_tokens"

// rules is the cost of machines over tokens, both per hour. It is absent where
// no machine or no token is seen.
func (p InfrastructurePrices) rules() []ruleEntry {
	if len(p.Models) > 0 {
		var out []ruleEntry
		for _, m := range p.Models {
			out = append(out, m.rules(p)...)
		}
		return out
	}
	pods := fmt.Sprintf("{pod=~%q}", p.Pods)
	cpu := fmt.Sprintf("sum(rate(container_cpu_usage_seconds_total%s[1h])) * %s", pods, dollars(p.CPUCoreHour))
	// Where Kubernetes does not say which GPUs are meant, all are.
	gpu := fmt.Sprintf("(sum(gpu_duty_cycle%s) or sum(llm_gpu_utilization_percent%s) or sum(llm_gpu_utilization_percent)) / 100 * %s", pods, pods, dollars(p.GPUHour))
	hour := fmt.Sprintf("((%s) + (%s)) or (%s) or (%s)", cpu, gpu, cpu, gpu)
	tokens := `(sum(rate(llm_tokens_total{type=~"input|output"}[1h])) * 3600 / 1e6 > 0)`
	return []ruleEntry{{Record: costRecord, Expr: fmt.Sprintf("(%s) / %s", hour, tokens)}}
}

// rules are the cost of one model by phase. A GPU costs whether it works or not:
// what it does not work is idle. What it works is split by the time that requests
// spend in prefill and in decode, where the server tells that; else it is busy.
func (m SelfHosted) rules(p InfrastructurePrices) []ruleEntry {
	gpuHour, coreHour := p.GPUHour, p.CPUCoreHour
	if m.GPUHour != nil {
		gpuHour = *m.GPUHour
	}
	if m.CPUCoreHour != nil {
		coreHour = *m.CPUCoreHour
	}
	served := fmt.Sprintf("{model=%q}", m.Model)
	gpus := selector(m.GPUs)
	series := fmt.Sprintf("(llm_gpu_utilization_percent%s or gpu_duty_cycle%s)", gpus, gpus)
	gpu := fmt.Sprintf("(count(%s) * %s)", series, dollars(gpuHour))
	work := fmt.Sprintf("clamp_max(avg(avg_over_time(llm_gpu_utilization_percent%s[1h]) or avg_over_time(gpu_duty_cycle%s[1h])) / 100, 1)", gpus, gpus)
	busy := fmt.Sprintf("(%s * %s)", gpu, work)
	if len(m.CPUs) > 0 {
		cpu := fmt.Sprintf("(sum(rate(container_cpu_usage_seconds_total%s[1h])) * %s)", selector(m.CPUs), dollars(coreHour))
		busy = fmt.Sprintf("((%s + %s) or %s or %s)", busy, cpu, busy, cpu)
	}
	tokens := fmt.Sprintf(`(((sum(rate(%s%s[1h])) + sum(rate(%s%s[1h]))) or sum(rate(llm_tokens_total{model=%q,type=~"input|output"}[1h]))) * 3600 / 1e6 > 0)`,
		srvPromptTokens, served, srvOutputTokens, served, m.Model)
	sum := func(v vocabulary) string { return fmt.Sprintf("sum(rate(%s_sum%s[1h]))", v, served) }
	share := fmt.Sprintf("(%s / (%s + %s > 0))", sum(srvPrefill), sum(srvPrefill), sum(srvDecode))
	entry := func(phase, expr string) ruleEntry {
		return ruleEntry{Record: costRecord, Expr: expr, Labels: map[string]string{"model": m.Model, "phase": phase}}
	}
	return []ruleEntry{
		entry("prefill", fmt.Sprintf("%s * %s / %s", busy, share, tokens)),
		entry("decode", fmt.Sprintf("%s * (1 - %s) / %s", busy, share, tokens)),
		entry("busy", fmt.Sprintf("(%s / %s) unless %s", busy, tokens, share)),
		entry("idle", fmt.Sprintf("%s * (1 - %s) / %s", gpu, work, tokens)),
	}
}

// selector is label matchers, in the order of their names.
func selector(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, fmt.Sprintf("%s=~%q", name, labels[name]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func dollars(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
