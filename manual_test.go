package pitot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

func TestStartCallMeasuresAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rec := testCore(t, WithContent(ContentFull, 0, 0))
		_, call := StartCall(t.Context(), OpChat, "my-engine", "llama-3-8b", User("u1"), Tag("team", "a"))
		call.Input("Hello")
		call.Param("temperature", 0.5)
		<-time.After(100 * time.Millisecond)
		call.Token("Hi")
		<-time.After(20 * time.Millisecond)
		call.Token(" there")
		call.Usage(Usage{InputTokens: 5, OutputTokens: 2, CacheReadTokens: 1})
		call.Finish("end_turn")
		call.Response("r-1", "llama-3-8b-q4")
		call.End()
		call.End()
		call.Token("late")
		s := rec.only(t)
		if s.Name != "chat llama-3-8b" || s.EndTime.Sub(s.StartTime) != 120*time.Millisecond || s.SpanKind != trace.SpanKindClient {
			t.Errorf("%s, %v, %v", s.Name, s.EndTime.Sub(s.StartTime), s.SpanKind)
		}
		wantAttrs(t, s, map[string]string{
			"gen_ai.operation.name": "chat", "gen_ai.provider.name": "my-engine", "gen_ai.request.model": "llama-3-8b", "gen_ai.response.model": "llama-3-8b-q4",
			"gen_ai.response.id": "r-1", "gen_ai.usage.input_tokens": "5", "gen_ai.usage.output_tokens": "2", "gen_ai.usage.cache_read.input_tokens": "1",
			"gen_ai.response.finish_reasons": `["stop"]`, "gen_ai.response.time_to_first_chunk": "0.1", "gen_ai.request.stream": "true", "pitot.chunks": "2",
			"gen_ai.request.temperature": "0.5", "user.id": "u1", "pitot.tag.team": "a", "pitot.usage.source": "reported",
			"gen_ai.input.messages":  `[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]`,
			"gen_ai.output.messages": `[{"role":"assistant","parts":[{"type":"text","content":"Hi there"}],"finish_reason":"stop"}]`,
		})
	})
}

func TestStartCallOfOtherOperations(t *testing.T) {
	for _, tc := range []struct {
		op    Operation
		usage Usage
		input any
		want  map[string]string
	}{
		{OpEmbeddings, Usage{InputTokens: 7}, []string{"a", "b"}, map[string]string{"gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": "0"}},
		{OpRerank, Usage{Searches: 1}, "query", map[string]string{"pitot.usage.searches": "1", "gen_ai.usage.input_tokens": ""}},
		{OpImage, Usage{Images: 2}, "a cat", map[string]string{"pitot.usage.images": "2"}},
		{OpSpeech, Usage{Characters: 11}, "hello there", map[string]string{"pitot.usage.characters": "11"}},
		{OpTranscription, Usage{AudioSeconds: 1.5}, nil, map[string]string{"pitot.usage.audio_seconds": "1.5"}},
		{OpChat, Usage{}, map[string]any{"a": 1}, map[string]string{"gen_ai.usage.input_tokens": "", "pitot.usage.source": "unknown"}},
		{OpChat, Usage{InputTokens: 3, OutputTokens: 4, Estimated: true}, []Message{{Content: "x"}, {"assistant", "y"}}, map[string]string{"pitot.usage.source": "estimated"}},
	} {
		_, rec := testCore(t)
		_, call := StartCall(t.Context(), tc.op, "p", "m")
		call.Input(tc.input)
		call.Usage(tc.usage)
		call.End()
		s := rec.only(t)
		if s.Name != string(tc.op)+" m" {
			t.Errorf("name %q", s.Name)
		}
		wantAttrs(t, s, tc.want)
	}
}

type typedError struct{}

func (typedError) Error() string     { return "quota is used up" }
func (typedError) ErrorType() string { return "quota" }

func TestErrorTypes(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{io.EOF, ""},
		{errors.New("x"), "error"},
		{fmt.Errorf("wrapped: %w", typedError{}), "quota"},
		{context.Canceled, "client_closed_request"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), "timeout"},
		{fmt.Errorf("dial: %w", &testError{}), "*pitot.testError"},
	} {
		_, rec := testCore(t)
		_, call := StartCall(t.Context(), OpChat, "p", "m")
		call.Error(tc.err)
		call.Error(errors.New("later"))
		call.End()
		s := rec.only(t)
		want := tc.want
		if want == "" {
			want = "error" // of the later one
		}
		wantAttrs(t, s, map[string]string{"error.type": want})
		if s.Status.Code != codes.Error {
			t.Errorf("%v: status %v", tc.err, s.Status)
		}
	}
}

