package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
)

const page = "https://shop.example"

// fakeKey is no secret.
var fakeKey = "feedback-" + strings.Repeat("x", 20)

func newOpenAPI(t *testing.T, perMinute int) (*api, *[]*events.Judgement) {
	t.Helper()
	a := newAPI(t, func(o *Options) {
		o.FeedbackAccess = func() FeedbackAccess {
			return FeedbackAccess{Origins: []string{page, "http://example.com:3000"}, Keys: []string{"another-" + fakeKey, fakeKey}, PerMinute: perMinute}
		}
	})
	a.events.full()
	var got []*events.Judgement
	judge := a.events.judge
	a.events.judge = func(ctx context.Context, js []*events.Judgement) error {
		got = append(got, js...)
		return judge(ctx, js)
	}
	return a, &got
}

func browser(method, path, body, origin string, header ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if origin != "" {
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "cors")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

const judgement = `{"response_id":"r","thumb":"up"}`

func TestFeedbackFromPages(t *testing.T) {
	a, got := newOpenAPI(t, 600)
	for _, header := range [][]string{{feedbackKeyHeader, fakeKey}, {"Authorization", "Bearer " + fakeKey}, {"Authorization", "bearer  " + fakeKey}} {
		w := wantOK(t, a.do(browser("POST", "/api/pitot/v1/feedback", judgement, page, header...)))
		if h := w.Header(); h.Get("Access-Control-Allow-Origin") != page || h.Get("Access-Control-Allow-Credentials") != "" || h.Get("Vary") != "Origin" {
			t.Errorf("headers %v", h)
		}
		if strings.TrimSpace(w.Body.String()) != `{"id":"`+callID+`"}` {
			t.Errorf("a key for writing reads %s", w.Body)
		}
	}
	w := wantOK(t, a.do(browser("POST", "/api/pitot/v1/feedback", "["+judgement+"]", page, feedbackKeyHeader, fakeKey)))
	if strings.TrimSpace(w.Body.String()) != `{"feedback":[{"id":"`+callID+`"}]}` {
		t.Errorf("a key for writing reads %s", w.Body)
	}
	for _, j := range *got {
		if j.Evaluator != "user" || j.Space == "" {
			t.Errorf("a visitor may say %+v", j)
		}
	}
	// Without an origin: an app on a phone.
	wantOK(t, a.do(browser("POST", "/api/pitot/v1/feedback", judgement, "", feedbackKeyHeader, fakeKey)))
	if (*got)[len(*got)-1].Space == "" {
		t.Error("with a key for feedback it speaks for the server")
	}
	// The server's own page and servers need no key.
	wantOK(t, a.do(browser("POST", "/api/pitot/v1/feedback", judgement, "", "Origin", "http://example.com", "Sec-Fetch-Site", "same-origin")))
	wantOK(t, a.do(browser("POST", "/api/pitot/v1/feedback", judgement, "", "Authorization", "Bearer of-a-proxy")))
	if j := (*got)[len(*got)-1]; j.Space != "" {
		t.Errorf("a server is taken for a visitor: %+v", j)
	}
}

func TestFeedbackFromPagesIsGuarded(t *testing.T) {
	a, got := newOpenAPI(t, 600)
	f := func(r *http.Request, status int, code string) {
		t.Helper()
		w := a.do(r)
		wantError(t, w, status, code)
		if origin := r.Header.Get("Origin"); status == http.StatusForbidden && w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s may read the answer", origin)
		}
	}
	const path = "/api/pitot/v1/feedback"
	f(browser("POST", path, judgement, page), http.StatusUnauthorized, CodeFeedbackKey)
	f(browser("POST", path, judgement, page, feedbackKeyHeader, "wrong"), http.StatusUnauthorized, CodeFeedbackKey)
	f(browser("POST", path, judgement, page, "Authorization", "Basic "+fakeKey), http.StatusUnauthorized, CodeFeedbackKey)
	f(browser("POST", path, judgement, "", feedbackKeyHeader, "wrong"), http.StatusUnauthorized, CodeFeedbackKey)
	for _, origin := range []string{"https://evil.test", "null", page + ".evil.test", "http://shop.example", page + ":8443", "http://example.com:3001"} {
		f(browser("POST", path, judgement, origin, feedbackKeyHeader, fakeKey), http.StatusForbidden, CodeForeignOrigin)
		w := a.do(browser("OPTIONS", path, "", origin, "Access-Control-Request-Method", "POST"))
		if w.Code < 400 || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a preflight of %s: %d %v", origin, w.Code, w.Header())
		}
	}
	// The key is for feedback alone, and for writing.
	for _, r := range []*http.Request{
		browser("GET", path, "", page, feedbackKeyHeader, fakeKey),
		browser("GET", "/api/pitot/v1/calls", "", page, feedbackKeyHeader, fakeKey),
		browser("POST", "/-/reload", "", page, "Authorization", "Bearer "+fakeKey),
		browser("POST", "/api/v1/write", "", page, feedbackKeyHeader, fakeKey),
		browser("POST", path+"/", judgement, page, feedbackKeyHeader, fakeKey),
	} {
		f(r, http.StatusForbidden, CodeForeignOrigin)
	}
	f(browser("POST", path, `{"response_id":"r","score":1,"evaluator":"judge"}`, page, feedbackKeyHeader, fakeKey), http.StatusBadRequest, CodeBadBody)
	if len(*got) != 0 {
		t.Errorf("stored all the same: %+v", *got)
	}
	// Nobody is allowed where nothing is configured.
	closed := newAPI(t)
	closed.events.full()
	wantError(t, closed.do(browser("POST", path, judgement, page, feedbackKeyHeader, fakeKey)), http.StatusForbidden, CodeForeignOrigin)
}

