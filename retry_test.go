package pitot

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// attempts answers with these statuses, one an attempt; -1 is an error. The last
// one repeats.
func attempts(statuses ...int) roundTripFunc {
	n := 0
	return func(req *http.Request) (*http.Response, error) {
		status := statuses[min(n, len(statuses)-1)]
		n++
		_, _ = io.Copy(io.Discard, req.Body)
		switch {
		case status < 0:
			return nil, errors.New("connection refused")
		case status == 200:
			return answer(200, strings.NewReader(chatAnswer), int64(len(chatAnswer)), asJSON...), nil
		default:
			body := `{"error":{"message":"no","type":"x","code":"busy"}}`
			return answer(status, strings.NewReader(body), int64(len(body)), asJSON...), nil
		}
	}
}

// stainless calls as OpenAI's and Anthropic's clients do: it closes the answer
// of an attempt that it repeats unread, and reads the last one. Each attempt has
// a context of its own, which newer versions end before the next attempt.
// Older versions do not even close the answer.
func stainless(t *testing.T, ctx context.Context, rt http.RoundTripper, retries int, delay time.Duration, leaks bool) {
	t.Helper()
	for n := 0; ; n++ {
		attempt, cancel := context.WithCancel(ctx)
		defer cancel()
		req := post(t, chatURL, chatRequest, stainlessRetry, strconv.Itoa(n)).WithContext(attempt)
		resp, err := rt.RoundTrip(req)
		again := err != nil || resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500
		if again && n < retries {
			if resp != nil && !leaks {
				_ = resp.Body.Close()
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(delay - 1):
			}
			if !leaks {
				cancel()
			}
			<-time.After(1) // what waits for the context sees its end before the next attempt
			continue
		}
		if resp != nil {
			_, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		return
	}
}

func eventsOf(s tracetest.SpanStub) string {
	var out []string
	for _, e := range s.Events {
		line := e.Name
		for _, kv := range e.Attributes {
			if k := string(kv.Key); k == "pitot.attempt.number" || k == "error.type" || k == "http.response.status_code" || k == "pitot.attempt.delay_seconds" {
				line += " " + kv.Value.String()
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func TestRetriesAreOneSpan(t *testing.T) {
	for _, tc := range []struct {
		name     string
		statuses []int
		retries  int
		spans    int
		resends  string
		typ      string
		events   string
		duration time.Duration
	}{
		{"first succeeds", []int{200}, 2, 1, "", "", "", 0},
		{"second succeeds", []int{429, 200}, 2, 1, "1", "", "pitot.attempt 1 0.5 rate_limit_exceeded 429", 500 * time.Millisecond},
		{"third succeeds", []int{503, -1, 200}, 2, 1, "2", "", "pitot.attempt 1 0.5 overloaded 503; pitot.attempt 2 0.5 connection_error", time.Second},
		{"all fail", []int{500, 500, 500}, 2, 1, "2", "busy", "pitot.attempt 1 0.5 server_error 500; pitot.attempt 2 0.5 server_error 500", time.Second},
		{"not to be retried", []int{400}, 2, 1, "", "busy", "", 0},
	} {
		for _, leaks := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				r, rec := testCore(t)
				stainless(t, t.Context(), Transport(attempts(tc.statuses...)), tc.retries, 500*time.Millisecond, leaks)
				spans := rec.Spans()
				if len(spans) != tc.spans {
					t.Fatalf("%s, leaks %v: %d spans: %v", tc.name, leaks, len(spans), spans)
				}
				s := spans[0]
				wantAttrs(t, s, map[string]string{resendCount: tc.resends, "error.type": tc.typ})
				if got := eventsOf(s); got != tc.events {
					t.Errorf("%s, leaks %v: events %q, want %q", tc.name, leaks, got, tc.events)
				}
				if d := s.EndTime.Sub(s.StartTime); d != tc.duration {
					t.Errorf("%s, leaks %v: duration %v, want %v", tc.name, leaks, d, tc.duration)
				}
				if (s.Status.Code == codes.Error) != (tc.typ != "") {
					t.Errorf("%s, leaks %v: status %v", tc.name, leaks, s.Status)
				}
				if r.calls.parked != 0 || len(r.calls.waiting) != 0 {
					t.Errorf("%s, leaks %v: %d attempts wait still", tc.name, leaks, r.calls.parked)
				}
			})
		}
	}
}

// TestRetryThatDoesNotCome ends the attempt at its own end, after a bounded
// time, with the context, or at shutdown.
func TestRetryThatDoesNotCome(t *testing.T) {
	for name, end := range map[string]func(r *core, cancel func()){
		"patience": func(*core, func()) { <-time.After(maxDelay) },
		"context":  func(_ *core, cancel func()) { cancel(); <-time.After(cancelGrace + 1) },
		"shutdown": func(r *core, _ func()) { r.calls.flush() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, rec := testCore(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				began := time.Now()
				resp, err := Transport(attempts(503)).RoundTrip(post(t, chatURL, chatRequest, stainlessRetry, "0").WithContext(ctx))
				if err != nil {
					t.Fatal(err)
				}
				<-time.After(time.Second)
				_ = resp.Body.Close()
				if n := len(rec.Spans()); n != 0 {
					t.Fatalf("%d spans ended at once", n)
				}
				end(r, cancel)
				s := rec.only(t)
				if d := s.EndTime.Sub(began); d != time.Second || attr(s, "error.type") != "overloaded" {
					t.Errorf("ended after %v with %s", d, attr(s, "error.type"))
				}
			})
		})
	}
}

