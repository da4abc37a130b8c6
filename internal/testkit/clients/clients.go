// Package clients tries a client library of model providers with Pitot's SDK
// inside: plain, streamed, with tools, refused, retried and cut. What the SDK
// made of it is compared with what the simulated providers sent.
//
// The libraries themselves are in modules of their own (test/clients), so that
// the project depends on none of them.
package clients

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/pitot-dev/pitot"
	"github.com/pitot-dev/pitot/pitottest"
)

// Env is where a client runs.
type Env struct {
	Models *pitottest.Providers
	// HTTP is the HTTP client that the library must use.
	HTTP *http.Client
}

// Question is what a client is to ask.
type Question struct {
	Model  string
	Prompt string
	Stream bool
	Tool   string // offer the model a tool of that name, with one string parameter "city"
}

// Answer is what the client's caller got.
type Answer struct {
	Text string
	Tool string // the tool that the model calls
}

// Client is a client library under test.
type Client struct {
	Model    string
	Provider string // as the recorded call must name it
	// Ask asks one question through the library.
	Ask func(ctx context.Context, e *Env, q Question) (Answer, error)

	// Retries says that the library tries a 503 again by itself, and ShowsRetries
	// that its requests say so, which makes one call of all attempts.
	Retries, ShowsRetries bool
	// NoStream and NoTools are what the library or the test leaves out.
	NoStream, NoTools bool
	// HidesUsage says that the library's streams do not ask for usage.
	HidesUsage bool
	// ToolFinish is the finish reason of an answer that calls a tool, where the
	// provider does not say tool_call.
	ToolFinish string
	// OwnSpans says that the library puts spans of its own around its calls.
	OwnSpans bool
}

// control sets the headers that tell the providers how to answer, beneath the
// SDK, so that neither it nor the library sees them.
type control struct {
	base http.RoundTripper

	mu   sync.Mutex
	next []http.Header // of the requests to come; the last one stays
	seen int
}

func (c *control) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.seen++
	var h http.Header
	if len(c.next) > 0 {
		h = c.next[0]
		if len(c.next) > 1 {
			c.next = c.next[1:]
		}
	}
	c.mu.Unlock()
	if len(h) > 0 {
		r = r.Clone(r.Context())
		maps.Copy(r.Header, h)
	}
	return c.base.RoundTrip(r)
}

func headers(kv ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(kv); i += 2 {
		h.Set(kv[i], kv[i+1])
	}
	return h
}

// fixture is one try.
type fixture struct {
	Env
	rec     *pitottest.Recorder
	control *control
}

func start(t *testing.T, next ...http.Header) *fixture {
	t.Helper()
	base := &http.Transport{}
	f := &fixture{control: &control{base: base, next: next}}
	f.Models = pitottest.NewProviders(t)
	f.HTTP = &http.Client{Transport: pitot.Transport(f.control)}
	f.rec = pitottest.Start(t)
	t.Cleanup(base.CloseIdleConnections)
	return f
}

// Run tries a client in every way.
func Run(t *testing.T, c Client) {
	t.Run("plain", func(t *testing.T) { c.plain(t, false) })
	if !c.NoStream {
		t.Run("stream", func(t *testing.T) { c.plain(t, true) })
		t.Run("cut stream", c.cut)
	}
	if !c.NoTools {
		t.Run("tool", c.tool)
	}
	t.Run("refused", c.refused)
	t.Run("tried again", c.retried)
	t.Run("inside a workflow", c.nested)
	t.Run("cancelled", c.cancelled)
	t.Run("off", c.off)
}

// text is long enough to come in several chunks.
const text = "The quick brown fox jumps over the lazy dog."

