package metrics

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// builtinInterval is how often the shipped rules are evaluated: dashboards
// with a range of one minute need several samples in it.
const builtinInterval = "15s"

// builtinPrefix marks the shipped rule files. A name of Options.Rules may not
// begin with it.
const builtinPrefix = "builtin/"

type ruleEntry struct {
	Record string            `yaml:"record"`
	Expr   string            `yaml:"expr"`
	Labels map[string]string `yaml:"labels,omitempty"`
}

type ruleGroup struct {
	Name     string      `yaml:"name"`
	Interval string      `yaml:"interval"`
	Rules    []ruleEntry `yaml:"rules"`
}

// BuiltinRules returns the recording rules that Pitot ships: one group for each
// preset of model servers, one for GPUs, one for the cost of infrastructure.
func BuiltinRules(prices InfrastructurePrices) []RuleFile {
	var servers []ruleGroup
	for _, p := range presets() {
		if len(p.maps) > 0 {
			servers = append(servers, p.group())
		}
	}
	return []RuleFile{
		ruleFile("model-servers", servers),
		ruleFile("gpu", []ruleGroup{{Name: "gpu", Interval: builtinInterval, Rules: gpuRules()}}),
		ruleFile("infrastructure-cost", []ruleGroup{{Name: "infrastructure-cost", Interval: "1m", Rules: prices.rules()}}),
	}
}

func ruleFile(name string, groups []ruleGroup) RuleFile {
	text, err := yaml.Marshal(map[string]any{"groups": groups})
	if err != nil {
		text = nil // plain strings always marshal
	}
	return RuleFile{Name: builtinPrefix + name, Content: text}
}

// group are the rules of one preset.
func (p *preset) group() ruleGroup {
	g := ruleGroup{Name: "model-server/" + p.name, Interval: builtinInterval}
	labels := map[string]string{"server": p.name}
	has := map[vocabulary]bool{}
	for _, m := range p.maps {
		has[m.to] = true
		for _, suffix := range m.suffixes() {
			g.Rules = append(g.Rules, ruleEntry{Record: string(m.to) + suffix, Expr: p.expr(m, suffix), Labels: labels})
		}
	}
	if has[srvPrefixQuery] && has[srvPrefixHit] {
		own := fmt.Sprintf("{server=%q}", p.name)
		hit, query := string(srvPrefixHit)+own, string(srvPrefixQuery)+own
		g.Rules = append(g.Rules, ruleEntry{
			Record: string(srvPrefixRatio), Labels: labels,
			// Without lookups in the last minutes: since the server started.
			Expr: fmt.Sprintf("(increase(%s[5m]) / (increase(%s[5m]) > 0)) or (%s / (%s > 0))", hit, query, hit, query),
		})
	}
	return g
}

// suffixes are the series of the record: those of a histogram, or the one.
func (m *mapping) suffixes() []string {
	switch {
	case m.suffix != "":
		return []string{m.suffix}
	case m.to.family().Type == TypeHistogram:
		return []string{"_bucket", "_sum", "_count"}
	default:
		return []string{""}
	}
}

// expr is the PromQL of one rule.
func (p *preset) expr(m mapping, suffix string) string {
	if m.suffix != "" {
		suffix = "" // the source is a plain counter
	}
	sources := make([]string, len(m.from))
	for i, name := range m.from {
		sources[i] = name + suffix
		if m.selector != "" {
			sources[i] += "{" + m.selector + "}"
		}
	}
	e := strings.Join(sources, " or ")
	if m.to == srvPrefixRatio { // some versions state percent
		e = fmt.Sprintf("(%s <= 1) or (%s / 100)", e, e)
	}
	if m.factor != 0 {
		e = fmt.Sprintf("(%s) * %s", e, strconv.FormatFloat(m.factor, 'g', -1, 64))
	}
	if p.model != "" {
		e = fmt.Sprintf(`label_replace(%s, "model", "$1", %q, "(.+)")`, e, p.model)
	}
	agg := "sum"
	if m.to.family().Type == TypeGauge && strings.HasSuffix(string(m.to), "_ratio") {
		agg = "avg"
	}
	switch {
	case len(p.by) > 0:
		by := p.by
		if suffix == "_bucket" {
			by = append(slices.Clip(by), "le")
		}
		return fmt.Sprintf("%s by (%s) (%s)", agg, strings.Join(by, ", "), e)
	case len(p.drop) > 0:
		return fmt.Sprintf("%s without (%s) (%s)", agg, strings.Join(p.drop, ", "), e)
	default:
		return fmt.Sprintf("%s without () (%s)", agg, e) // drops the name
	}
}
