package provider

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/testkit/dist"
)

const chatBody = `{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"hi"}]}`

func decompress(t *testing.T, enc string, b []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch enc {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(b))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(b))
	case "br":
		r = brotli.NewReader(bytes.NewReader(b))
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(bytes.NewReader(b)); err == nil {
			defer z.Close()
			r = z
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", enc, err)
	}
	return out
}

func last(t *testing.T, s *Server) Truth {
	t.Helper()
	tr := s.Truth()
	if len(tr) == 0 {
		t.Fatal("nothing in the log of truth")
	}
	return tr[len(tr)-1]
}

func TestErrorsHaveTheShapeOfTheirProvider(t *testing.T) {
	s := New(Config{Pace: NoPace})
	c := newClient(t, s)
	for _, x := range []struct {
		path, body  string
		status      int
		at, want    string
		header, val string
	}{
		{"/v1/chat/completions", chatBody, 429, "error.code", "rate_limit_exceeded", "Retry-After", "1"},
		{"/v1/responses", chatBody, 401, "error.code", "invalid_api_key", "", ""},
		{"/v1/messages", chatBody, 529, "error.type", "overloaded_error", "Retry-After", "1"},
		{"/v1/messages", chatBody, 404, "error.type", "not_found_error", "", ""},
		{"/v1beta/models/g:generateContent", "{}", 429, "error.status", "RESOURCE_EXHAUSTED", "Retry-After", "1"},
		{"/model/m/converse", "{}", 429, "message", "*", "X-Amzn-Errortype", "ThrottlingException"},
		{"/v2/chat", chatBody, 500, "message", "*", "", ""},
		{"/api/chat", chatBody, 404, "error", "*", "", ""},
		{"/v1/files", "", 500, "error.type", "server_error", "", ""},
	} {
		resp, b, err := c.post(x.path, x.body, "X-Fake-Status", fmt.Sprint(x.status))
		if err != nil {
			t.Fatal(err)
		}
		got := parseJSON(t, b).str(x.at)
		if resp.StatusCode != x.status || got == "" || x.want != "*" && got != x.want {
			t.Errorf("%s: status %d, %s = %q; want %d, %q", x.path, resp.StatusCode, x.at, got, x.status, x.want)
		}
		if x.header != "" && resp.Header.Get(x.header) != x.val {
			t.Errorf("%s: %s = %q, want %q", x.path, x.header, resp.Header.Get(x.header), x.val)
		}
		if tr := last(t, s); tr.Status != x.status || tr.ErrorType == "" {
			t.Errorf("%s: truth %+v", x.path, tr)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := New(Config{Pace: NoPace, Strict: true, RequireKey: true})
	c := newClient(t, s)
	for _, x := range []struct {
		name, body, key string
		want            int
	}{
		{"no key", chatBody, "", 401},
		{"bad key", chatBody, "Bearer invalid", 401},
		{"malformed", `{"model":"gpt-4o-mini"`, "Bearer x", 400},
		{"not an object", `[]`, "Bearer x", 400},
		{"unknown model", `{"model":"nobody-9"}`, "Bearer x", 404},
		{"good", chatBody, "Bearer x", 200},
	} {
		resp, b, err := c.post("/v1/chat/completions", x.body, "Authorization", x.key)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != x.want {
			t.Errorf("%s: status %d, want %d: %s", x.name, resp.StatusCode, x.want, b)
		}
	}
	if resp, b, _ := c.post("/v1/chat/completions", chatBody, "X-Fake-Chunk", "1"); resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(b), "X-Fake-Chunk") {
		t.Errorf("a misspelt control header must be refused by name: %d %s", resp.StatusCode, b)
	}
}

func TestMidStreamErrors(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			s := New(Config{Pace: NoPace})
			c := newClient(t, s)
			path := f.path
			if f.streamPath != "" {
				path = f.streamPath
			}
			resp, b, err := c.post(path, strings.ReplaceAll(f.body, "STREAM", "true"), "X-Fake-Error-After", "3", "X-Fake-Chunks", "10", "X-Fake-Status", "529")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("status %v, %v", resp, err)
			}
			tr := last(t, s)
			if !tr.MidStream || tr.Chunks != 3 || tr.ErrorType == "" || tr.Reported {
				t.Errorf("truth %+v", tr)
			}
			if !bytes.Contains(b, []byte("overloaded")) {
				t.Errorf("no error in the stream: %.200q", b)
			}
			switch {
			case strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"):
				parseSSE(t, b)
			case resp.Header.Get("Content-Type") == eventStreamType:
				if e := parseAWS(t, b); e[len(e)-1].name != "serviceUnavailableException" {
					t.Errorf("last event %q", e[len(e)-1].name)
				}
			}
		})
	}
}

