package config

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// maxNodes bounds the values decoded: aliases can make a small file huge.
const maxNodes = 1 << 20

// decoder turns YAML into a Config and collects everything that is wrong on
// the way.
type decoder struct {
	loader Loader
	file   string
	lines  []string
	errs   Errors
	left   int // values that may still be decoded

	nodes map[string]*yaml.Node // the value of each path that the file sets
	keys  map[string]*yaml.Node // the key of each
	raw   map[string]Raw

	expanded map[string]string // values with variables in them, expanded
}

func newDecoder(file string, data []byte, l Loader) *decoder {
	return &decoder{
		loader: l, file: file, left: maxNodes,
		lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n"),
		nodes: map[string]*yaml.Node{}, keys: map[string]*yaml.Node{}, raw: map[string]Raw{}, expanded: map[string]string{},
	}
}

func (d *decoder) line(n int) string {
	if n < 1 || n > len(d.lines) {
		return ""
	}
	return d.lines[n-1]
}

// errorAt reports a problem at a node; nil is the file as a whole.
func (d *decoder) errorAt(n *yaml.Node, path, message string) {
	if n == nil {
		d.errorIn(0, 0, path, message)
		return
	}
	d.errorIn(n.Line, n.Column, path, message)
}

func (d *decoder) errorIn(line, col int, path, message string) {
	for _, e := range d.errs {
		if line > 0 && e.Line == line && e.Column == col {
			return // one problem a place: what follows from it helps nobody
		}
	}
	d.errs = append(d.errs, &Error{
		File: d.file, Line: line, Column: col, Path: path, Message: d.unexpanded(message), Source: d.line(line),
	})
}

// unexpanded writes a message with the variables as the file has them: what
// they stand for may be secret.
func (d *decoder) unexpanded(msg string) string {
	for path, text := range d.expanded {
		if len(text) >= 3 {
			msg = strings.ReplaceAll(msg, text, d.nodes[path].Value)
		}
	}
	return msg
}

func (d *decoder) errors() error {
	if len(d.errs) == 0 {
		return nil
	}
	return d.errs.sorted()
}

// parse returns the root node; nil where the file is empty or broken.
func (d *decoder) parse() *yaml.Node {
	for i, l := range d.lines {
		indent := l[:len(l)-len(strings.TrimLeft(l, " \t"))]
		if k := strings.IndexByte(indent, '\t'); k >= 0 && strings.TrimSpace(l) != "" && !strings.HasPrefix(strings.TrimSpace(l), "#") {
			d.errorIn(i+1, k+1, "", "a tab in the indentation: YAML allows only spaces there")
			return nil
		}
	}
	dec := yaml.NewDecoder(strings.NewReader(strings.Join(d.lines, "\n")))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) {
			d.syntaxError(err)
		}
		return nil
	}
	var more yaml.Node
	if err := dec.Decode(&more); err == nil {
		d.errorAt(&more, "", "a second document (after ---): a configuration is one document")
	} else if !errors.Is(err, io.EOF) {
		d.syntaxError(err)
		return nil
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil
	}
	return doc.Content[0]
}

// root decodes the top level: verbatim sections are cut out, others decoded.
func (d *decoder) root(n *yaml.Node, c *Config) {
	if n.Kind != yaml.MappingNode {
		d.errorAt(n, "", "expected sections such as `gateway:` at the top, got "+kindName(n))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		next := 0
		if i+2 < len(n.Content) {
			next = n.Content[i+2].Line
		}
		want, ok := rawKinds[key.Value]
		if !ok {
			continue
		}
		if value.Tag != "!!null" && resolve(value).Kind != want {
			d.errorAt(value, key.Value, "expected "+kindNames[want]+", got "+kindName(value))
			continue
		}
		d.raw[key.Value] = d.rawSection(key, value, next, n.Style&yaml.FlowStyle != 0)
	}
	d.value(n, reflect.ValueOf(c).Elem(), "")
}

// rawKinds are the verbatim sections and what each consists of.
var rawKinds = map[string]yaml.Kind{
	"prometheus": yaml.MappingNode, "alertmanager": yaml.MappingNode,
	"model_servers": yaml.SequenceNode, "slos": yaml.SequenceNode, "budgets": yaml.SequenceNode,
}

var kindNames = map[yaml.Kind]string{
	yaml.MappingNode: "a mapping (lines of `name: value`)", yaml.SequenceNode: "a list (lines of `- value`)", yaml.ScalarNode: "a single value",
}

