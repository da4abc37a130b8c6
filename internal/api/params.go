package api

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/events"
)

// tagParam stands for the parameters that are named after tags.
const tagParam = "tags.NAME"

// params reads a request's query parameters, and remembers the first one that
// is wrong.
type params struct {
	q    url.Values
	now  time.Time
	used map[string]bool
	err  *Error
}

func newParams(r *http.Request, now time.Time) *params {
	q, err := url.ParseQuery(r.URL.RawQuery)
	p := &params{q: q, now: now, used: map[string]bool{}}
	if err != nil {
		p.fail(&Error{http.StatusBadRequest, CodeBadParameter, "the query string cannot be read: " + err.Error(), "allowed: name=value pairs, percent-encoded, with & between them"})
	}
	return p
}

// get reads a parameter that may be given once.
func (p *params) get(name string) string {
	p.used[name] = true
	values := p.q[name]
	if len(values) > 1 {
		p.fail(&Error{http.StatusBadRequest, CodeBadParameter, fmt.Sprintf("parameter %s is given %d times", name, len(values)), "allowed: once"})
	}
	if len(values) == 0 {
		return ""
	}
	if !utf8.ValidString(values[0]) {
		p.fail(badParameter(name, values[0], "text in UTF-8"))
	}
	return values[0]
}

func (p *params) fail(e *Error) {
	if p.err == nil {
		p.err = e
	}
}

// check reports the first bad parameter, or one that the endpoint does not know:
// a misspelt filter that is ignored shows wrong numbers.
func (p *params) check() error {
	if p.err != nil {
		return p.err
	}
	for _, name := range sortedKeys(p.q) {
		if !p.used[name] {
			known := slices.DeleteFunc(sortedKeys(p.used), func(k string) bool { return k != tagParam && strings.HasPrefix(k, "tags.") })
			if len(known) == 0 {
				known = []string{"no parameters"}
			}
			return &Error{http.StatusBadRequest, CodeBadParameter, "unknown parameter " + cut(name), "allowed: " + strings.Join(known, ", ")}
		}
	}
	return nil
}

const timeForms = "RFC 3339, Unix seconds or milliseconds, now, or a time ago such as -1h"

// time reads a moment.
func (p *params) time(name string, def time.Time) time.Time {
	s := p.get(name)
	if s == "" {
		return def
	}
	t, ok := parseTime(s, p.now)
	if !ok {
		p.fail(badParameter(name, s, timeForms))
		return def
	}
	return t
}

// maxUnixSeconds is the start of the year 10000, which RFC 3339 cannot write.
const maxUnixSeconds = 253402300800

func parseTime(s string, now time.Time) (time.Time, bool) {
	if s == "now" {
		return now, true
	}
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		d, err := model.ParseDuration(ago)
		return now.Add(-time.Duration(d)), err == nil
	}
	// A plus sign that was not percent-encoded arrives as a space.
	if t, err := time.Parse(time.RFC3339Nano, strings.Replace(s, " ", "+", 1)); err == nil {
		t = t.UTC()
		return t, t.Year() >= 0 && t.Unix() < maxUnixSeconds
	}
	f, ok := parseDecimal(s)
	if f > 1e11 { // later than the year 5138 in seconds: milliseconds
		f /= 1e3
	}
	if !ok || f >= maxUnixSeconds {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(math.Round(f * 1e6))).UTC(), true
}

