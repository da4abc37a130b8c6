package logs

import (
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Attributes that the package adds of its own.
const (
	attrIndex     = "index"         // the Elasticsearch index that a document was sent to
	attrFile      = "log.file.path" // the file that a line was read from
	attrStream    = "log.iostream"  // stdout or stderr, where a container runtime says so
	attrTruncated = "log.truncated" // the line was longer than the limit and was cut
	attrPartial   = "log.partial"   // the line had no end when it was taken
	attrDropped   = "log.dropped_attributes"
	attrRequest   = "request_id"
	attrModel     = "model"
)

// Bounds of a message that is made up from the line.
const maxMadeMessage = 1024

// origin is what is known of a line besides its text.
type origin struct {
	input       string
	arrival     time.Time
	time        time.Time // from the wrapper around the line; zero is none
	id          []string  // identifies the line for good; nil where nothing does
	index       string
	service     string
	environment string
	attributes  map[string]string // added where absent; with labels of the configuration
	resource    map[string]string // likewise
	stream      string
	path        string
	truncated   bool
	partial     bool
}

// mapper makes records of flattened documents. It is used by one goroutine.
type mapper struct {
	sources map[string]source
	calls   bool
	metrics *Metrics
	doc     document
	used    []bool
}

func newMapper(c Config, m *Metrics) *mapper {
	return &mapper{sources: sources(), calls: c.Calls == nil || *c.Calls, metrics: m}
}

// json appends the records of the document that m.doc holds; raw is its text.
func (m *mapper) json(dst []llm.Record, raw []byte, o *origin) []llm.Record {
	d := &m.doc
	var found [canonicals]candidates
	m.used = append(m.used[:0], make([]bool, len(d.fields))...)
	for i := range d.fields {
		if s, ok := find(m.sources, d.fields[i].key); ok {
			found[s.to].add(i, s.rank, d.fields[i].level, d.depth)
		}
	}
	l := &llm.Log{Source: llm.SourceLogs, Service: o.service, Environment: o.environment}
	m.takeTime(l, &found[toTime], o)
	m.take(&found[toLevel], func(f *field) bool {
		level, ok := parseLevel(strings.ToLower(f.key), f.val)
		l.Level = level
		return ok
	})
	m.takeIDs(l, &found)
	m.name(&found[toService], &l.Service)
	m.name(&found[toEnvironment], &l.Environment)
	m.name(&found[toScope], &l.Scope)
	m.takeMessage(l, &found, raw)
	l.Resource = m.resource(&found, o)
	l.Attributes = m.attributes(&found, o)
	l.ID = recordID(l.Time, o)
	dst = append(dst, llm.Record{Log: l})
	if !m.calls {
		return dst
	}
	c, kind := m.call(l, &found, o)
	if c == nil {
		return dst
	}
	m.metrics.calls.WithLabelValues(kind).Inc()
	return append(dst, llm.Record{Call: c})
}

// plainText appends the record of a line that is no JSON.
func (m *mapper) plainText(dst []llm.Record, line []byte, o *origin) []llm.Record {
	l := &llm.Log{
		Source: llm.SourceLogs, Service: o.service, Environment: o.environment, Message: validText(string(line)),
		Time: o.time, Level: levelOfText(line),
	}
	if l.Time.IsZero() {
		l.Time = leadingTime(line, o.arrival)
	}
	if l.Time.IsZero() {
		l.Time = o.arrival.UTC()
	}
	m.doc.reset()
	var none [canonicals]candidates
	l.Resource = m.resource(&none, o)
	l.Attributes = m.attributes(&none, o)
	l.ID = recordID(l.Time, o)
	return append(dst, llm.Record{Log: l})
}

func recordID(t time.Time, o *origin) string {
	if o.id != nil {
		return derivedID(t, o.id...)
	}
	return randomID(t)
}

// take offers the candidates in order until one is taken, and keeps that one
// from becoming an attribute.
func (m *mapper) take(c *candidates, accept func(*field) bool) {
	for _, e := range c.all() {
		if accept(&m.doc.fields[e.field]) {
			m.used[e.field] = true
			return
		}
	}
}

// name takes a scalar as a name.
func (m *mapper) name(c *candidates, dst *string) {
	m.take(c, func(f *field) bool {
		s, ok := text(f.val)
		if s = strings.TrimSpace(s); !ok || s == "" {
			return false
		}
		*dst = s
		return true
	})
}

func (m *mapper) takeTime(l *llm.Log, c *candidates, o *origin) {
	m.take(c, func(f *field) bool {
		t, ok := parseTime(f.val, o.arrival)
		if ok {
			l.Time = t
		}
		return ok
	})
	if l.Time.IsZero() {
		l.Time = o.time
	}
	if l.Time.IsZero() {
		l.Time = o.arrival.UTC()
	}
}

func (m *mapper) takeIDs(l *llm.Log, found *[canonicals]candidates) {
	m.take(&found[toTrace], func(f *field) (ok bool) {
		s, _ := text(f.val)
		l.TraceID, ok = parseTraceID(f.key, s)
		return ok
	})
	m.take(&found[toSpan], func(f *field) (ok bool) {
		s, _ := text(f.val)
		l.SpanID, ok = parseSpanID(f.key, s)
		return ok
	})
	if l.TraceID != "" {
		return
	}
	m.take(&found[toTraceparent], func(f *field) bool {
		s, _ := text(f.val)
		trace, span, ok := parseTraceparent(s)
		if ok {
			l.TraceID, l.SpanID = trace, span
		}
		return ok
	})
}

func (m *mapper) takeMessage(l *llm.Log, found *[canonicals]candidates, raw []byte) {
	m.take(&found[toMessage], func(f *field) bool {
		s, ok := text(f.val)
		if ok {
			l.Message = strings.TrimRight(s, "\r\n")
		}
		return ok && l.Message != ""
	})
	m.take(&found[toEvent], func(f *field) bool {
		s, ok := f.val.(string)
		if !ok || s == "" {
			return false
		}
		if l.Message == "" && strings.ContainsAny(s, " \n") {
			l.Message = s
		} else {
			l.Event = s
		}
		return true
	})
	if l.Message == "" {
		l.Message = l.Event
	}
	if l.Message == "" {
		l.Message = madeMessage(raw)
	}
}

// madeMessage is the line itself, cut.
func madeMessage(raw []byte) string {
	s := strings.TrimSpace(string(raw[:min(len(raw), maxMadeMessage)]))
	if len(raw) > maxMadeMessage {
		for s != "" {
			if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
				break
			}
			s = s[:len(s)-1]
		}
		s += "…"
	}
	return s
}