func kindName(n *yaml.Node) string {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode {
		return strconv.Quote(shorten(n.Value))
	}
	name, _, _ := strings.Cut(kindNames[n.Kind], " (")
	return name
}

func shorten(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:57]) + "..."
	}
	return s
}

// resolve follows aliases. A cycle ends at a node without content.
func resolve(n *yaml.Node) *yaml.Node {
	for range 100 {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			return n
		}
		n = n.Alias
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}
}

var (
	durationType      = reflect.TypeFor[model.Duration]()
	goDurationType    = reflect.TypeFor[time.Duration]()
	sizeType          = reflect.TypeFor[units.Base2Bytes]()
	rawType           = reflect.TypeFor[Raw]()
	textUnmarshalType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// value decodes n into v. A null leaves the default.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if d.left--; d.left < 0 {
		if d.left == -1 {
			d.errorAt(n, path, "too many values: do aliases refer to each other?")
		}
		return
	}
	at := n
	n = resolve(n)
	if n != at {
		n = &yaml.Node{Kind: n.Kind, Style: n.Style, Tag: n.Tag, Value: n.Value, Content: n.Content, Line: at.Line, Column: at.Column}
	}
	if path != "" {
		d.nodes[path] = n
	}
	if n.Tag == "!!null" {
		return
	}
	t := v.Type()
	switch {
	case t == rawType:
		v.Set(reflect.ValueOf(d.raw[path]))
		return
	case t == durationType, t == goDurationType, t == sizeType, reflect.PointerTo(t).Implements(textUnmarshalType):
		d.scalar(n, v, path)
		return
	}
	switch t.Kind() {
	case reflect.Pointer:
		p := reflect.New(t.Elem())
		d.value(n, p.Elem(), path)
		v.Set(p)
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.scalar(n, v, path)
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = fmt.Sprintf(": write [%s]", shorten(n.Value))
		}
		d.errorAt(n, path, "expected a list, got "+kindName(n)+hint)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, x := range n.Content {
		d.value(x, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.errorAt(n, path, "expected "+kindNames[yaml.MappingNode]+", got "+kindName(n))
		return
	}
	out := reflect.MakeMap(v.Type())
	for key, value := range d.pairs(n, path) {
		x := reflect.New(v.Type().Elem()).Elem()
		d.keys[join(path, key.Value)] = key
		d.value(value, x, join(path, key.Value))
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), x)
	}
	v.Set(out)
}

// pairs yields the entries of a mapping, those of merged ones (<<) first, and
// reports keys that are there twice.
func (d *decoder) pairs(n *yaml.Node, path string) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		seen := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], resolve(n.Content[i+1])
			if k.Tag != "!!merge" {
				continue
			}
			if d.left -= len(v.Content); d.left < 0 {
				return
			}
			for j := 0; v.Kind == yaml.MappingNode && j+1 < len(v.Content); j += 2 {
				if mk := v.Content[j]; mk.Tag != "!!merge" && !yield(mk, v.Content[j+1]) {
					return
				}
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if k.Tag == "!!merge" {
				continue
			}
			if k.Kind != yaml.ScalarNode {
				d.errorAt(k, path, "expected a name before the colon, got "+kindName(k))
				continue
			}
			if first := seen[k.Value]; first != nil {
				d.errorAt(k, join(path, k.Value), fmt.Sprintf("is set twice: line %d has it already", first.Line))
				continue
			}
			seen[k.Value] = k
			if !yield(k, v) {
				return
			}
		}
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.errorAt(n, path, "expected "+kindNames[yaml.MappingNode]+", got "+kindName(n))
		return
	}
	fields := fieldsOf(v.Type())
	for key, value := range d.pairs(n, path) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		if i < 0 {
			d.unknown(key, path, fields)
			continue
		}
		d.keys[join(path, key.Value)] = key
		d.value(value, v.FieldByIndex(fields[i].index), join(path, key.Value))
	}
}

// unknown reports a key that does not exist, with the one that was meant: a
// similar one here, or the same one in another section.
func (d *decoder) unknown(key *yaml.Node, path string, fields []field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	msg := "unknown field"
	if path == "" {
		msg = "unknown section"
	}
	switch section := sectionOf(key.Value); {
	case path == "" && section != "":
		msg += fmt.Sprintf(": it belongs under `%s:`", section)
	case suggest(key.Value, names) != "":
		msg += fmt.Sprintf(": did you mean %q?", suggest(key.Value, names))
	case section != "" && section != path:
		msg += fmt.Sprintf(": it belongs under `%s:`", section)
	default:
		slices.Sort(names)
		msg += ": known are " + strings.Join(names, ", ")
	}
	d.errorAt(key, join(path, key.Value), msg)
}

