package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Reference returns docs/metrics.md: the reference of all families, made from
// the table that the code runs on.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	all := Families()
	isGenAI := func(f Family) bool { return strings.HasPrefix(f.Name, "gen_ai_") }
	section := func(title, text string, keep func(Family) bool) {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", title, text)
		for _, f := range all {
			if keep(f) {
				writeFamily(&b, f)
			}
		}
	}
	section("Calls", "Shared labels: "+codeList(callLabels())+", and those that `labels` of the configuration adds. "+
		"`model` is the model that was asked for, so that failed and running Calls are counted under the same name as successful ones; `method` is the operation.",
		func(f Family) bool { return f.AliasOf == "" && !isGenAI(f) })
	section("OpenTelemetry GenAI", "The names, labels and buckets of the semantic convention, as a Prometheus exporter of OpenTelemetry writes them. Shared labels: "+codeList(genAILabels())+".",
		isGenAI)

	b.WriteString("\n## Older names\n\nNames that dashboards and guides in the field use. They are exact copies with the timestamps of their source, not recording rules, and are on `/metrics` too.\n\n" +
		"| name | answers with | labels |\n|---|---|---|\n")
	for _, a := range aliases() {
		name := "`" + a.name + "`"
		if a.storeOnly {
			name += " (PromQL only)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, aliasSource(a), codeList(a.labels))
	}
	writeServerReference(&b)
	b.WriteString(referenceTail)
	for _, d := range ownFamilies() {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", d.name, d.typ, d.help)
	}
	fmt.Fprintf(&b, "| `%s` | counter | %s |\n", overflowName, overflowHelp)
	fmt.Fprintf(&b, "| `%s` | counter | %s |\n", cappedName, cappedHelp)
	fmt.Fprintf(&b, "| `%s` | gauge | %s |\n", lowResolutionName, lowResolutionHelp)
	return b.String()
}

// writeServerReference describes what is made of others' metrics.
func writeServerReference(b *strings.Builder) {
	b.WriteString("\n## Model servers\n\nOne vocabulary for all servers, made every " + builtinInterval + " by shipped recording rules. They match the servers' own names, whichever job scrapes them. " +
		"Labels: `server` (the preset), `model` where the server says it, and those of the target. See [model-servers.md](model-servers.md).\n\n| name | type | |\n|---|---|---|\n")
	for _, f := range ServerFamilies() {
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", f.Name, f.Type, f.Help)
	}
	b.WriteString("\n| preset | port, path | fills | from |\n|---|---|---|---|\n")
	for _, p := range presets() {
		for _, m := range p.maps {
			fmt.Fprintf(b, "| `%s` | %d `%s` | `%s%s` | %s |\n", p.name, p.port, p.path, m.to, m.suffix, codeList(m.from))
		}
	}
	b.WriteString("\n## GPUs\n\nFrom Pitot's own collector (`job=\"pitot\"`), else from dcgm-exporter, nvidia_gpu_exporter or Triton (label `source`): a GPU that several see, by its `uuid`, is there once. " +
		"Labels: `gpu_id`, `uuid`, `name`, and from exporters `host`, `gpu_instance` (MIG), `namespace`, `pod`, `container`.\n\n| name | |\n|---|---|\n")
	for _, f := range gpuFamilies() {
		fmt.Fprintf(b, "| `%s` | %s |\n", f.name, f.help)
	}
	b.WriteString("\n## Infrastructure cost\n\n`llm_cost_per_million_tokens`: price of the CPU cores and GPUs in use for an hour, over the input and output tokens of an hour, in US dollars. " +
		"Where `infrastructure.models` names models and their machines: by `model` and `phase` (prefill, decode, idle; busy where the server does not tell prefill from decode).\n")
	b.WriteString("\n## From metrics of senders\n\nCounters that OTLP metrics feed on arrival. The `llm_*` ones only from services whose Calls Pitot does not see otherwise, with the label `origin=\"sender\"`; " +
		"their other labels are those of the family.\n\n| name | labels | from | |\n|---|---|---|---|\n")
	for _, f := range DerivedFamilies() {
		labels := "–"
		if len(f.Labels) > 0 {
			labels = codeList(f.Labels)
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.Name, labels, codeList(f.From), f.Help)
	}
}

const referenceHead = `# Metrics

<!-- Made by internal/metrics from the table that the code runs on. Do not edit: go test ./internal/metrics -run Reference -update -->

Pitot keeps these families in its store, where PromQL finds them with the labels ` + "`job=\"pitot\"` and `instance`" + `, and shows them on ` + "`/metrics`" + `.

- A histogram that is marked *native* is kept twice under one name: with the classic buckets listed here (` + "`_bucket`, `_sum`, `_count`" + `) and as a native histogram, 9 % wide buckets, over which
  ` + "`histogram_quantile(0.95, sum(rate(NAME[5m])))`" + ` is exact to a few percent. Its observations carry exemplars with ` + "`trace_id`" + `.
- Absent is absent: a Call whose usage is unknown adds nothing to token counters, one without a price nothing to cost.
- Each label has a limit of distinct values (models 500, services 200, error types 100, configured labels 100, label combinations 1000). What is past it is counted under ` + "`__other__`" + `, and ` + "`pitot_metrics_label_overflow_total`" + ` says so.
- A new series starts with a sample of 0 at the time of its first event, so that ` + "`rate()` and `increase()`" + ` see the first one.
`

const referenceTail = `
Two expressions that guides write say less than they mean: ` + "`rate(llm_requests_total{status=\"error\"}[5m]) / rate(llm_requests_total[5m])`" + ` and ` + "`rate(llm_operation_errors_total[5m]) / rate(llm_requests_total[5m])`" + `
match each series of errors with itself and are always 1. Right is ` + "`sum without (status) (rate(llm_requests_total{status=\"error\"}[5m])) / sum without (status) (rate(llm_requests_total[5m]))`" + `.

## The store itself

Besides these, ` + "`prometheus_*`" + ` shows the embedded Prometheus, ` + "`go_*` and `process_*`" + ` the process, other ` + "`pitot_*`" + ` the other parts of Pitot.

| name | type | |
|---|---|---|
`

func writeFamily(b *strings.Builder, f Family) {
	kind := string(f.Type)
	if f.Native {
		kind += ", native"
	}
	if f.Unit != "" {
		kind += ", " + f.Unit
	}
	fmt.Fprintf(b, "\n### `%s`\n\n%s. %s\n", f.Name, strings.ToUpper(kind[:1])+kind[1:], f.Help)
	shared := append(callLabels(), genAILabels()...)
	var own []string
	for _, l := range f.Labels {
		if !slices.Contains(shared, l) {
			own = append(own, l)
		}
	}
	if len(own) > 0 {
		fmt.Fprintf(b, "\nOwn labels: %s.\n", codeList(own))
	}
	if len(f.Buckets) > 0 {
		text := make([]string, len(f.Buckets))
		for i, v := range f.Buckets {
			text[i] = strconv.FormatFloat(v, 'f', -1, 64)
		}
		fmt.Fprintf(b, "\nBuckets: %s.\n", strings.Join(text, ", "))
	}
}

// aliasSource is the alias' source as Markdown.
func aliasSource(a alias) string {
	name, rest, _ := strings.Cut(a.reference, ",")
	out := "`" + name + "`"
	if rest != "" {
		out += "," + rest
	}
	return out
}

func codeList(names []string) string {
	return "`" + strings.Join(names, "`, `") + "`"
}