// TestAmazonsRetries: its client reads every answer, and says how often it will
// try.
func TestAmazonsRetries(t *testing.T) {
	const url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-3-haiku-20240307-v1:0/converse"
	for _, tc := range []struct {
		statuses []int
		spans    int
		events   string
	}{
		{[]int{200}, 1, ""},
		{[]int{429, 503, 200}, 1, "pitot.attempt 1 1 x 429; pitot.attempt 2 1 x 503"},
		{[]int{503, 503, 503}, 1, "pitot.attempt 1 1 x 503; pitot.attempt 2 1 x 503"},
		{[]int{400}, 1, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, rec := testCore(t)
			base := attempts(tc.statuses...)
			for n := range 3 {
				req := post(t, url, `{"messages":[{"role":"user","content":[{"text":"hi"}]}]}`, awsInvocation, "11111111-2222-3333-4444-555555555555",
					awsAttempt, "attempt="+strconv.Itoa(n+1)+"; max=3")
				req.GetBody = nil // Amazon's requests have none
				resp, err := Transport(base).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
					break
				}
				if n < 2 {
					<-time.After(time.Second)
				}
			}
			spans := rec.Spans()
			if len(spans) != tc.spans {
				t.Fatalf("%v: %d spans", tc.statuses, len(spans))
			}
			if got := eventsOf(spans[0]); got != tc.events {
				t.Errorf("%v: events %q, want %q", tc.statuses, got, tc.events)
			}
			wantAttrs(t, spans[0], map[string]string{"gen_ai.provider.name": "aws.bedrock", "pitot.region": "eu-west-1"})
		})
	}
}

// TestSameCallsAtTheSameTime keeps identical calls of different callers apart as
// far as that matters: each has its attempts.
func TestSameCallsAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, rec := testCore(t)
		for range 20 {
			go stainless(t, t.Context(), Transport(attempts(503, 503, 200)), 2, time.Second, false)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		spans := rec.Spans()
		if len(spans) != 20 {
			t.Fatalf("%d spans", len(spans))
		}
		for _, s := range spans {
			wantAttrs(t, s, map[string]string{resendCount: "2", "error.type": ""})
			if len(s.Events) != 2 {
				t.Errorf("%d events", len(s.Events))
			}
		}
	})
}

// TestWaitingIsBounded: more failed attempts than may wait end at once.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := testCore(t)
		for range maxParked + 10 {
			resp, err := Transport(attempts(503)).RoundTrip(post(t, chatURL, chatRequest, stainlessRetry, "0"))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
		if n := len(rec.Spans()); n != 10 {
			t.Errorf("%d spans ended at once, want 10", n)
		}
		r.calls.flush()
		if n := len(rec.Spans()); n != maxParked+10 {
			t.Errorf("%d spans in all", n)
		}
	})
}

func TestPatience(t *testing.T) {
	for _, tc := range []struct {
		header  string
		value   string
		attempt int
		want    time.Duration
	}{
		{"", "", 0, 500*time.Millisecond + retryMargin},
		{"", "", 10, 8*time.Second + retryMargin},
		{"Retry-After", "3", 0, 3*time.Second + retryMargin},
		{"Retry-After", "86400", 0, maxDelay + retryMargin},
		{"Retry-After", "-1", 0, 500*time.Millisecond + retryMargin},
		{"Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT", 0, retryMargin},
		{"Retry-After-Ms", "250", 0, 250*time.Millisecond + retryMargin},
		{"Retry-After-Ms", "nonsense", 1, time.Second + retryMargin},
	} {
		x := &exchange{client: retriesStainless, header: http.Header{}, retry: retryKey{attempt: tc.attempt}}
		x.header.Set(tc.header, tc.value)
		if got := x.patience(); got != tc.want {
			t.Errorf("%s: %s, attempt %d: %v, want %v", tc.header, tc.value, tc.attempt, got, tc.want)
		}
	}
}
