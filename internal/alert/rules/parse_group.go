package rules

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"go.yaml.in/yaml/v3"
)

// groupDecoder reads the groups of one unit by hand: so each problem has the
// line of its document, whichever resource it is wrapped in.
type groupDecoder struct {
	unit     *unitFile
	decoder  *fileDecoder
	resource bool // fields that the operator knows and the engine does not are dropped
}

func (g *groupDecoder) fail(n *yaml.Node, format string, args ...any) {
	g.unit.problems = append(g.unit.problems, Problem{Line: n.Line, Reason: fmt.Sprintf(format, args...)})
}

func (g *groupDecoder) warn(line int, format string, args ...any) {
	g.unit.problems = append(g.unit.problems, Problem{Line: line, Reason: fmt.Sprintf(format, args...), Warning: true})
}

// field is a key of a mapping with its value.
type field struct {
	key   *yaml.Node
	value *yaml.Node
}

// maxMerge bounds merge keys that refer to each other.
const maxMerge = 20

// fieldsOf lists the fields of a mapping, those of merge keys last.
func fieldsOf(n *yaml.Node, depth int) []field {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > maxMerge {
		return nil
	}
	var out, merged []field
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolve(n.Content[i+1])
		if k.Tag != "!!merge" {
			out = append(out, field{k, v})
			continue
		}
		sources := []*yaml.Node{v}
		if v.Kind == yaml.SequenceNode {
			sources = v.Content
		}
		for _, s := range sources[:min(len(sources), maxMerge)] {
			merged = append(merged, fieldsOf(s, depth+1)...)
		}
	}
	own := len(out)
	for _, m := range merged {
		if !slices.ContainsFunc(out, func(f field) bool { return f.key.Value == m.key.Value }) {
			out = append(out, m)
		}
		if len(out) > own+1000 {
			break
		}
	}
	return out
}

// fields checks that a mapping has only known keys and each once, and returns
// its fields by key.
func (g *groupDecoder) fields(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for _, f := range fieldsOf(n, 0) {
		name := f.key.Value
		if !slices.Contains(known, name) {
			g.fail(f.key, "unknown field %q in a %s: known are %s", name, what, strings.Join(known, ", "))
			continue
		}
		if _, ok := out[name]; ok {
			g.fail(f.key, "field %q is there twice", name)
			continue
		}
		if f.value.Tag != "!!null" {
			out[name] = f.value
		}
	}
	return out
}

func (g *groupDecoder) groups(n, at *yaml.Node) {
	if n == nil || n.Tag == "!!null" {
		g.warn(at.Line, "no groups: the file has no effect")
		return
	}
	if n.Kind != yaml.SequenceNode {
		g.fail(n, "groups: expected a list, got a %s", kindName(n))
		return
	}
	names := map[string]bool{}
	for _, item := range n.Content {
		item = resolve(item)
		if item.Kind != yaml.MappingNode {
			g.fail(item, "expected a group with `name:` and `rules:`, got a %s", kindName(item))
			continue
		}
		group, lines := g.group(item)
		if names[group.Name] && group.Name != "" {
			g.fail(item, "group %q is there twice", group.Name)
		}
		names[group.Name] = true
		g.unit.groups, g.unit.lines = append(g.unit.groups, group), append(g.unit.lines, lines)
	}
}

func (g *groupDecoder) group(n *yaml.Node) (rulefmt.RuleGroup, groupLines) {
	known := []string{"name", "interval", "query_offset", "limit", "labels", "rules"}
	if g.resource {
		known = append(known, "partial_response_strategy")
	}
	f := g.fields(n, "group", known...)
	out := rulefmt.RuleGroup{
		Name: g.text(f["name"], "name"), Interval: g.duration(f["interval"], "interval"), Labels: g.texts(f["labels"], "labels"),
	}
	if out.Name == "" {
		g.fail(n, "a group without a name")
	}
	if o := f["query_offset"]; o != nil {
		d := g.duration(o, "query_offset")
		out.QueryOffset = &d
	}
	if l := f["limit"]; l != nil {
		v, err := strconv.Atoi(l.Value)
		if err != nil || v < 0 {
			g.fail(l, "limit: %q: expected a whole number of at least 0", l.Value)
		}
		out.Limit = v
	}
	lines := groupLines{line: n.Line}
	list := f["rules"]
	if list == nil {
		return out, lines
	}
	if list.Kind != yaml.SequenceNode {
		g.fail(list, "rules: expected a list, got a %s", kindName(list))
		return out, lines
	}
	for _, item := range list.Content {
		if g.decoder.rules++; g.decoder.rules > maxFileRules {
			if g.decoder.rules == maxFileRules+1 {
				g.fail(item, "more than %d rules: split the file", maxFileRules)
			}
			break
		}
		item = resolve(item)
		if item.Kind != yaml.MappingNode {
			g.fail(item, "group %q: expected a rule with `alert:` or `record:`, got a %s", out.Name, kindName(item))
			continue
		}
		r, l := g.rule(item, out.Name, len(out.Rules)+1)
		out.Rules, lines.rules = append(out.Rules, r), append(lines.rules, l)
	}
	g.duplicates(out, lines)
	return out, lines
}

