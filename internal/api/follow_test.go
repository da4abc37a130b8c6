package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// liveFake is a source of Calls that a test drives.
type liveFake struct {
	ch       chan *llm.Call
	buffer   int
	canceled chan struct{}
}

func newLive() *liveFake { return &liveFake{ch: make(chan *llm.Call), canceled: make(chan struct{})} }

func (l *liveFake) subscribe(buffer int) (<-chan *llm.Call, func()) {
	l.buffer = buffer
	return l.ch, func() { close(l.canceled) }
}

// TestFollow reads the stream with a real client.
func TestFollow(t *testing.T) {
	live := newLive()
	a := newAPI(t, func(o *Options) { o.Live = live.subscribe })
	srv := httptest.NewServer(a.h)
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/pitot/v1/calls/follow?service=checkout&min_duration=1s", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || ct != "text/event-stream" {
		t.Fatalf("status %d, content type %q", resp.StatusCode, ct)
	}
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != ": live calls" {
		t.Fatalf("the stream begins with %q", lines.Text())
	}
	other, quick := fullCall(), fullCall()
	other.Service, quick.Duration = "other", 999*time.Millisecond
	for _, c := range []*llm.Call{other, quick, fullCall()} {
		live.ch <- c
	}
	var data string
	for data == "" && lines.Scan() {
		data, _ = strings.CutPrefix(lines.Text(), "data: ")
	}
	checkFollowed(t, []byte(data))
	if live.buffer < 1 {
		t.Errorf("a buffer of %d", live.buffer)
	}
	cancel()
	select {
	case <-live.canceled:
	case <-time.After(30 * time.Second):
		t.Fatal("the subscription outlives its client")
	}
}

func checkFollowed(t *testing.T, data []byte) {
	t.Helper()
	doc := loadDocument(t)
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	if err := doc.Components.Schemas["Call"].Value.VisitJSON(v); err != nil {
		t.Errorf("the event is no Call as in openapi.yaml: %v", err)
	}
	got := decode[llm.Call](t, data)
	if got.ID != callID || got.Duration != fullCall().Duration || got.Timeline.Chunks() != 2 {
		t.Errorf("got %s", data)
	}
	for _, secret := range []string{"Be brief", "Hello", "lookup", "temperature", "custom", `"timeline"`} {
		if strings.Contains(string(data), secret) {
			t.Errorf("the event holds content: %q in %s", secret, data)
		}
	}
}

// TestFollowLeavesTheCallAlone: the pipeline still needs it whole.
func TestFollowLeavesTheCallAlone(t *testing.T) {
	c := fullCall()
	before, _ := json.Marshal(c)
	withoutContent(c)
	if after, _ := json.Marshal(c); string(after) != string(before) {
		t.Errorf("changed to %s", after)
	}
}

func TestFollowIsRefused(t *testing.T) {
	a := newAPI(t) // whose Live is closed
	e := wantError(t, a.get("/api/pitot/v1/calls/follow"), http.StatusServiceUnavailable, CodeOverloaded)
	if !strings.Contains(e.Hint, "/api/pitot/v1/calls") {
		t.Errorf("hint %q", e.Hint)
	}
}

// TestFollowEnds: when the pipeline ends, so does the stream.
func TestFollowEnds(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.Live = func(int) (<-chan *llm.Call, func()) { return oneCall() } })
	w := wantOK(t, a.get("/api/pitot/v1/calls/follow?model=gpt-4o"))
	_, data, ok := strings.Cut(w.Body.String(), "data: ")
	if !ok {
		t.Fatalf("got %q", w.Body)
	}
	checkFollowed(t, []byte(data))
}

// TestFollowKeepsAlive: proxies end streams that are silent for a minute.
func TestFollowKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := newLive()
		s := &server{Options: Options{Live: live.subscribe, Now: time.Now}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		s.follow(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
		if n := strings.Count(w.Body.String(), ": keep-alive\n\n"); n != 4 {
			t.Errorf("%d signs of life in a minute: %q", n, w.Body)
		}
	})
}

// stalledWriter is a client that takes nothing after the first bytes.
type stalledWriter struct {
	*httptest.ResponseRecorder
	deadline time.Time
	writes   int
}

func (w *stalledWriter) SetWriteDeadline(t time.Time) error { w.deadline = t; return nil }

func (w *stalledWriter) Write(b []byte) (int, error) {
	if w.writes++; w.writes == 1 {
		return w.ResponseRecorder.Write(b)
	}
	if w.deadline.IsZero() {
		return 0, errors.New("there is no deadline: the write would hang for ever")
	}
	<-time.After(time.Until(w.deadline)) // synctest's clock
	return 0, context.DeadlineExceeded
}

// TestFollowDropsStalledClients: one that takes nothing gives its place back.
func TestFollowDropsStalledClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := newLive()
		s := &server{Options: Options{Live: live.subscribe, Now: time.Now}}
		w := &stalledWriter{ResponseRecorder: httptest.NewRecorder()}
		done := make(chan struct{})
		start := time.Now()
		go func() {
			defer close(done)
			s.follow(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		}()
		live.ch <- fullCall()
		<-done
		<-live.canceled
		if d := time.Since(start); d != followWrite {
			t.Errorf("dropped after %s", d)
		}
		if !w.deadline.IsZero() {
			t.Error("the deadline stays on the connection")
		}
	})
}