func TestFeedbackPreflight(t *testing.T) {
	a, _ := newOpenAPI(t, 600)
	w := a.do(browser("OPTIONS", "/api/pitot/v1/feedback", "", page,
		"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-pitot-feedback-key", "Access-Control-Request-Private-Network", "true"))
	if w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": page, "Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Pitot-Feedback-Key",
		"Access-Control-Allow-Private-Network": "true", "Access-Control-Allow-Credentials": "", "Vary": "Origin",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, path := range []string{"/api/pitot/v1/calls", "/", "/api/v1/write", "/-/reload"} {
		w := a.do(browser("OPTIONS", path, "", page, "Access-Control-Request-Method", "POST"))
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a preflight for %s: %d %v", path, w.Code, w.Header())
		}
	}
}

func TestFeedbackRate(t *testing.T) {
	at := now
	a, got := newOpenAPI(t, 4)
	a.opts.Now = func() time.Time { return at }
	a.h = New(a.opts)
	send := func(body string, key string) int {
		return a.do(browser("POST", "/api/pitot/v1/feedback", body, page, feedbackKeyHeader, key)).Code
	}
	if code := send("["+judgement+","+judgement+","+judgement+"]", fakeKey); code != http.StatusOK {
		t.Fatal(code)
	}
	if code := send("["+judgement+","+judgement+"]", fakeKey); code != http.StatusTooManyRequests {
		t.Errorf("five of four: %d", code)
	}
	if code := send(judgement, fakeKey); code != http.StatusOK {
		t.Errorf("the fourth: %d", code)
	}
	if code := send(judgement, "another-"+fakeKey); code != http.StatusOK {
		t.Errorf("another key: %d", code)
	}
	at = at.Add(15 * time.Second)
	if code := send(judgement, fakeKey); code != http.StatusOK {
		t.Errorf("a quarter of a minute later: %d", code)
	}
	if code := send(judgement, fakeKey); code != http.StatusTooManyRequests {
		t.Errorf("twice: %d", code)
	}
	if len(*got) != 6 {
		t.Errorf("%d stored", len(*got))
	}
}
