package api

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
)

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"now":                                 "2026-11-21T10:00:00Z",
		"-1h":                                 "2026-11-21T09:00:00Z",
		"-1d12h":                              "2026-11-19T22:00:00Z",
		"-250ms":                              "2026-11-21T09:59:59.75Z",
		"-0":                                  "2026-11-21T10:00:00Z",
		"2026-11-21T09:00:00.123456789Z":      "2026-11-21T09:00:00.123456789Z",
		"2026-11-21T09:00:00+08:00":           "2026-11-21T01:00:00Z",
		"2026-11-21T09:00:00 08:00":           "2026-11-21T01:00:00Z", // a plus sign that was not encoded
		"0":                                   "1970-01-01T00:00:00Z",
		"1795255200":                          "2026-11-21T10:00:00Z",
		"1795255200.123456":                   "2026-11-21T10:00:00.123456Z",
		"1795255200123":                       "2026-11-21T10:00:00.123Z",
		"253402300799":                        "1978-01-11T21:31:40.799Z", // milliseconds: seconds end in 5138
		"9999-12-31T23:59:59Z":                "9999-12-31T23:59:59Z",
		"":                                    "",
		"yesterday":                           "",
		"-":                                   "",
		"-1":                                  "",
		"--1h":                                "",
		"1h":                                  "",
		"+1h":                                 "",
		"NaN":                                 "",
		"Inf":                                 "",
		"1e9":                                 "",
		"0x10":                                "",
		"1.2.3":                               "",
		".":                                   "",
		"1795255200123456":                    "", // microseconds
		"1795255200123456789":                 "", // nanoseconds
		"99999999999999999999999999999999999": "",
		"2026-11-21":                          "",
		"2026-13-01T00:00:00Z":                "",
		"9999-12-31T23:59:59-01:00":           "", // the year 10000
		"0000-01-01T00:00:00+01:00":           "", // the year -1
	} {
		got, ok := parseTime(in, now)
		if ok != (want != "") {
			t.Errorf("parseTime(%q): ok is %v", in, ok)
			continue
		}
		if s := got.Format(time.RFC3339Nano); ok && s != want {
			t.Errorf("parseTime(%q) = %s, want %s", in, s, want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "250ms": 250 * time.Millisecond, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "1d": 24 * time.Hour,
		"1.5s": 1500 * time.Millisecond, "1.5": 1500 * time.Millisecond, "5": 5 * time.Second, "100us": 100 * time.Microsecond, "0.0001": 100 * time.Microsecond,
	} {
		if got, ok := parseDuration(in); !ok || got != want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "x", "-1s", "-5", "NaN", "Inf", "1e3", "0x1", "1e300h", "5 m", "10000000000", "."} {
		if got, ok := parseDuration(in); ok {
			t.Errorf("parseDuration(%q) = %v", in, got)
		}
	}
}

func TestParseIDs(t *testing.T) {
	for in, want := range map[string]string{
		traceID: traceID, strings.ToUpper(traceID): traceID, "8448eb211c80319c": "00000000000000008448eb211c80319c", "1": strings.Repeat("0", 31) + "1",
		"": "", "xyz": "", traceID + "0": "", traceID[:31] + "g": "", " " + traceID[:31]: "",
	} {
		if got, ok := parseTraceID(in); got != want || ok != (want != "") {
			t.Errorf("parseTraceID(%q) = %q, %v", in, got, ok)
		}
	}
	for in, ok := range map[string]bool{
		callID: true, strings.ToLower(callID): true, "": false, callID[1:]: false, callID + "0": false, "8" + callID[1:]: false,
		callID[:25] + "I": false, callID[:25] + "U": false, callID[:25] + "*": false, callID[:25] + `"`: false,
	} {
		got, is := parseCallID(in)
		if is != ok || ok && got != callID {
			t.Errorf("parseCallID(%q) = %q, %v", in, got, is)
		}
	}
}

// TestParameterRules are the rules for all parameters alike.
func TestParameterRules(t *testing.T) {
	a := newAPI(t)
	for query, hint := range map[string]string{
		"models=gpt-4o":                   "allowed: agent, cursor, dialect, end, ",
		"model=a&model=b":                 "allowed: once",
		"model=%zz":                       "percent-encoded",
		"a;b=1":                           "percent-encoded",
		"model=%ff":                       "UTF-8",
		"tags.=x":                         "name of 1 to 120 bytes",
		"tags.%ff=x":                      "name of 1 to 120 bytes",
		"tags." + long(121) + "=x":        "name of 1 to 120 bytes",
		"start=tomorrow":                  timeForms,
		"end=1e9":                         timeForms,
		"start=now":                       "start < end",
		"start=-1h&end=-2h":               "start < end",
		"status=bad":                      "allowed: ok, error",
		"source=web":                      "allowed: gateway, otlp, sdk",
		"trace_id=xyz":                    "32 hex digits",
		"min_duration=soon":               "a duration from 0s to 1y",
		"max_duration=2y":                 "a duration from 0s to 1y",
		"min_duration=-5s":                "a duration from 0s to 1y",
		"min_duration=5s&max_duration=1s": "min_duration <= max_duration",
		"order=random":                    "newest, oldest, slowest, costliest, most_tokens",
		"limit=0":                         "1 to 1000",
		"limit=1001":                      "1 to 1000",
		"limit=ten":                       "1 to 1000",
		"limit=99999999999999999999":      "1 to 1000",
		"cursor=abc":                      "next_cursor of the page before",
		"cursor=e30":                      "next_cursor of the page before", // {}
	} {
		e := wantError(t, a.get("/api/pitot/v1/calls?"+query), http.StatusBadRequest, CodeBadParameter)
		if !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: the hint is %q, want %q in it", query, e.Hint, hint)
		}
	}
	for url, hint := range map[string]string{
		"/facets?fields=color":                      "service, environment, ",
		"/facets?fields=model,tags.":                "tags.NAME",
		"/facets?limit=1001":                        "1 to 1000",
		"/summary?minutes=0":                        "1 to 527040",
		"/summary?minutes=5&start=-1h":              "one of them",
		"/timeline?by=color":                        "service, environment, ",
		"/timeline?by=user,model":                   "service, environment, ",
		"/timeline?step=1ms":                        "from 1s to 1y",
		"/timeline?limit=101":                       "1 to 100",
		"/costs?by=finish_reasons":                  "service, environment, ",
		"/costs?step=59s":                           "from 1m to 1y",
		"/costs?limit=10001":                        "1 to 10000",
		"/traces/" + traceID + "?start=x":           timeForms,
		"/traces/" + traceID + "?start=-1h&end=-2h": "start < end",
		"/traces/xyz":                               "32 hex digits",
		"/calls/xyz":                                "26 letters and digits",
		"/calls/follow?start=-1h":                   "allowed: agent, dialect, environment, ",
		"/calls/follow?status=bad":                  "ok, error",
		"/ledger?x=1":                               "no parameters",
		"/status?x=1":                               "no parameters",
	} {
		e := wantError(t, a.get("/api/pitot/v1"+url), http.StatusBadRequest, CodeBadParameter)
		if !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: the hint is %q, want %q in it", url, e.Hint, hint)
		}
	}
}