func (m *mapper) resource(found *[canonicals]candidates, o *origin) map[string]any {
	out := make(map[string]any, 4)
	for _, r := range [...]struct {
		to   canonical
		name string
	}{{toCluster, ResourceCluster}, {toNamespace, ResourceNamespace}, {toPod, ResourcePod}} {
		var s string
		m.name(&found[r.to], &s)
		if s != "" {
			out[r.name] = s
		}
	}
	for k, v := range o.resource {
		if _, ok := out[k]; !ok && v != "" {
			out[k] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// attributes are the fields that went nowhere else.
func (m *mapper) attributes(found *[canonicals]candidates, o *origin) map[string]any {
	d := &m.doc
	out := make(map[string]any, min(len(d.fields), maxFields)+4)
	m.alias(out, &found[toRequest], attrRequest)
	m.alias(out, &found[toModel], attrModel)
	dropped := d.dropped
	for level := d.depth; level >= 0; level-- { // the innermost names win
		for i := range d.fields {
			f := &d.fields[i]
			if f.level != level || m.used[i] {
				continue
			}
			if len(out) >= maxFields {
				dropped++
				continue
			}
			key := f.key
			if have, taken := out[key]; taken {
				if s, ok := f.val.(string); ok && s == have {
					continue
				}
				key = "outer." + key
			}
			out[key] = f.val
		}
	}
	if dropped > 0 {
		m.metrics.attributes.Add(float64(dropped))
		out[attrDropped] = int64(dropped)
	}
	for k, v := range o.attributes {
		if _, ok := out[k]; !ok {
			out[k] = v
		}
	}
	set := func(k, v string) {
		if v == "" {
			return
		}
		if own, ok := out[k]; ok {
			out["fields."+k] = own
		}
		out[k] = v
	}
	set(attrIndex, o.index)
	set(attrFile, o.path)
	set(attrStream, o.stream)
	if o.truncated {
		out[attrTruncated] = true
	}
	if o.partial {
		out[attrPartial] = true
	}
	return out
}

// alias stores the best candidate as an attribute under one name.
func (m *mapper) alias(out map[string]any, c *candidates, name string) {
	m.take(c, func(f *field) bool {
		s, ok := text(f.val)
		if !ok || s == "" {
			return false
		}
		out[name] = s
		return true
	})
}

// withResource returns base with over on top.
func withResource(base, over map[string]string) map[string]string {
	if len(over) == 0 {
		return base
	}
	out := maps.Clone(base)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, over)
	return out
}