type testError struct{}

func (*testError) Error() string { return "no" }

func TestEndRecordsAPanic(t *testing.T) {
	_, rec := testCore(t)
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				t.Errorf("recovered %v", p)
			}
		}()
		_, call := StartCall(t.Context(), OpChat, "p", "m")
		defer call.End()
		panic("boom")
	}()
	s := rec.only(t)
	wantAttrs(t, s, map[string]string{"error.type": "panic"})
	if s.Status.Description != "boom" {
		t.Errorf("status %v", s.Status)
	}
}

func TestForgottenEnd(t *testing.T) {
	_, rec := testCore(t)
	func() {
		_, call := StartCall(t.Context(), OpChat, "p", "m")
		call.Token("x")
	}()
	deadline := time.Now().Add(20 * time.Second)
	for len(rec.Spans()) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the span of a forgotten call did not end")
		}
		runtime.GC()
		runtime.Gosched()
	}
	wantAttrs(t, rec.only(t), map[string]string{"pitot.notes": `["not_ended"]`})
}

func TestNilCall(t *testing.T) {
	before := active.Swap(nil)
	defer active.Store(before)
	ctx, call := StartCall(t.Context(), OpChat, "p", "m")
	if call != nil || ctx != t.Context() {
		t.Fatal("off, and yet a call")
	}
	for _, c := range []*Call{nil, {}} {
		c.Input("x")
		c.Output("x")
		c.Param("a", 1)
		c.Stream()
		c.FirstToken()
		c.Token("x")
		c.Usage(Usage{})
		c.Finish("stop")
		c.Response("a", "b")
		c.Error(io.ErrUnexpectedEOF)
		if c.TraceID() != "" {
			t.Error("a trace id")
		}
		c.End()
	}
	if n := testing.AllocsPerRun(100, func() {
		_, c := StartCall(ctx, OpChat, "p", "m", User("u"), Tag("a", "b"))
		c.Token("x")
		c.End()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCallIsSafeForConcurrentUse(t *testing.T) {
	_, rec := testCore(t)
	_, call := StartCall(t.Context(), OpChat, "p", "m")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				call.Token("x")
				call.Usage(Usage{InputTokens: 1, OutputTokens: 1})
				call.Finish("stop")
			}
			call.End()
		})
	}
	wg.Wait()
	rec.only(t)
}

// TestRequestsOfAManualCallAreNotCountedTwice: the program measures what
// Transport would.
func TestRequestsOfAManualCallAreNotCountedTwice(t *testing.T) {
	_, rec := testCore(t)
	rt := Transport(serve(200, chatAnswer, asJSON...))
	ctx, call := StartCall(t.Context(), OpChat, "p", "m")
	send(t, rt, post(t, chatURL, chatRequest).WithContext(ctx))
	if n := len(rec.Spans()); n != 0 {
		t.Fatalf("%d spans", n)
	}
	call.End()
	rec.only(t)
	send(t, rt, post(t, chatURL, chatRequest).WithContext(ctx))
	if n := len(rec.Spans()); n != 2 {
		t.Errorf("%d spans: a context that outlives its call hides others", n)
	}
}

func TestTokenTextIsBounded(t *testing.T) {
	_, rec := testCore(t)
	_, call := StartCall(t.Context(), OpChat, "p", "m")
	piece := strings.Repeat("y", 10_000)
	for range 100 {
		call.Token(piece)
	}
	if n := len(call.m.out); n > summaryContent {
		t.Errorf("%d bytes are kept", n)
	}
	call.End()
	if got := attr(rec.only(t), "pitot.truncated"); !strings.Contains(got, "output") {
		t.Errorf("truncated %s", got)
	}
}

func TestCallInfo(t *testing.T) {
	_, rec := testCore(t)
	_, call := StartCall(t.Context(), OpChat, "p", "m", User("u"), Tenant("acme"), Tag("k", "v"))
	call.Usage(Usage{InputTokens: 5, OutputTokens: 2})
	call.Error(typedError{})
	m := call.m
	call.End()
	rec.only(t)
	in := newCallInfo(&m.call, slowRequest)
	if !in.Failed || in.ErrorType != "quota" || in.Usage.InputTokens != 5 || !in.UsageKnown || in.User != "u" || in.Tenant != "acme" || in.Tags["k"] != "v" ||
		!in.SlowRequest || in.SlowTokenRate || in.TraceID == "" || in.Operation != OpChat {
		t.Errorf("%+v", in)
	}
}