func TestCut(t *testing.T) {
	s := New(Config{Pace: NoPace})
	c := newClient(t, s)
	_, b, err := c.post("/v1/chat/completions", chatBody, "X-Fake-Cut-After", "4", "X-Fake-Chunks", "9")
	if err == nil {
		t.Error("a cut stream must not end well")
	}
	// One chunk for the role, four with content.
	if n := bytes.Count(b, []byte("data: ")); n != 5 {
		t.Errorf("%d events before the cut, want 5", n)
	}
	if tr := last(t, s); !tr.Cut || tr.Chunks != 4 || tr.Reported {
		t.Errorf("truth %+v", tr)
	}
	_, b, err = c.post("/v1/chat/completions", `{"model":"gpt-4o"}`, "X-Fake-Cut-After", "40")
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(b) != 40 {
		t.Errorf("unary: %d bytes, %v", len(b), err)
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Unix(1000, 0)
	var mu sync.Mutex
	s := New(Config{
		Pace: NoPace, Models: []Model{{Name: "m", Output: dist.Const(3), RateLimit: RateLimit{Requests: 2, Per: 10 * time.Second}}},
		Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return now },
	})
	c := newClient(t, s)
	var got []int
	for range 3 {
		resp, _, err := c.post("/v1/chat/completions", `{"model":"m"}`)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, resp.StatusCode)
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "5" {
			t.Errorf("Retry-After = %q, want 5", resp.Header.Get("Retry-After"))
		}
	}
	mu.Lock()
	now = now.Add(5 * time.Second)
	mu.Unlock()
	resp, _, err := c.post("/v1/chat/completions", `{"model":"m"}`)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]int{200, 200, 429, 200}, append(got, resp.StatusCode)); d != "" {
		t.Error(d)
	}
}

func TestErrorRates(t *testing.T) {
	s := New(Config{Pace: NoPace, TruthSize: 4000, Models: []Model{{
		Name: "m", Output: dist.Const(60),
		Errors: []ErrorRate{{Rate: 0.1, Status: 429}, {Rate: 0.1, Status: 500, After: true}, {Rate: 0.1, Cut: true}},
	}}})
	const n = 2000
	for range n {
		r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model":"m","stream":true}`))
		func() {
			defer func() {
				if e := recover(); e != nil && e != http.ErrAbortHandler { //nolint:errorlint // net/http compares so too
					panic(e)
				}
			}()
			s.ServeHTTP(httptest.NewRecorder(), r)
		}()
	}
	var refused, mid, cut int
	for _, tr := range s.Truth() {
		switch {
		case tr.Status == 429:
			refused++
		case tr.MidStream:
			mid++
		case tr.Cut:
			cut++
		}
	}
	for name, got := range map[string]int{"429": refused, "mid-stream": mid, "cut": cut} {
		if got < n/20 || got > n/7 {
			t.Errorf("%s: %d of %d, want about a tenth", name, got, n)
		}
	}
}

// TestPacing runs on a fake clock: TTFT, intervals, stalls are exact.
func TestPacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		w := &timedWriter{ResponseRecorder: httptest.NewRecorder(), start: time.Now()}
		r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(chatBody))
		for k, v := range map[string]string{"Delay": "300ms", "Chunk-Interval": "20ms", "Chunks": "4", "Stall": "2:1s"} {
			r.Header.Set("X-Fake-"+k, v)
		}
		s.ServeHTTP(w, r)
		ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
		// Role chunk, four chunks, end.
		want := []time.Duration{ms(150), ms(300), ms(320), ms(1340), ms(1360), ms(1360)}
		if d := cmp.Diff(want, w.at); d != "" {
			t.Errorf("times of the writes (-want +got):\n%s", d)
		}
		tr := last(t, s)
		if tr.TTFT != ms(300) || tr.Duration != ms(1360) || tr.Chunks != 4 {
			t.Errorf("truth: ttft %v, duration %v, %d chunks", tr.TTFT, tr.Duration, tr.Chunks)
		}
	})
}

type timedWriter struct {
	*httptest.ResponseRecorder
	start time.Time
	at    []time.Duration
}

func (w *timedWriter) Write(p []byte) (int, error) {
	w.at = append(w.at, time.Since(w.start))
	return w.ResponseRecorder.Write(p)
}

func TestClientGone(t *testing.T) {
	s := New(Config{})
	srv := httptest.NewServer(s)
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/chat/completions", strings.NewReader(chatBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Fake-Delay", "0")
	req.Header.Set("X-Fake-Chunks", "1000")
	req.Header.Set("X-Fake-Stall", "3:1h")
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	cancel()
	resp.Body.Close()
	srv.Close() // waits for the handler
	if tr := last(t, s); !tr.ClientGone || tr.Reported {
		t.Errorf("truth %+v", tr)
	}
}

