package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// params reads a request's query parameters, and remembers the first one that
// is wrong.
type params struct {
	q    url.Values
	now  time.Time
	used map[string]bool
	err  *Error
}

func newParams(r *http.Request, now time.Time) *params {
	return &params{q: r.URL.Query(), now: now, used: map[string]bool{}}
}

func (p *params) get(name string) string {
	p.used[name] = true
	return p.q.Get(name)
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
	for name := range p.q {
		if !p.used[name] {
			known := make([]string, 0, len(p.used))
			for k := range p.used {
				known = append(known, k)
			}
			slices.Sort(known)
			return &Error{http.StatusBadRequest, CodeBadParameter, "unknown parameter " + name, "allowed: " + strings.Join(known, ", ")}
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
	}
	return t
}

func parseTime(s string, now time.Time) (time.Time, bool) {
	if s == "now" {
		return now, true
	}
	if ago, ok := strings.CutPrefix(s, "-"); ok {
		if d, err := model.ParseDuration(ago); err == nil {
			return now.Add(-time.Duration(d)), true
		}
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t.UTC(), true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > 1e17 {
		return time.Time{}, false
	}
	if f > 1e11 { // later than the year 5138 in seconds: milliseconds
		f /= 1e3
	}
	sec := int64(f)
	return time.Unix(sec, int64((f-float64(sec))*1e9)).UTC(), true
}

// timeRange reads start and end; the default is the last hour.
func (p *params) timeRange(def time.Duration) (start, end time.Time) {
	end = p.time("end", p.now)
	start = p.time("start", end.Add(-def))
	if p.err == nil && !start.Before(end) {
		p.fail(&Error{http.StatusBadRequest, CodeBadParameter, "start must be before end", "allowed: start < end"})
	}
	return start, end
}

// duration reads a duration in the form of Prometheus (5m, 1h30m) or in seconds.
func (p *params) duration(name string, def, minimum, maximum time.Duration) time.Duration {
	s := p.get(name)
	if s == "" {
		return def
	}
	d, ok := parseDuration(s)
	if !ok || d < minimum || d > maximum {
		p.fail(badParameter(name, s, "a duration from "+minimum.String()+" to "+maximum.String()+", such as 250ms, 5m or 1.5 (seconds)"))
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
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > 1e9 {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}

// int reads a whole number within bounds.
func (p *params) int(name string, def, minimum, maximum int) int {
	s := p.get(name)
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < minimum || n > maximum {
		p.fail(badParameter(name, s, "a whole number from "+strconv.Itoa(minimum)+" to "+strconv.Itoa(maximum)))
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
	}
	return s
}

// list reads words of a list, comma-separated or repeated.
func (p *params) list(name string, def, allowed []string) []string {
	p.used[name] = true
	var out []string
	for _, v := range p.q[name] {
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s == "" {
				continue
			}
			if !slices.Contains(allowed, s) && !(strings.HasPrefix(s, "tags.") && slices.Contains(allowed, "tags.*")) {
				p.fail(badParameter(name, s, strings.Join(allowed, ", ")))
			}
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return def
	}
	return out
}
