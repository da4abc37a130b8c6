package dashboard

import (
	"fmt"
	"strings"
)

// The matchers of the families by their labels. All of a variable is ".*", which
// also matches where the label is not there.
const (
	callMatch   = `service=~"$service", provider=~"$provider", model=~"$model"`
	serverMatch = `server=~"$server", model=~"$model"`
	gpuMatch    = `gpu_id=~"$gpu_id"`
	pitotMatch  = `job="pitot", instance=~"$instance"`
	sloMatch    = `slo=~"$slo", service=~"$service", provider=~"$provider", model=~"$model"`
	cliMatch    = `product=~"$product"`
)

// with adds matchers to a name.
func with(name, match string, more ...string) string {
	return name + "{" + strings.Join(append([]string{match}, more...), ", ") + "}"
}

func calls(name string, more ...string) string { return with(name, callMatch, more...) }
func server(name string) string                { return with(name, serverMatch) }
func gpu(name string) string                   { return with(name, gpuMatch) }
func own(name string) string                   { return with(name, pitotMatch) }
func sloSeries(name string) string             { return with(name, sloMatch) }
func cli(name string, more ...string) string   { return with(name, cliMatch, more...) }

func rate(series string) string { return "rate(" + series + "[$__rate_interval])" }

// total is what a counter grew by in the range that is shown.
func total(series string) string { return "increase(" + series + "[$__range])" }

func sum(by, expr string) string { return aggregate("sum", by, expr) }

func aggregate(op, by, expr string) string {
	if by == "" {
		return fmt.Sprintf("%s(%s)", op, expr)
	}
	return fmt.Sprintf("%s by (%s) (%s)", op, by, expr)
}

// over divides two expressions of equal labels where the second is not 0.
func over(a, b string) string { return fmt.Sprintf("%s / (%s > 0)", a, b) }

// native is a quantile of a native histogram: exact to a few percent.
func native(q, by, series string) string {
	return fmt.Sprintf("histogram_quantile(%s, %s)", q, sum(by, rate(series)))
}

// classic is a quantile of classic buckets; series is named without _bucket.
func classic(q, by, name, match string) string {
	if by != "" {
		by += ", "
	}
	return fmt.Sprintf("histogram_quantile(%s, %s)", q, sum(by+"le", rate(with(name+"_bucket", match))))
}

// mean is the mean of a histogram's observations.
func mean(by, name, match string) string {
	return over(sum(by, rate(with(name+"_sum", match))), sum(by, rate(with(name+"_count", match))))
}

// errorRatio is 0, and not absent, where there are calls and no errors.
func errorRatio(by string, grown func(string) string) string {
	all := sum(by, grown(calls("llm_requests_total")))
	errs := sum(by, grown(calls("llm_requests_total", `status="error"`)))
	return fmt.Sprintf("(%s or 0 * %s) / (%s > 0)", errs, all, all)
}

// tokens are those that add up: others are parts of these two.
func tokens() string { return calls("llm_tokens_total", `type=~"input|output"`) }

// plain is a legend that is the same in all languages.
func plain(s string) Text { return Text{s, s} }

func target(legend Text, expr string) Target { return Target{Expr: expr, Legend: legend} }

func instant(legend Text, expr string) Target {
	return Target{Expr: expr, Legend: legend, Instant: true}
}

func column(legend Text, unit Unit, expr string) Target {
	return Target{Expr: expr, Legend: legend, Instant: true, Unit: unit}
}

// quantiles are targets of several quantiles of a native histogram of Calls,
// with exemplars.
func quantiles(name string, qs ...string) []Target {
	out := make([]Target, len(qs))
	for i, q := range qs {
		out[i] = Target{Expr: native(q, "", calls(name)), Legend: plain("p" + strings.TrimPrefix(q, "0.")), Exemplars: true}
	}
	return out
}

// panel is a panel with its targets lettered.
func panel(p Panel, targets ...Target) Panel {
	for i := range targets {
		targets[i].Ref = string(rune('A' + i))
	}
	p.Targets = targets
	if p.Height == 0 {
		p.Height = 8
		if p.Kind == Stat {
			p.Height = 4
		}
	}
	if p.Base == "" && len(p.Thresholds) > 0 {
		p.Base = OK
	}
	return p
}

// levels are thresholds of a value that is worse the larger it is.
func levels(warning, critical float64) []Threshold {
	return []Threshold{{warning, Warning}, {critical, Critical}}
}