func TestDeterminism(t *testing.T) {
	run := func(seed uint64) (out []string) {
		s := New(Config{Seed: seed, Pace: NoPace, Now: func() time.Time { return time.Unix(1e9, 0) }})
		for _, f := range formats() {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, f.path, strings.NewReader(strings.ReplaceAll(f.body, "STREAM", "false"))))
			out = append(out, w.Body.String())
		}
		return out
	}
	if d := cmp.Diff(run(5), run(5)); d != "" {
		t.Errorf("the same seed gives different answers:\n%s", d)
	}
	if a, b := run(5), run(6); cmp.Equal(a, b) {
		t.Error("another seed gives the same answers")
	}
	s := New(Config{Pace: NoPace})
	texts := map[string]int{}
	for range 3 {
		r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(chatBody))
		r.Header.Set("X-Fake-Seed", "9")
		s.ServeHTTP(httptest.NewRecorder(), r)
		texts[last(t, s).Text]++
	}
	if len(texts) != 1 {
		t.Errorf("X-Fake-Seed: %d different texts", len(texts))
	}
}

func TestPrefixCache(t *testing.T) {
	s := New(Config{Pace: NoPace})
	long := strings.Repeat("The order is late. ", 500) // 9,500 bytes, 2,375 tokens
	send := func(path, body string) Truth {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
		return last(t, s)
	}
	body := func(q string) string {
		return `{"model":"gpt-4o","messages":[{"role":"user","content":"` + long + q + `"}]}`
	}
	if tr := send("/v1/chat/completions", body("a")); tr.CacheRead != 0 {
		t.Errorf("first request: %d cached", tr.CacheRead)
	}
	tr := send("/v1/chat/completions", body("b"))
	if tr.CacheRead < 2000 || tr.CacheRead > tr.Input || tr.CacheRead%cacheBlock != 0 {
		t.Errorf("second request: %d of %d cached", tr.CacheRead, tr.Input)
	}
	claude := func(mark string) string {
		return `{"model":"claude-sonnet-4-20250514","max_tokens":9,"system":[{"type":"text","text":"` + long + `"` + mark + `}],"messages":[]}`
	}
	const mark = `,"cache_control":{"type":"ephemeral"}`
	if tr := send("/v1/messages", claude("")); tr.CacheRead+tr.CacheWrite != 0 {
		t.Errorf("without a mark: %+v", tr)
	}
	first, second := send("/v1/messages", claude(mark)), send("/v1/messages", claude(mark))
	if first.CacheWrite < 2000 || first.CacheRead != 0 || second.CacheRead != first.CacheWrite || second.CacheWrite != 0 {
		t.Errorf("marked: wrote %d read %d, then wrote %d read %d", first.CacheWrite, first.CacheRead, second.CacheWrite, second.CacheRead)
	}
}

func TestTruthIsBounded(t *testing.T) {
	s := New(Config{Pace: NoPace, TruthSize: 3, KeepRequests: true})
	for range 5 {
		s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(chatBody)))
	}
	tr := s.Truth()
	if len(tr) != 3 || tr[0].Seq != 3 || tr[2].Seq != 5 || s.Answered() != 5 {
		t.Errorf("%d truths, first %d, last %d, %d answered", len(tr), tr[0].Seq, tr[2].Seq, s.Answered())
	}
	if string(tr[2].Body) != chatBody {
		t.Errorf("kept body %q", tr[2].Body)
	}
	if got, ok := s.TruthOf(tr[1].ID); !ok || got.Seq != 4 {
		t.Errorf("TruthOf = %+v, %v", got, ok)
	}
	if _, ok := s.TruthOf(""); ok {
		t.Error("TruthOf of no id found something")
	}
}

func TestEncodings(t *testing.T) {
	s := New(Config{Pace: NoPace})
	c := newClient(t, s)
	for _, enc := range []string{"gzip", "deflate", "br", "zstd"} {
		for _, body := range []string{chatBody, `{"model":"gpt-4o"}`} {
			resp, b, err := c.post("/v1/chat/completions", body, "X-Fake-Encoding", enc, "Accept-Encoding", enc)
			if err != nil {
				t.Fatal(err)
			}
			if got := resp.Header.Get("Content-Encoding"); got != enc {
				t.Errorf("Content-Encoding = %q, want %q", got, enc)
			}
			plain := decompress(t, enc, b)
			if int64(len(plain)) != last(t, s).Bytes {
				t.Errorf("%s: %d bytes, truth says %d", enc, len(plain), last(t, s).Bytes)
			}
		}
	}
}