func (g *groupDecoder) rule(n *yaml.Node, group string, number int) (rulefmt.Rule, ruleLines) {
	before := len(g.unit.problems)
	f := g.fields(n, "rule", "record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations")
	r := rulefmt.Rule{
		Record: g.text(f["record"], "record"), Alert: g.text(f["alert"], "alert"), Expr: g.text(f["expr"], "expr"),
		For: g.duration(f["for"], "for"), KeepFiringFor: g.duration(f["keep_firing_for"], "keep_firing_for"),
		Labels: g.texts(f["labels"], "labels"), Annotations: g.texts(f["annotations"], "annotations"),
	}
	lines := ruleLines{line: n.Line, expr: n.Line}
	node := rulefmt.RuleNode{Record: *n, Alert: *n, Expr: *n}
	for key, dst := range map[string]*yaml.Node{"record": &node.Record, "alert": &node.Alert, "expr": &node.Expr} {
		if v := f[key]; v != nil {
			*dst = *v
		}
	}
	lines.expr = node.Expr.Line
	if len(g.unit.problems) == before { // else what follows from it helps nobody
		for _, e := range r.Validate(node, model.UTF8Validation, g.decoder.parser) {
			line, reason := splitPlaces(e.Error())
			if line == 0 {
				line = n.Line
			}
			g.unit.problems = append(g.unit.problems, Problem{Line: line, Reason: reason})
		}
	}
	for i := before; i < len(g.unit.problems); i++ {
		p := &g.unit.problems[i]
		p.Reason = fmt.Sprintf("group %q, rule %d, %q: %s", group, number, r.Alert+r.Record, p.Reason)
	}
	return r, lines
}

var places = regexp.MustCompile(`^(\d+):\d+: (?:\d+:\d+: )?`)

// splitPlaces takes the one or two places off the front of a message.
func splitPlaces(msg string) (int, string) {
	m := places.FindStringSubmatch(msg)
	if m == nil {
		return 0, msg
	}
	line, err := strconv.Atoi(m[1])
	if err != nil {
		line = 0
	}
	return line, msg[len(m[0]):]
}

// duplicates warns of rules whose results have the same labels.
func (g *groupDecoder) duplicates(group rulefmt.RuleGroup, lines groupLines) {
	first := map[string]int{}
	for i, r := range group.Rules {
		var b strings.Builder
		b.WriteString(r.Alert + "\x00" + r.Record)
		for _, k := range slices.Sorted(maps.Keys(r.Labels)) {
			b.WriteString("\x00" + k + "\x00" + r.Labels[k])
		}
		if r.Alert != "" {
			b.WriteString("\x00" + r.Expr)
		}
		if at, ok := first[b.String()]; ok {
			// Two records of one name may have disjoint expressions.
			if r.Expr == group.Rules[at].Expr {
				g.warn(lines.rules[i].line, "group %q, rule %d, %q: the same as rule %d", group.Name, i+1, r.Alert+r.Record, at+1)
			}
			continue
		}
		first[b.String()] = i
	}
}

func (g *groupDecoder) text(n *yaml.Node, name string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		g.fail(n, "%s: expected a single value, got a %s", name, kindName(n))
		return ""
	}
	return n.Value
}

func (g *groupDecoder) duration(n *yaml.Node, name string) model.Duration {
	if n == nil {
		return 0
	}
	if n.Kind != yaml.ScalarNode {
		g.fail(n, "%s: expected a duration, got a %s", name, kindName(n))
		return 0
	}
	if n.Value == "" {
		return 0 // as the operator writes a field that is not set
	}
	d, err := model.ParseDuration(n.Value)
	if err != nil {
		g.fail(n, "%s: %q: expected a duration such as 30s or 5m", name, n.Value)
	}
	return d
}

func (g *groupDecoder) texts(n *yaml.Node, name string) map[string]string {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		g.fail(n, "%s: expected `name: value` lines, got a %s", name, kindName(n))
		return nil
	}
	out := map[string]string{}
	for _, f := range fieldsOf(n, 0) {
		if _, ok := out[f.key.Value]; ok {
			g.fail(f.key, "%s: %q is there twice", name, f.key.Value)
		}
		out[f.key.Value] = g.text(f.value, name+"."+f.key.Value)
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// resolve follows aliases. A cycle ends at a null.
func resolve(n *yaml.Node) *yaml.Node {
	for range 20 {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
}

// child is the value of a key; nil where there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	for _, f := range fieldsOf(n, 0) {
		if f.key.Value == key {
			return f.value
		}
	}
	return nil
}

func scalar(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	case yaml.ScalarNode:
		if s := []rune(n.Value); len(s) > 40 {
			return "value: " + strconv.Quote(string(s[:40])+"...")
		}
		return "value: " + strconv.Quote(n.Value)
	default:
		return "node"
	}
}

// defaultInterval is what groups without an interval take in tests.
const defaultInterval = time.Minute