func (c *Client) plain(t *testing.T, stream bool) {
	f := start(t, headers("X-Fake-Status", "200", "X-Fake-Text", strings.ReplaceAll(text, " ", "%20"), "X-Fake-Usage", "input=17,output=9", "X-Fake-Chunks", "5"))
	got, err := c.Ask(t.Context(), &f.Env, Question{Model: c.Model, Prompt: "What does the fox do?", Stream: stream})
	if err != nil {
		t.Fatal(err)
	}
	if got.Text != text {
		t.Errorf("the caller got %q", got.Text)
	}
	calls := f.rec.WaitCalls(1)
	truth := f.Models.Answers()
	if len(calls) != 1 || len(truth) != 1 {
		t.Fatalf("%d calls, %d answers:\n%s", len(calls), len(truth), f.rec.Tree())
	}
	call, sent := &calls[0], &truth[0]
	if call.Failed || call.HTTPStatus != http.StatusOK || call.Provider != c.Provider || call.RequestModel != c.Model || call.Stream != stream {
		t.Errorf("call: %+v", call)
	}
	if sent.ResponseID != "" && call.ResponseID != sent.ResponseID {
		t.Errorf("response id %q, sent %q", call.ResponseID, sent.ResponseID)
	}
	if !c.HidesUsage || !stream {
		if call.Usage.InputTokens != sent.InputTokens || call.Usage.OutputTokens != sent.OutputTokens || !call.UsageKnown || sent.InputTokens == 0 {
			t.Errorf("usage %+v, sent %+v", call.Usage, sent)
		}
	}
	if !strings.Contains(call.Input, "user: What does the fox do?") || call.Output != "assistant: "+text {
		t.Errorf("input %q, output %q", call.Input, call.Output)
	}
	if len(call.FinishReasons) != 1 || call.FinishReasons[0] != "stop" {
		t.Errorf("finish reasons %q", call.FinishReasons)
	}
	if stream && (call.TTFT <= 0 || call.TTFT > call.Duration || call.Chunks < 5) {
		t.Errorf("stream: first token after %v of %v, %d chunks", call.TTFT, call.Duration, call.Chunks)
	}
}

// cut breaks the connection in the middle of a stream.
func (c *Client) cut(t *testing.T) {
	f := start(t, headers("X-Fake-Status", "200", "X-Fake-Chunks", "9", "X-Fake-Cut-After", "3"))
	_, err := c.Ask(t.Context(), &f.Env, Question{Model: c.Model, Prompt: "hi", Stream: true})
	calls := f.rec.WaitCalls(1)
	if !calls[0].Failed || calls[0].HTTPStatus != http.StatusOK || calls[0].ErrorType == "" {
		t.Errorf("the caller got %v; call: %+v", err, calls[0])
	}
}

