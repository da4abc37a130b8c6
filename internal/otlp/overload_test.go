package otlp

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestOverloadOfTheSinkIsPassedOn(t *testing.T) {
	h := start(t, func(_ *Options, s *fakeSink) { s.fail = overload{} })
	for _, enc := range []encoding{encodingProto, encodingJSON} {
		for s, v := range map[signal]any{signalTraces: traces("a"), signalLogs: logs("a"), signalMetrics: points("a")} {
			r := post(t, h.url+"/v1/"+s.String(), encode(t, v, enc), "Content-Type", contentType(enc))
			if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") != "7" {
				t.Errorf("%s: %d, Retry-After %q", s, r.status, r.header.Get("Retry-After"))
			}
			st := statusOf(t, r)
			if codes.Code(st.GetCode()) != codes.Unavailable || len(st.GetDetails()) != 1 {
				t.Errorf("status %v", st)
				continue
			}
			var info errdetails.RetryInfo
			if err := st.GetDetails()[0].UnmarshalTo(&info); err != nil || info.GetRetryDelay().AsDuration() != 7*time.Second {
				t.Errorf("again after %v, %v", info.GetRetryDelay(), err)
			}
		}
	}
}

// Metrics that their store refuses for good, such as samples that are too old,
// must not be sent for ever.
func TestRefusedMetricsAreNotRetried(t *testing.T) {
	h := start(t, func(_ *Options, s *fakeSink) { s.fail = errors.New("out of order") })
	r := post(t, h.url+"/v1/metrics", encode(t, points("a"), encodingProto), "Content-Type", typeProto)
	if r.status != http.StatusBadRequest {
		t.Errorf("status %d", r.status)
	}
	wantText(t, statusOf(t, r).GetMessage(), "out of order")
	if n := h.metric(t, "pitot_otlp_rejected_total", "reason", "store"); n != 3 {
		t.Errorf("%v rejections counted", n)
	}
}

// While the memory for messages is taken, senders are told to come again; when it
// is free again they are taken.
func TestMemoryIsBoundedBySendingAway(t *testing.T) {
	block, entered := make(chan struct{}), make(chan struct{}, 64)
	h := start(t, func(o *Options, s *fakeSink) {
		o.Config = Config{MaxMessage: 1 << 20, MaxInFlight: 4 << 20, MaxWait: model.Duration(time.Millisecond)}
		s.block, s.entered = block, entered
	})
	td := traces("a")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("text", strings.Repeat("x", 900<<10))
	body := encode(t, td, encodingProto)
	var wg sync.WaitGroup
	wg.Go(func() {
		if r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto); r.status != http.StatusOK {
			t.Errorf("the first: %d %q", r.status, r.body)
		}
	})
	<-entered
	if n := h.metric(t, "pitot_otlp_in_flight_bytes"); n < float64(2*len(body)) || n > 4<<20 {
		t.Errorf("%v bytes in flight", n)
	}
	r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto)
	if r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") == "" {
		t.Errorf("%d, Retry-After %q", r.status, r.header.Get("Retry-After"))
	}
	wantText(t, statusOf(t, r).GetMessage(), "max_in_flight")
	_, err := ptraceotlp.NewGRPCClient(dial(t, h.addr)).Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(td))
	if status.Code(err) != codes.ResourceExhausted || retryDelay(err) < time.Second {
		t.Errorf("gRPC: %v, again after %v", err, retryDelay(err))
	}
	close(block)
	wg.Wait()
	if r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto); r.status != http.StatusOK {
		t.Errorf("afterwards: %d", r.status)
	}
	if n := h.metric(t, "pitot_otlp_in_flight_bytes"); n != 0 {
		t.Errorf("%v bytes are still in flight", n)
	}
	if n := h.metric(t, "pitot_otlp_requests_total", "code", "429"); n != 1 {
		t.Errorf("%v requests counted", n)
	}
}

// Many senders at once are each either taken or told to come again, and the memory
// of all stays within its bound.
func TestManySendersAtOnce(t *testing.T) {
	h := start(t, func(o *Options, _ *fakeSink) {
		o.Config = Config{MaxMessage: 1 << 20, MaxInFlight: 4 << 20, MaxWait: model.Duration(20 * time.Millisecond)}
	})
	td := traces("a")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("text", strings.Repeat("x", 200<<10))
	body := compress(t, "gzip", encode(t, td, encodingProto))
	var mu sync.Mutex
	taken := 0
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto, "Content-Encoding", "gzip")
				switch r.status {
				case http.StatusOK:
					mu.Lock()
					taken++
					mu.Unlock()
				case http.StatusTooManyRequests:
				default:
					t.Errorf("%d %q", r.status, r.body)
				}
				if n := h.budget.used.Load(); n > 4<<20 {
					t.Errorf("%d bytes in flight", n)
				}
			}
		})
	}
	wg.Wait()
	if got := len(h.sink.got()); got != taken || taken == 0 {
		t.Errorf("%d stored, %d acknowledged", got, taken)
	}
}

func TestDrain(t *testing.T) {
	block, entered := make(chan struct{}), make(chan struct{}, 1)
	h := start(t, func(_ *Options, s *fakeSink) { s.block, s.entered = block, entered })
	body := encode(t, traces("a"), encodingProto)
	var wg sync.WaitGroup
	wg.Go(func() {
		if r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto); r.status != http.StatusOK {
			t.Errorf("under way: %d", r.status)
		}
	})
	<-entered
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Drain(cut); !errors.Is(err, context.Canceled) {
		t.Errorf("drained with a request under way: %v", err)
	}
	r := post(t, h.url+"/v1/traces", body, "Content-Type", typeProto)
	if r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("while draining: %d", r.status)
	}
	close(block)
	if err := h.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	wg.Wait()
	wantNames(t, h.sink.got(), "a")
}

// A sender that goes away, or whose patience ends, is no error of Pitot's.
func TestSenderThatGoesAway(t *testing.T) {
	block, entered := make(chan struct{}), make(chan struct{}, 1)
	h := start(t, func(_ *Options, s *fakeSink) { s.block, s.entered = block, entered })
	ctx, cancel := context.WithCancel(t.Context())
	client := ptraceotlp.NewGRPCClient(dial(t, h.addr))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := client.Export(ctx, ptraceotlp.NewExportRequestFromTraces(traces("a"))); status.Code(err) != codes.Canceled {
			t.Error(err)
		}
	})
	<-entered
	cancel()
	wg.Wait()
	if err := h.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if n := h.metric(t, "pitot_otlp_requests_total", "transport", "grpc", "code", codes.Canceled.String()); n != 1 {
		t.Errorf("%v requests counted as canceled", n)
	}
}