// TestErrorsDoNotRepeatEverything bounds what an error echoes.
func TestErrorsDoNotRepeatEverything(t *testing.T) {
	for _, url := range []string{
		"/api/pitot/v1/calls?status=" + long(5000), "/api/pitot/v1/calls?" + long(5000) + "=1", "/api/pitot/v1/calls/" + long(5000),
		"/" + long(5000), "/jaeger/api/traces/" + long(5000),
	} {
		if w := newAPI(t).get(url); w.Code < 400 || w.Body.Len() > 1000 {
			t.Errorf("%.60s: status %d, %d bytes", url, w.Code, w.Body.Len())
		}
	}
}

func long(n int) string { return strings.Repeat("a", n) }

func TestTags(t *testing.T) {
	p := newParams(httptest.NewRequest(http.MethodGet, "/?tags.team=a&tags.a.b=c%20d&model=x", http.NoBody), now)
	f := p.filter(hour)
	if err := p.check(); err != nil {
		t.Fatal(err)
	}
	want := events.CallFilter{
		Range: events.Range{Start: now.Add(-time.Hour), End: now}, Model: "x", Tags: map[string]string{"team": "a", "a.b": "c d"},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{"now", "-1h", "1795255200.5", "1795255200123", "2026-11-21T09:00:00+08:00", "NaN", "-292y", "1e17"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseTime(s, now)
		if !ok {
			return
		}
		// The store writes times as RFC 3339, and a cursor must read its own.
		text, err := got.MarshalText()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		back, ok := parseTime(string(text), now)
		if !ok || !back.Equal(got) {
			t.Fatalf("%q is %s, which is read as %s, %v", s, text, back, ok)
		}
		if strings.HasPrefix(s, "-") && got.After(now) {
			t.Fatalf("%q ago is %s", s, got)
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"5m", "1.5", "1h30m", "-1s", "NaN", "1e9", "292y", "106751d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d, ok := parseDuration(s); ok && d < 0 {
			t.Fatalf("%q is %s", s, d)
		}
	})
}