func (c *Client) tool(t *testing.T) {
	f := start(t, headers("X-Fake-Status", "200", "X-Fake-Tool", "get_weather"))
	got, err := c.Ask(t.Context(), &f.Env, Question{Model: c.Model, Prompt: "Weather in Paris?", Tool: "get_weather"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Tool != "get_weather" {
		t.Errorf("the caller got the tool %q", got.Tool)
	}
	call := f.rec.WaitCalls(1)[0]
	if call.Failed || !strings.Contains(call.Output, "[tool_call] get_weather(") || len(call.FinishReasons) != 1 || call.FinishReasons[0] != cmp.Or(c.ToolFinish, "tool_call") {
		t.Errorf("output %q, finish reasons %q", call.Output, call.FinishReasons)
	}
}

// refused is an error that no client tries again.
func (c *Client) refused(t *testing.T) {
	f := start(t, headers("X-Fake-Status", "400"))
	_, err := c.Ask(t.Context(), &f.Env, Question{Model: c.Model, Prompt: "hi"})
	if err == nil {
		t.Error("the caller got no error")
	}
	call := f.rec.WaitCalls(1)[0]
	if !call.Failed || call.HTTPStatus != http.StatusBadRequest || call.ErrorType == "" || call.ErrorMessage == "" {
		t.Errorf("call: %+v", call)
	}
}

// retried fails once, then answers.
func (c *Client) retried(t *testing.T) {
	f := start(t, headers("X-Fake-Status", "503", "X-Fake-Retry-After", "1ms"), headers("X-Fake-Status", "200", "X-Fake-Text", "ok"))
	got, err := c.Ask(t.Context(), &f.Env, Question{Model: c.Model, Prompt: "hi"})
	if !c.Retries {
		if err == nil {
			t.Errorf("the caller got %q: does the library try again?", got.Text)
		}
		if call := f.rec.WaitCalls(1)[0]; !call.Failed || call.HTTPStatus != http.StatusServiceUnavailable {
			t.Errorf("call: %+v", call)
		}
		return
	}
	if err != nil || got.Text != "ok" {
		t.Fatalf("%q %v", got.Text, err)
	}
	if !c.ShowsRetries {
		calls := f.rec.WaitCalls(2)
		if !calls[0].Failed || calls[1].Failed {
			t.Errorf("calls:\n%s", f.rec.Tree())
		}
		return
	}
	calls := f.rec.WaitCalls(1)
	if len(calls) != 1 || calls[0].Failed || calls[0].HTTPStatus != http.StatusOK {
		t.Fatalf("%d calls for one question:\n%s", len(calls), f.rec.Tree())
	}
	if len(calls[0].Events) != 1 {
		t.Errorf("the attempt that failed is not on the call: %+v", calls[0].Events)
	}
	if f.control.seen != 2 {
		t.Errorf("%d requests were sent", f.control.seen)
	}
}

// nested looks for the call beneath the workflow that made it, with its
// properties.
func (c *Client) nested(t *testing.T) {
	f := start(t, headers("X-Fake-Status", "200"))
	ctx := pitot.With(t.Context(), pitot.User("u1"), pitot.Session("s1"))
	_, err := pitot.Agent(ctx, "planner", func(ctx context.Context) (string, error) {
		a, err := c.Ask(ctx, &f.Env, Question{Model: c.Model, Prompt: "hi"})
		return a.Text, err
	})
	if err != nil {
		t.Fatal(err)
	}
	call := f.rec.WaitCalls(1)[0]
	if call.User != "u1" || call.Session != "s1" || call.Agent != "planner" || call.TraceID != f.rec.Span("planner").TraceID {
		t.Errorf("call: %+v in\n%s", call, f.rec.Tree())
	}
	if !c.OwnSpans && call.ParentSpanID != f.rec.Span("planner").SpanID {
		t.Errorf("the call is not beneath the agent:\n%s", f.rec.Tree())
	}
}

// cancelled ends the caller's context while the provider thinks.
func (c *Client) cancelled(t *testing.T) {
	f := start(t, headers("X-Fake-Status", "200", "X-Fake-Delay", "1m"))
	ctx, cancel := context.WithCancel(t.Context())
	f.HTTP = &http.Client{Transport: pitot.Transport(&cancelOnce{f.control, cancel})}
	if _, err := c.Ask(ctx, &f.Env, Question{Model: c.Model, Prompt: "hi"}); err == nil {
		t.Error("the caller got no error")
	}
	call := f.rec.WaitCalls(1)[0]
	if !call.Failed || call.ErrorType == "" {
		t.Errorf("call: %+v", call)
	}
}

// cancelOnce cancels while the request is handed on.
type cancelOnce struct {
	base   http.RoundTripper
	cancel func()
}

func (c *cancelOnce) RoundTrip(r *http.Request) (*http.Response, error) {
	go c.cancel()
	return c.base.RoundTrip(r)
}

// off is the library with the SDK inside and off: nothing changes for it.
func (c *Client) off(t *testing.T) {
	models := pitottest.NewProviders(t)
	base := &http.Transport{}
	defer base.CloseIdleConnections()
	f := &control{base: base, next: []http.Header{headers("X-Fake-Status", "200", "X-Fake-Text", "ok")}}
	got, err := c.Ask(t.Context(), &Env{Models: models, HTTP: &http.Client{Transport: pitot.Transport(f)}}, Question{Model: c.Model, Prompt: "hi"})
	if err != nil || got.Text != "ok" {
		t.Errorf("%q %v after %d requests", got.Text, err, f.seen)
	}
}
