package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// Bounds of what is read: a larger file is some other file.
const (
	maxFileBytes = 4 << 20
	maxFileRules = 10_000
	maxFiles     = 2_000
	maxDocuments = 2_000
)

// newParser is the PromQL parser. Its options are those of the server's engine:
// what is taken here must be taken there.
func newParser() parser.Parser {
	return parser.NewParser(parser.Options{
		EnableExperimentalFunctions:  true,
		ExperimentalDurationExpr:     true,
		EnableExtendedRangeSelectors: true,
		EnableBinopFillModifiers:     true,
	})
}

// unitFile is what one document becomes: a rule file, or the reasons why not.
type unitFile struct {
	name      string // of the File
	namespace string // of a resource
	groups    []rulefmt.RuleGroup
	lines     []groupLines
	content   []byte
	problems  []Problem
}

func (u *unitFile) broken() bool {
	for _, p := range u.problems {
		if !p.Warning {
			return true
		}
	}
	return false
}

// groupLines says where a group and its rules are.
type groupLines struct {
	line  int
	rules []ruleLines
}

// ruleLines says where a rule and its expression are.
type ruleLines struct{ line, expr int }

// parseFile reads rule files and PrometheusRule resources of one or more YAML
// documents. Each document that holds rules becomes a unit; what is wrong with
// the text as a whole is returned as problems.
func parseFile(name string, content []byte) ([]unitFile, []Problem) {
	if len(content) > maxFileBytes {
		return nil, []Problem{{File: name, Reason: fmt.Sprintf("the file has %d bytes: at most %d are read: split it", len(content), maxFileBytes)}}
	}
	docs, problem := documents(name, content)
	if problem != nil {
		return nil, []Problem{*problem}
	}
	d := &fileDecoder{file: name, parser: newParser(), seen: map[string]bool{}}
	for _, doc := range docs {
		d.document(doc)
	}
	if len(d.units) == 0 && len(d.problems) == 0 && len(docs) > 0 && !d.foreign {
		d.fail(docs[0], "no rules: expected `groups:`, or a resource of `kind: PrometheusRule`")
	}
	// A plain file of one document stays as its author wrote it.
	if len(docs) == 1 && len(d.units) == 1 && d.plain == 1 {
		d.units[0].content = content
	}
	for i := range d.units {
		d.units[i].check()
	}
	return d.units, d.problems
}

func documents(name string, content []byte) ([]*yaml.Node, *Problem) {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var docs []*yaml.Node
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			line, reason := splitLine(err.Error())
			return nil, &Problem{File: name, Line: line, Reason: "not YAML: " + reason}
		}
		if len(docs) == maxDocuments {
			return nil, &Problem{File: name, Line: doc.Line, Reason: fmt.Sprintf("more than %d documents: split the file", maxDocuments)}
		}
		if len(doc.Content) == 1 && doc.Content[0].Tag != "!!null" {
			docs = append(docs, doc.Content[0])
		}
	}
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:unmarshal errors:\s*)?(?:line (\d+): |(\d+):\d+: )?`)

// splitLine takes the line off the front of a message.
func splitLine(msg string) (int, string) {
	m := yamlLine.FindStringSubmatch(msg)
	line, err := strconv.Atoi(m[1] + m[2])
	if err != nil {
		line = 0
	}
	return line, strings.TrimSpace(msg[len(m[0]):])
}

// check is the last gate: the text is read as the engine reads it.
func (u *unitFile) check() {
	if u.broken() {
		return
	}
	if u.content == nil {
		content, err := encode(rulefmt.RuleGroups{Groups: u.groups}, "")
		if err != nil {
			u.problems = append(u.problems, Problem{File: u.name, Reason: err.Error()})
			return
		}
		u.content = content
	}
	_, errs := rulefmt.Parse(u.content, false, model.UTF8Validation, newParser(), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		line, reason := splitLine(err.Error())
		u.problems = append(u.problems, Problem{File: u.name, Line: line, Reason: reason})
	}
}

// fileDecoder walks the documents of a file.
type fileDecoder struct {
	file     string
	parser   parser.Parser
	units    []unitFile
	problems []Problem
	seen     map[string]bool // names of units
	plain    int             // documents that are rule files
	foreign  bool            // there are resources of other kinds
	rules    int
}

func (d *fileDecoder) fail(n *yaml.Node, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.file, Line: n.Line, Reason: fmt.Sprintf(format, args...)})
}

func (d *fileDecoder) document(n *yaml.Node) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		d.fail(n, "expected `groups:`, or a resource of `kind: PrometheusRule`, got a %s", kindName(n))
		return
	}
	kind := scalar(child(n, "kind"))
	switch {
	case kind == "PrometheusRule":
		d.resource(n)
	case kind == "List" || kind == "PrometheusRuleList":
		items := child(n, "items")
		if items == nil || items.Kind != yaml.SequenceNode {
			d.fail(n, "a %s without a list of items", kind)
			return
		}
		for _, item := range items.Content {
			item = resolve(item)
			// The items of an API server's list name no kind.
			if k := scalar(child(item, "kind")); k == "PrometheusRule" || k == "" && kind == "PrometheusRuleList" {
				d.resource(item)
			} else {
				d.foreign = true
			}
		}
		d.foreign = d.foreign || len(items.Content) == 0
	case kind != "" && child(n, "apiVersion") != nil && child(n, "groups") == nil:
		d.foreign = true // a manifest's other resources
	default:
		d.plain++
		d.plainFile(n)
	}
}

func (d *fileDecoder) plainFile(n *yaml.Node) {
	u := unitFile{name: d.file}
	if d.plain > 1 {
		u.name = fmt.Sprintf("%s#%d", d.file, d.plain)
	}
	g := groupDecoder{unit: &u, decoder: d}
	g.fields(n, "file", "groups")
	g.groups(child(n, "groups"), n)
	d.add(u)
}

// apiGroup is the group and version of the resource that is read.
const apiGroup = "monitoring.coreos.com/v1"

func (d *fileDecoder) resource(n *yaml.Node) {
	meta := child(n, "metadata")
	name, ns := scalar(child(meta, "name")), scalar(child(meta, "namespace"))
	id := name
	if ns != "" {
		id = ns + "/" + name
	}
	if name == "" {
		d.fail(n, "a PrometheusRule without metadata.name")
		return
	}
	u := unitFile{name: d.file + "#" + id, namespace: ns}
	g := groupDecoder{unit: &u, decoder: d, resource: true}
	if v := scalar(child(n, "apiVersion")); v != "" && v != apiGroup {
		g.fail(n, "apiVersion %s: only %s is read", v, apiGroup)
	}
	spec := child(n, "spec")
	if spec == nil {
		g.fail(n, "a PrometheusRule without spec")
	} else {
		g.fields(spec, "spec", "groups")
		g.groups(child(spec, "groups"), spec)
	}
	d.add(u)
}

func (d *fileDecoder) add(u unitFile) {
	for i := range u.problems {
		u.problems[i].File = u.name
	}
	if d.seen[u.name] {
		u.problems = append(u.problems, Problem{File: u.name, Reason: "this resource is there twice: the first is used", Warning: true})
		d.problems = append(d.problems, u.problems[len(u.problems)-1])
		return
	}
	d.seen[u.name] = true
	d.units = append(d.units, u)
}
