package pitot

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// promFormat is a format of the exposition.
type promFormat uint8

const (
	textFormat promFormat = iota // Prometheus' text format 0.0.4
	openMetrics
)

func (f promFormat) contentType() string {
	if f == openMetrics {
		return "application/openmetrics-text; version=1.0.0; charset=utf-8"
	}
	return "text/plain; version=0.0.4; charset=utf-8"
}

// promFamily is a metric family as it is written.
type promFamily struct {
	name string // with _total where it is a counter
	help string
	unit string // OpenMetrics only
	kind promKind
	// info makes it target_info, which only OpenMetrics has a type for.
	info   bool
	points []promPoint
}

// promPoint is one series of a family, or for histograms and summaries one group
// of series.
type promPoint struct {
	labels string // rendered, without braces
	value  float64
	// For a histogram the counts of its buckets, one more than bounds, not yet
	// added up; for a summary quantiles and their values.
	bounds []float64
	counts []uint64
	values []float64
	count  uint64
	sum    float64
	noSum  bool
	// exemplars are at most one a bucket, and one for a counter.
	exemplars []promExemplar
}

// promExemplar is an example of a measurement.
type promExemplar struct {
	value         float64
	time          time.Time
	trace, spanID []byte
}

// key is the family's name without _total: in OpenMetrics no two families may
// share it.
func (f *promFamily) key() string {
	if f.kind == promCounter {
		return strings.TrimSuffix(f.name, "_total")
	}
	return f.name
}

// promWriter writes families.
type promWriter struct {
	b      []byte
	format promFormat
}

// write appends the exposition of families, which are in the order that they
// shall have.
func (w *promWriter) write(families []promFamily) {
	for i := range families {
		w.family(&families[i])
	}
	if w.format == openMetrics {
		w.b = append(w.b, "# EOF\n"...)
	}
}

func (w *promWriter) family(f *promFamily) {
	name, kind := f.name, f.kind.String()
	if w.format == openMetrics {
		name = f.key()
		if f.info {
			name, kind = strings.TrimSuffix(name, "_info"), "info"
		}
	}
	w.meta("HELP", name, w.help(f.help))
	w.meta("TYPE", name, kind)
	if w.format == openMetrics && f.unit != "" {
		w.meta("UNIT", name, f.unit)
	}
	for i := range f.points {
		p := &f.points[i]
		switch f.kind {
		case promHistogram:
			w.histogram(f.name, p)
		case promSummary:
			w.summary(f.name, p)
		case promCounter:
			w.sample(f.name, "", p.labels, "", p.value, exemplarIn(p.exemplars, math.Inf(-1), math.Inf(1)))
		case promGauge:
			w.sample(f.name, "", p.labels, "", p.value, nil)
		}
	}
}

func (w *promWriter) meta(word, name, value string) {
	w.b = append(w.b, "# "...)
	w.b = append(w.b, word...)
	w.b = append(w.b, ' ')
	w.b = append(w.b, name...)
	w.b = append(w.b, ' ')
	w.b = append(w.b, value...)
	w.b = append(w.b, '\n')
}

func (w *promWriter) help(s string) string {
	if w.format == openMetrics {
		return escapeQuoted(s)
	}
	return textHelp.Replace(strings.ToValidUTF8(s, "\uFFFD"))
}

var (
	textHelp = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	quoting  = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// escapeQuoted makes of s what may stand between quotes.
func escapeQuoted(s string) string { return quoting.Replace(strings.ToValidUTF8(s, "\uFFFD")) }

func (w *promWriter) histogram(name string, p *promPoint) {
	var seen uint64
	lower := math.Inf(-1)
	for i, c := range p.counts {
		seen += c
		upper := math.Inf(1)
		if i < len(p.bounds) {
			upper = p.bounds[i]
		}
		w.sample(name, "_bucket", p.labels, `le="`+w.bound(upper)+`"`, float64(seen), exemplarIn(p.exemplars, lower, upper))
		lower = upper
	}
	if len(p.counts) == 0 {
		w.sample(name, "_bucket", p.labels, `le="+Inf"`, float64(p.count), exemplarIn(p.exemplars, math.Inf(-1), math.Inf(1)))
	}
	if !p.noSum {
		w.sample(name, "_sum", p.labels, "", p.sum, nil)
	}
	w.sample(name, "_count", p.labels, "", float64(p.count), nil)
}

func (w *promWriter) summary(name string, p *promPoint) {
	for i, q := range p.bounds {
		w.sample(name, "", p.labels, `quantile="`+w.bound(q)+`"`, p.values[i], nil)
	}
	w.sample(name, "_sum", p.labels, "", p.sum, nil)
	w.sample(name, "_count", p.labels, "", float64(p.count), nil)
}

// bound writes the bound of a bucket. OpenMetrics wants a point in it.
func (w *promWriter) bound(v float64) string {
	s := promFloat(v)
	if w.format == openMetrics && !strings.ContainsAny(s, ".eIN") {
		s += ".0"
	}
	return s
}

func (w *promWriter) sample(name, suffix, labels, extra string, value float64, e *promExemplar) {
	w.b = append(w.b, name...)
	w.b = append(w.b, suffix...)
	if labels != "" || extra != "" {
		w.b = append(w.b, '{')
		w.b = append(w.b, labels...)
		if labels != "" && extra != "" {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, extra...)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ' ')
	w.b = append(w.b, promFloat(value)...)
	if e != nil && w.format == openMetrics {
		w.exemplar(e)
	}
	w.b = append(w.b, '\n')
}

func (w *promWriter) exemplar(e *promExemplar) {
	w.b = append(w.b, " # {"...)
	if len(e.trace) > 0 {
		w.b = append(w.b, `trace_id="`...)
		w.b = hex.AppendEncode(w.b, e.trace)
		w.b = append(w.b, '"')
	}
	if len(e.spanID) > 0 {
		if len(e.trace) > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, `span_id="`...)
		w.b = hex.AppendEncode(w.b, e.spanID)
		w.b = append(w.b, '"')
	}
	w.b = append(w.b, "} "...)
	w.b = append(w.b, promFloat(e.value)...)
	if !e.time.IsZero() {
		w.b = append(w.b, ' ')
		w.b = strconv.AppendFloat(w.b, float64(e.time.UnixMilli())/1000, 'f', 3, 64)
	}
}

// exemplarIn is the latest exemplar with a trace in (lower, upper].
func exemplarIn(all []promExemplar, lower, upper float64) *promExemplar {
	var found *promExemplar
	for i := range all {
		e := &all[i]
		if len(e.trace) == 0 || !(e.value > lower || math.IsInf(lower, -1)) || e.value > upper {
			continue
		}
		if found == nil || e.time.After(found.time) {
			found = e
		}
	}
	return found
}

func promFloat(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	case math.IsNaN(v):
		return "NaN"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// promPair is one label.
type promPair struct{ name, value string }

// renderLabels writes labels in order of their names. Of two with the same name,
// as different attributes may have after the translation, the values are joined.
func renderLabels(p []promPair) string {
	slices.SortStableFunc(p, func(a, b promPair) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	for i := 0; i < len(p); i++ {
		values := []string{p[i].value}
		for ; i+1 < len(p) && p[i+1].name == p[i].name; i++ {
			values = append(values, p[i+1].value)
		}
		value := strings.Join(values, ";")
		if value == "" {
			continue // no label at all
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(p[i].name)
		b.WriteString(`="`)
		b.WriteString(escapeQuoted(value))
		b.WriteByte('"')
	}
	return b.String()
}