// parseDecimal reads digits with at most one point: no sign, exponent, infinity
// or hexadecimal form, which strconv takes too.
func parseDecimal(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// timeRange reads start and end; def is the length of the range that ends at end
// where there is no start.
func (p *params) timeRange(def time.Duration) (start, end time.Time) {
	end = p.time("end", p.now)
	start = p.time("start", end.Add(-def))
	if p.err == nil && !start.Before(end) {
		p.fail(&Error{http.StatusBadRequest, CodeBadParameter, "start must be before end", "allowed: start < end; end is now where it is absent"})
	}
	return start, end
}

// openRange reads start and end where either may be left open.
func (p *params) openRange() events.Range {
	r := events.Range{Start: p.time("start", time.Time{}), End: p.time("end", time.Time{})}
	if !r.Start.IsZero() && !r.End.IsZero() && !r.Start.Before(r.End) {
		p.fail(&Error{http.StatusBadRequest, CodeBadParameter, "start must be before end", "allowed: start < end"})
	}
	return r
}

// flag reads true or false, the default.
func (p *params) flag(name string) bool { return p.oneOf(name, "false", "true") == "true" }

// duration reads a duration in the form of Prometheus (5m, 1h30m) or in seconds,
// up to maxRange; 0 where it is absent.
func (p *params) duration(name string, minimum time.Duration) time.Duration {
	s := p.get(name)
	if s == "" {
		return 0
	}
	d, ok := parseDuration(s)
	if !ok || d < minimum || d > maxRange {
		p.fail(badParameter(name, s, fmt.Sprintf("a duration from %s to %s, such as 250ms, 5m or 1.5 (seconds)", model.Duration(minimum), model.Duration(maxRange))))
		return 0
	}
	return d
}

func parseDuration(s string) (time.Duration, bool) {
	if d, err := model.ParseDuration(s); err == nil {
		return time.Duration(d), true
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, true
	}
	f, ok := parseDecimal(s)
	if !ok || f > 1e9 {
		return 0, false
	}
	return time.Duration(math.Round(f * float64(time.Second))), true
}

// count reads a whole number from 1 to maximum.
func (p *params) count(name string, def, maximum int) int {
	s := p.get(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maximum {
		p.fail(badParameter(name, s, "a whole number from 1 to "+strconv.Itoa(maximum)))
		return def
	}
	return n
}

// oneOf reads a word of a list; the first is the default where it is empty.
func (p *params) oneOf(name string, allowed ...string) string {
	s := p.get(name)
	if s == "" {
		return allowed[0]
	}
	if !slices.Contains(allowed, s) {
		p.fail(badParameter(name, s, strings.Join(slices.DeleteFunc(slices.Clone(allowed), func(a string) bool { return a == "" }), ", ")))
		return allowed[0]
	}
	return s
}

// maxTagName is the longest name of a tag: with its prefix it is the name of a
// field, which the engine limits to 128 bytes.
const maxTagName = 120

// tag returns the name of the tag that name, of the form tags.NAME, stands for.
func tagOf(name string) (tag string, ok bool) {
	tag, ok = strings.CutPrefix(name, "tags.")
	return tag, ok && tag != "" && len(tag) <= maxTagName && utf8.ValidString(tag)
}

// dimensions reads names of dimensions, comma-separated or repeated; each
// counts once.
func (p *params) dimensions(name string, allowed []string) []string {
	p.used[name] = true
	var out []string
	for _, v := range p.q[name] {
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s == "" || slices.Contains(out, s) {
				continue
			}
			p.checkDimension(name, s, allowed)
			out = append(out, s)
		}
	}
	return out
}

// dimension reads the name of one dimension.
func (p *params) dimension(name string, allowed []string) string {
	s := p.get(name)
	if s != "" {
		p.checkDimension(name, s, allowed)
	}
	return s
}

func (p *params) checkDimension(name, value string, allowed []string) {
	if _, ok := tagOf(value); !ok && !slices.Contains(allowed, value) {
		p.fail(badParameter(name, value, strings.Join(allowed, ", ")+", "+tagParam))
	}
}

// tags reads the parameters that are named after tags.
func (p *params) tags() map[string]string {
	p.used[tagParam] = true
	var tags map[string]string
	for _, name := range sortedKeys(p.q) {
		if !strings.HasPrefix(name, "tags.") {
			continue
		}
		value := p.get(name)
		tag, ok := tagOf(name)
		if !ok {
			p.fail(&Error{http.StatusBadRequest, CodeBadParameter, "parameter " + cut(name) + " names no tag", fmt.Sprintf("allowed: tags. with a name of 1 to %d bytes behind it", maxTagName)})
			continue
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[tag] = value
	}
	return tags
}

// traceID reads a trace id.
func (p *params) traceID(name string) string {
	s := p.get(name)
	if s == "" {
		return ""
	}
	id, ok := parseTraceID(s)
	if !ok {
		p.fail(badParameter(name, s, traceIDForm))
	}
	return id
}

const traceIDForm = "the id of a trace: 32 hex digits; leading zeros may be left out"

// parseTraceID returns the form in which trace ids are stored. Senders with ids
// of 64 bits, and Jaeger's clients, leave leading zeros out.
func parseTraceID(s string) (string, bool) {
	if s == "" || len(s) > 32 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return "", false
	}
	return strings.Repeat("0", 32-len(s)) + strings.ToLower(s), true
}

const callIDForm = "the id of a call: 26 letters and digits"

// parseCallID returns the form in which the ids of Calls (ULIDs) are stored. It
// keeps what is no id from becoming a query over the whole store.
func parseCallID(s string) (string, bool) {
	s = strings.ToUpper(s)
	return s, len(s) == 26 && s[0] <= '7' && strings.Trim(s, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") == ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
