package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// Effective returns the configuration in force as YAML: defaults filled in,
// variables expanded, secrets hidden.
func (c *Config) Effective() []byte {
	w := printer{}
	w.structure(reflect.ValueOf(c).Elem(), "", 0)
	return w.b.Bytes()
}

func digest(c *Config) string {
	w := printer{reveal: true}
	w.structure(reflect.ValueOf(c).Elem(), "", 0)
	sum := sha256.Sum256(w.b.Bytes())
	return hex.EncodeToString(sum[:8])
}

// secretPaths are fields of foreign structs that hold secrets; [] and .* stand
// for any element. Fields of one's own have the tag secret:"true".
var secretPaths = []string{"gateway.upstreams[].headers.*", "forward[].headers.*", "probes.targets[].headers.*", "quality.judges[].headers.*", "quality.feedback.keys[]", "storage.events.cluster.headers.*", "storage.metrics.remote.headers.*"}

// printer writes a configuration as YAML, in the order of the structs.
type printer struct {
	b      bytes.Buffer
	reveal bool // print secrets too: for the digest alone
}

func (w *printer) line(indent int, format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *printer) structure(v reflect.Value, path string, indent int) {
	for _, f := range fieldsOf(v.Type()) {
		fv := v.FieldByIndex(f.index)
		if f.omitEmpty && fv.IsZero() {
			continue
		}
		w.entry(f.name, fv, join(path, f.name), f.secret, indent)
	}
}

// entry writes `name: value`.
func (w *printer) entry(name string, v reflect.Value, path string, secret bool, indent int) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	name = scalarYAML(name)
	if text, ok := w.scalar(v, path, secret); ok {
		w.line(indent, "%s: %s", name, text)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if r, ok := reflect.TypeAssert[Raw](v); ok {
			w.raw(name, r, indent)
			return
		}
		start := w.b.Len()
		w.line(indent, "%s:", name)
		body := w.b.Len()
		w.structure(v, path, indent+1)
		if w.b.Len() == body {
			w.b.Truncate(start)
		}
	case reflect.Map:
		if v.Len() == 0 {
			return
		}
		w.line(indent, "%s:", name)
		for _, k := range slices.SortedFunc(maps.Keys(mapEntries(v)), strings.Compare) {
			w.entry(k, v.MapIndex(reflect.ValueOf(k).Convert(v.Type().Key())), path+".*", false, indent+1)
		}
	case reflect.Slice:
		w.list(name, v, path, indent)
	default: // no such field: TestEveryTypeIsKnown
	}
}

func mapEntries(v reflect.Value) map[string]struct{} {
	out := map[string]struct{}{}
	for _, k := range v.MapKeys() {
		out[k.String()] = struct{}{}
	}
	return out
}

func (w *printer) list(name string, v reflect.Value, path string, indent int) {
	if v.Len() == 0 {
		w.line(indent, "%s: []", name)
		return
	}
	w.line(indent, "%s:", name)
	for i := range v.Len() {
		x := v.Index(i)
		if text, ok := w.scalar(x, path+"[]", false); ok {
			w.line(indent+1, "- %s", text)
			continue
		}
		item := printer{reveal: w.reveal}
		item.structure(x, path+"[]", indent+2)
		text := item.b.Bytes()
		if len(text) == 0 {
			w.line(indent+1, "- {}")
			continue
		}
		// The dash takes the place of two of the first line's spaces.
		copy(text[2*(indent+1):], "- ")
		w.b.Write(text)
	}
}

// scalar formats a single value; ok is false for others.
func (w *printer) scalar(v reflect.Value, path string, secret bool) (text string, ok bool) {
	switch x := v.Interface().(type) {
	case model.Duration:
		return x.String(), true
	case time.Duration:
		return model.Duration(x).String(), true
	case units.Base2Bytes:
		return formatSize(int64(x)), true
	}
	switch v.Kind() {
	case reflect.String:
		s := v.String()
		if secret || slices.Contains(secretPaths, path) {
			if s != "" && !w.reveal {
				s = hidden
			}
		} else if !w.reveal {
			s = withoutToken(withoutPassword(s))
		}
		return scalarYAML(s), true
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), true
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()), true
	default:
		return "", false
	}
}