func TestMatches(t *testing.T) {
	c := fullCall()
	for query, want := range map[string]bool{
		"": true, "service=checkout": true, "service=x": false, "environment=prod": true, "environment=x": false, "provider=openai": true, "provider=x": false,
		"model=gpt-4o": true, "model=gpt-4o-2024-08-06": true, "model=gpt": false, "operation=chat": true, "operation=embeddings": false,
		"status=error": true, "status=ok": false, "user=u1": true, "user=u": false, "session=s1": true, "session=x": false,
		"feature=search": true, "feature=x": false, "prompt_name=p": true, "prompt_name=x": false, "error_type=server_error": true, "error_type=x": false,
		"source=gateway": true, "source=sdk": false, "trace_id=" + traceID: true, "trace_id=1": false, "tags.team=a": true, "tags.team=b": false, "tags.x=a": false,
		"min_duration=1.2": true, "min_duration=1.3": false, "max_duration=1.2": true, "max_duration=1.1": false, "user=u1&service=x": false,
	} {
		p := newParams(httptest.NewRequest(http.MethodGet, "/?"+query, http.NoBody), now)
		f := p.fields()
		if err := p.check(); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if got := matches(&f, c); got != want {
			t.Errorf("%q: %v", query, got)
		}
	}
	c.ResponseModel = ""
	if !matches(&events.CallFilter{Model: "gpt-4o"}, c) {
		t.Error("a model that never answered is not found by its name")
	}
}

// TestFollowWithAFilterOfTheStore: a LogsQL filter and a search are the engine's
// to decide, with all the others.
func TestFollowWithAFilterOfTheStore(t *testing.T) {
	for _, query := range []string{"query=tags.team:platform&service=checkout&tags.team=a&min_duration=1s", "search=refund+order"} {
		t.Run(query, func(t *testing.T) {
			a := newAPI(t) // whose Live is closed
			var asked events.CallFilter
			var tried events.CallQuery
			a.events.calls = func(_ context.Context, q events.CallQuery) (events.CallPage, error) {
				tried = q
				return events.CallPage{}, nil
			}
			a.events.tail = func(_ context.Context, f events.CallFilter) iter.Seq2[*llm.Call, error] {
				asked = f
				return func(yield func(*llm.Call, error) bool) {
					_ = yield(nil, &events.UnavailableError{}) && yield(fullCall(), nil)
				}
			}
			w := wantOK(t, a.get("/api/pitot/v1/calls/follow?"+query))
			_, data, ok := strings.Cut(w.Body.String(), "data: ")
			if !ok {
				t.Fatalf("got %q", w.Body)
			}
			checkFollowed(t, []byte(data))
			want := newParams(httptest.NewRequest(http.MethodGet, "/?"+query, http.NoBody), now)
			f := want.fields()
			f.Query, f.Search = want.get("query"), want.get("search")
			if diff := cmp.Diff(f, asked); diff != "" {
				t.Errorf("the tail's filter (-want +got):\n%s", diff)
			}
			if tried.Query != f.Query || tried.Search != f.Search {
				t.Errorf("tried %+v", tried)
			}
		})
	}
}

func TestFollowRefusesABadQuery(t *testing.T) {
	a := newAPI(t)
	a.events.calls = func(context.Context, events.CallQuery) (events.CallPage, error) {
		return events.CallPage{}, &events.QueryError{Param: "query", Message: "missing quote"}
	}
	for range maxTails + 1 { // whose places are given back
		wantError(t, a.get("/api/pitot/v1/calls/follow?query=%22"), http.StatusBadRequest, CodeBadQuery)
	}
}

// TestFollowersOfTheStoreAreBounded: each asks the engine once a second.
func TestFollowersOfTheStoreAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeEvents{t: t}
		f.calls = func(context.Context, events.CallQuery) (events.CallPage, error) { return events.CallPage{}, nil }
		f.tail = func(ctx context.Context, _ events.CallFilter) iter.Seq2[*llm.Call, error] {
			return func(func(*llm.Call, error) bool) { <-ctx.Done() }
		}
		s := &server{Options: Options{Events: f, Now: time.Now}}
		ctx, cancel := context.WithCancel(t.Context())
		follow := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			s.follow(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/?search=x", http.NoBody))
			return w
		}
		for range maxTails {
			go follow()
		}
		synctest.Wait()
		if w := follow(); w.Code != http.StatusServiceUnavailable {
			t.Errorf("one too many: %d", w.Code)
		}
		cancel()
		synctest.Wait()
		if n := s.tailing.Load(); n != 0 {
			t.Errorf("%d places are not given back", n)
		}
	})
}

func BenchmarkFollow(b *testing.B) {
	w := httptest.NewRecorder()
	out := sse{w: w, rc: http.NewResponseController(w)}
	c, f := fullCall(), &events.CallFilter{Service: "checkout"}
	b.ReportAllocs()
	for b.Loop() {
		w.Body.Reset()
		if !matches(f, c) {
			b.Fatal("not selected")
		}
		if err := out.call(c); err != nil {
			b.Fatal(err)
		}
	}
}
