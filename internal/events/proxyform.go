package events

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// proxyForm reads the parameters of a LogsQL request, and leaves its body to be
// read again.
func proxyForm(r *http.Request) (url.Values, error) {
	form := r.URL.Query()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Body == nil || kind != "application/x-www-form-urlencoded" {
		return form, nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read query: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	more, err := url.ParseQuery(string(b))
	if err != nil {
		return form, nil //nolint:nilerr // the engine says what is wrong
	}
	for name, values := range more {
		form[name] = append(values, form[name]...)
	}
	return form, nil
}

// filePipe is the pipe that answers with paths of the engine's files. Between it and
// its bar comments may stand.
var filePipe = regexp.MustCompile(`(?i)\|(?:\s|#[^\n]*(?:\n|$))*block_stats\b`)

// asksForFiles says whether a query asks for the engine's files, or could: bodies in
// another form than that of proxyForm are not read here, but by the engine.
func asksForFiles(r *http.Request, form url.Values) bool {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if strings.HasPrefix(kind, "multipart/") {
		return true
	}
	return slices.ContainsFunc(form["query"], filePipe.MatchString)
}

type proxyFormKey struct{}

func withProxyForm(ctx context.Context, form url.Values) context.Context {
	return context.WithValue(ctx, proxyFormKey{}, form)
}

// proxyContent are the kinds of a query that names content: rows of content are
// parts of a record, and would be counted as records by one that does not.
const proxyContent = `{kind in ("call","span","log","feedback","content")}`

var namesContent = regexp.MustCompile(`kind"?\s*(?::?=|:|\s+in\s*\(|:\s*in\s*\()[^{}]*"?\bcontent\b`)

func kindsFor(ctx context.Context) string {
	form, _ := ctx.Value(proxyFormKey{}).(url.Values)
	if namesContent.MatchString(form.Get("query")) {
		return proxyContent
	}
	return proxyKinds
}

// proxyRange is the time that a LogsQL request asks about, as far as it is plain:
// what is not understood asks about all.
func proxyRange(form url.Values, now time.Time) Range {
	var r Range
	r.Start, _ = proxyTime(form.Get("start"), now)
	r.End, _ = proxyTime(form.Get("end"), now)
	if r.End.IsZero() {
		r.End = now.Add(maxFuture)
	}
	in := queryRange(form.Get("query"), now)
	if in.Start.After(r.Start) {
		r.Start = in.Start
	}
	if !in.End.IsZero() && in.End.Before(r.End) {
		r.End = in.End
	}
	return r
}

var (
	timeFilters = regexp.MustCompile(`_time:`)
	lastFilter  = regexp.MustCompile(`_time:(\d+(?:\.\d+)?(?:ms|s|m|h|d|w|y)\b)`)
	spanFilter  = regexp.MustCompile(`_time:[\[(]\s*([^,\])\s]+)\s*,\s*([^,\])\s]+)\s*[\])]`)
	eitherWords = regexp.MustCompile(`(?i)\bor\b|\bnot\b|[!{}|]\s*_time|\boptions\b|\boffset\b`)
)

// queryRange is the range of a query's only filter by time, where all rows must
// pass it.
func queryRange(query string, now time.Time) Range {
	if eitherWords.MatchString(query) {
		return Range{}
	}
	query, _, _ = strings.Cut(query, "|") // steps of time follow
	at := timeFilters.FindAllStringIndex(query, 2)
	if len(at) != 1 || strings.Contains(query[:at[0][0]], "(") {
		return Range{}
	}
	if m := lastFilter.FindStringSubmatch(query); m != nil {
		if t, ok := proxyTime(m[1], now); ok {
			return Range{t, now.Add(maxFuture)}
		}
	}
	if m := spanFilter.FindStringSubmatch(query); m != nil {
		from, ok := proxyTime(m[1], now)
		to, ok2 := proxyTime(m[2], now)
		if ok && ok2 {
			return Range{from, to.Add(24 * time.Hour)} // an end that is a day is all of it
		}
	}
	return Range{}
}

// proxyTime reads a time as the engine takes it; false where it is none or of a
// form that Pitot does not know.
func proxyTime(s string, now time.Time) (time.Time, bool) {
	s = strings.Trim(strings.TrimSpace(s), `"'`)
	if s == "" {
		return time.Time{}, false
	}
	if s == "now" {
		return now, true
	}
	if t, err := time.Parse("2006", s); err == nil {
		return t, true
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		for _, unit := range []float64{1, 1e3, 1e6, 1e9} { // seconds to nanoseconds, by their size
			if sec := n / unit; sec < 1e11 && sec > -1e11 && (unit == 1e9 || sec < 1<<32) {
				return time.Unix(0, int64(sec*1e9)).UTC(), true
			}
		}
		return time.Time{}, false
	}
	if d, ok := proxyDuration(strings.TrimLeft(strings.TrimPrefix(s, "now"), "-")); ok {
		return now.Add(-d), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02T15", time.DateOnly, "2006-01-02Z07:00", "2006-01"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// proxyDuration reads a number with one unit.
func proxyDuration(s string) (time.Duration, bool) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if i <= 0 {
		return 0, false
	}
	n, err := strconv.ParseFloat(s[:i], 64)
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour}
	unit, ok := units[s[i:]]
	return time.Duration(n * float64(unit)), err == nil && ok
}