// formatSize writes a size in its largest whole unit.
func formatSize(n int64) string {
	if n == 0 {
		return "0"
	}
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// withoutPassword hides the password of a URL.
func withoutPassword(s string) string {
	if !strings.Contains(s, "://") || !strings.Contains(s, "@") {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.User == nil {
		return s
	}
	if _, has := u.User.Password(); !has {
		return s
	}
	return u.Redacted()
}

// scalarYAML quotes a text where YAML needs it.
func scalarYAML(s string) string {
	n := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.ContainsAny(s, "\n") {
		n.Style = yaml.DoubleQuotedStyle
	}
	out, err := yaml.Marshal(&n)
	if err != nil {
		return strconv.Quote(s)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// raw writes a verbatim section with what looks like a secret hidden.
func (w *printer) raw(name string, r Raw, indent int) {
	if r.IsZero() {
		return
	}
	if w.reveal {
		w.line(indent, "%s: %s", name, strconv.Quote(string(r.Text)))
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(r.Text, &doc); err != nil || len(doc.Content) == 0 {
		w.line(indent, "%s: {} # not readable", name)
		return
	}
	hideSecrets(&doc, 0)
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc.Content[0]); err != nil {
		w.line(indent, "%s: {} # not readable", name)
		return
	}
	w.line(indent, "%s:", name)
	for l := range strings.Lines(b.String()) {
		w.line(indent+1, "%s", strings.TrimSuffix(l, "\n"))
	}
}

// hideSecrets replaces values whose key says that they are secret. A verbatim
// section's schema belongs to others, so the names decide, generously.
func hideSecrets(n *yaml.Node, depth int) {
	if depth > 100 {
		return
	}
	n.HeadComment, n.LineComment, n.FootComment = "", "", "" // a comment may hold an old password
	if n.Kind == yaml.ScalarNode {
		n.Value = withoutToken(withoutPassword(n.Value))
	}
	for i, x := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			key := n.Content[i-1].Value
			if secretKey(key) {
				hideScalars(x)
			} else if slices.Contains(secretHooks, key) {
				hideHooks(x)
			}
		}
		hideSecrets(x, depth+1)
	}
}

// hideScalars hides a value, or each of a list of values.
func hideScalars(n *yaml.Node) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value != "":
		n.SetString(hidden)
	case n.Kind == yaml.SequenceNode:
		for _, x := range n.Content {
			if x.Kind == yaml.ScalarNode {
				hideScalars(x)
			}
		}
	}
}

// secretHooks are the channels whose url is all that it takes to send to them.
var secretHooks = []string{"dingtalk_configs", "feishu_configs", "webhook_configs"}

// hideHooks hides the url of each entry of a list.
func hideHooks(list *yaml.Node) {
	for _, entry := range list.Content {
		for i := 1; entry.Kind == yaml.MappingNode && i < len(entry.Content); i += 2 {
			if entry.Content[i-1].Value == "url" {
				hideScalars(entry.Content[i])
			}
		}
	}
}

// withoutToken hides the parameters of a URL that are secret by their names.
func withoutToken(s string) string {
	if !strings.Contains(s, "://") || !strings.Contains(s, "?") {
		return s
	}
	address, query, _ := strings.Cut(s, "?")
	params := strings.Split(query, "&")
	for i, p := range params {
		if name, value, _ := strings.Cut(p, "="); value != "" && (secretKey(name) || strings.EqualFold(name, "key")) {
			params[i] = name + "=" + hidden
		}
	}
	return address + "?" + strings.Join(params, "&")
}

var secretWords = []string{"password", "secret", "credentials", "token", "api_key", "apikey", "access_key", "api_url", "webhook_url", "routing_key", "service_key", "user_key", "authorization"}

func secretKey(k string) bool {
	k = strings.ReplaceAll(strings.ToLower(k), "-", "_")
	if strings.HasSuffix(k, "_file") || k == "token_url" {
		return false
	}
	return slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(k, w) })
}