// foreignKeys are top-level keys of the files that verbatim sections take.
var foreignKeys = map[string]string{
	"global": "prometheus", "scrape_configs": "prometheus", "rule_files": "prometheus", "remote_write": "prometheus",
	"remote_read": "prometheus", "scrape_config_files": "prometheus", "alerting": "prometheus",
	"route": "alertmanager", "receivers": "alertmanager", "inhibit_rules": "alertmanager", "templates": "alertmanager",
	"time_intervals": "alertmanager", "mute_time_intervals": "alertmanager",
}

// sectionOf returns the section in which a key of this name is known, empty
// where there is none or more than one.
func sectionOf(key string) string {
	if s := foreignKeys[key]; s != "" {
		return s
	}
	found := ""
	for _, top := range fieldsOf(reflect.TypeFor[Config]()) {
		if top.typ.Kind() != reflect.Struct || top.typ == rawType {
			continue
		}
		for _, f := range fieldsOf(top.typ) {
			if f.name == key {
				if found != "" {
					return ""
				}
				found = top.name
			}
		}
	}
	return found
}

// scalar decodes a single value after expanding variables in it.
func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		d.errorAt(n, path, "expected "+expectation(v.Type())+", got "+kindName(n))
		return
	}
	text, err := expand(n.Value, d.loader.Env)
	if err != nil {
		d.errorAt(n, path, err.Error())
		return
	}
	if text != n.Value {
		d.expanded[path] = text
	}
	if err := setScalar(v, text); err != nil {
		msg := "expected " + expectation(v.Type())
		if err.Error() != "" {
			msg = err.Error()
		}
		// A value from the environment may be a secret: it is not repeated.
		if text == n.Value {
			msg += ", got " + strconv.Quote(shorten(text))
		} else {
			msg += ", got something else from " + strconv.Quote(shorten(n.Value))
		}
		d.errorAt(n, path, msg)
	}
}

// errType says that a value is not of its type; the message is expectation's.
var errType = errors.New("")

func setScalar(v reflect.Value, s string) error {
	switch v.Type() {
	case durationType, goDurationType:
		dur, err := model.ParseDuration(s)
		if err != nil {
			return errType
		}
		v.SetInt(int64(dur))
		return nil
	case sizeType:
		return setSize(v, s)
	}
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		return u.UnmarshalText([]byte(s))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
		return nil
	case reflect.Bool:
		switch s {
		case "true", "false":
			v.SetBool(s == "true")
			return nil
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(strings.ReplaceAll(s, "_", ""), 10, v.Type().Bits())
		if err == nil {
			v.SetInt(i)
			return nil
		}
		// A plain number of bytes may have a unit too.
		if v.Kind() == reflect.Int64 && strings.HasSuffix(s, "B") {
			return setSize(v, s)
		}
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(s, v.Type().Bits())
		if err == nil {
			v.SetFloat(f)
			return nil
		}
	default:
	}
	return errType
}

func setSize(v reflect.Value, s string) error {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		v.SetInt(i)
		return nil
	}
	b, err := units.ParseBase2Bytes(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		return errType
	}
	v.SetInt(int64(b))
	return nil
}

// expectation says what a value of type t looks like.
func expectation(t reflect.Type) string {
	switch t {
	case durationType, goDurationType:
		return "a duration such as 50ms, 30s or 30d"
	case sizeType:
		return "a size such as 512MiB or 50GB"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	default:
		return "a text"
	}
}

// field is a key that a struct has in YAML.
type field struct {
	name      string
	index     []int
	typ       reflect.Type
	doc       string
	secret    bool
	omitEmpty bool
	inline    reflect.Type // the embedded struct that it comes from
}

// fieldsOf returns the keys of a struct, those of inline structs included.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if strings.Contains(opts, "inline") {
			for _, x := range fieldsOf(f.Type) {
				x.index = append([]int{i}, x.index...)
				x.inline = f.Type
				out = append(out, x)
			}
			continue
		}
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		out = append(out, field{
			name: name, index: []int{i}, typ: f.Type, doc: f.Tag.Get("doc"),
			secret:    f.Tag.Get("secret") == "true" || f.Type == reflect.TypeFor[Secret](),
			omitEmpty: strings.Contains(opts, "omitempty"),
		})
	}
	return out
}