// FuzzFilter reads any query string: whatever passes the checks is a filter that
// the store can use.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"start=-1h&end=now&model=gpt-4o&status=ok&tags.team=a", "min_duration=1&max_duration=2", "trace_id=ff&source=sdk", "limit=5&order=oldest",
		"cursor=eyJzIjoiMjAyNi0xMS0yMVQwOTowMDowMFoiLCJlIjoiMjAyNi0xMS0yMVQxMDowMDowMFoiLCJjIjoieCJ9", "by=user,tags.x&step=5m&fields=model", "%zz", "a=1;b=2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query}}
		p := newParams(r, now)
		q := events.CallQuery{CallFilter: p.filter(hour), Limit: p.count("limit", 100, 1000)}
		p.cursor(&q)
		by := p.dimensions("by", events.GroupFields())
		step := p.duration("step", time.Second)
		if p.check() != nil {
			return
		}
		if !q.Start.Before(q.End) || q.End.Year() > 9999 || q.Start.Year() < 0 {
			t.Errorf("range %s to %s", q.Start, q.End)
		}
		if q.Limit < 1 || q.Limit > 1000 || q.MinDuration < 0 || q.MaxDuration < 0 || step < 0 || step > maxRange {
			t.Errorf("limit %d, durations %s and %s, step %s", q.Limit, q.MinDuration, q.MaxDuration, step)
		}
		if q.TraceID != "" && len(q.TraceID) != 32 {
			t.Errorf("trace id %q", q.TraceID)
		}
		for name := range q.Tags {
			if name == "" || len(name) > maxTagName {
				t.Errorf("tag %q", name)
			}
		}
		for i, b := range by {
			if b == "" || strings.ContainsRune(b, ',') {
				t.Errorf("dimension %d is %q", i, b)
			}
		}
	})
}

func FuzzJaegerQuery(f *testing.F) {
	for _, s := range []string{
		"service=a&operation=all&start=1795251600000000&end=1795255200000000&limit=20&lookback=custom", `tags={"error":"true"}&tag=a:b`, "minDuration=1ms&maxDuration=1s",
		"start=-5", "end=9223372036854775807", "lookback=2d",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		p := newJaegerParams(&http.Request{URL: &url.URL{RawQuery: query}})
		q := p.traceQuery(now)
		if p.err != nil {
			return
		}
		if !q.Start.Before(q.End) || q.End.Year() > 9999 || q.Limit < 1 || q.Limit > maxJaegerTraces || q.MinDuration < 0 || q.MaxDuration < 0 {
			t.Errorf("%+v", q)
		}
	})
}
