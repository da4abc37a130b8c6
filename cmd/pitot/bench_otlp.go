package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// spansPerRequest is what OpenTelemetry's batch processors send by default.
const spansPerRequest = 512

// spanLoad makes export requests: one template, whose ids and times change.
type spanLoad struct {
	body      []byte
	ids       []int // offsets of the numbers in the ids
	times     []int // offsets of start and end, in turn
	next      atomic.Uint64
	requestID uint64
}

// marker stands where the changing part of an id is; no text has it.
const marker = 0x1122334455667788

// newSpanLoad makes a template of spans as an instrumented application sends
// them: a chat call each, with about chars bytes of prompt and answer.
func newSpanLoad(chars int) (*spanLoad, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "bench")
	rs.Resource().Attributes().PutStr("deployment.environment.name", "bench")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("opentelemetry.instrumentation.openai")
	ss.Scope().SetVersion("0.62.1")
	question := strings.Repeat("How fast does the air flow past the wing of this aircraft? ", chars/2/59+1)[:chars/2]
	answer := strings.Repeat("A pitot tube measures the stagnation pressure of the flow. ", chars/2/59+1)[:chars/2]
	for i := range spansPerRequest {
		sp := ss.Spans().AppendEmpty()
		var trace [16]byte
		var span [8]byte
		binary.BigEndian.PutUint64(trace[:], marker)
		binary.BigEndian.PutUint64(trace[8:], uint64(i))
		binary.BigEndian.PutUint64(span[:], marker)
		sp.SetTraceID(trace)
		sp.SetSpanID(span)
		sp.SetName("openai.chat")
		sp.SetKind(ptrace.SpanKindClient)
		sp.SetStartTimestamp(marker)
		sp.SetEndTimestamp(marker)
		benchAttributes(sp.Attributes(), i)
		if chars > 0 {
			sp.Attributes().PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"`+question+`"}]}]`)
			sp.Attributes().PutStr("gen_ai.output.messages", `[{"role":"assistant","parts":[{"type":"text","content":"`+answer+`"}],"finish_reason":"stop"}]`)
		}
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return nil, err
	}
	l := &spanLoad{body: body, requestID: uint64(time.Now().UnixNano())}
	big, little := make([]byte, 8), make([]byte, 8)
	binary.BigEndian.PutUint64(big, marker)
	binary.LittleEndian.PutUint64(little, marker) // times are fixed64
	l.ids, l.times = offsets(body, big), offsets(body, little)
	if len(l.ids) != 2*spansPerRequest || len(l.times) != 2*spansPerRequest {
		return nil, fmt.Errorf("the template has %d ids and %d times", len(l.ids), len(l.times))
	}
	return l, nil
}

func offsets(b, what []byte) []int {
	var out []int
	for at := 0; ; {
		i := bytes.Index(b[at:], what)
		if i < 0 {
			return out
		}
		out = append(out, at+i)
		at += i + len(what)
	}
}

// benchAttributes are those of OpenLLMetry's chat spans.
func benchAttributes(m pcommon.Map, i int) {
	m.PutStr("gen_ai.operation.name", "chat")
	m.PutStr("gen_ai.provider.name", "openai")
	m.PutStr("gen_ai.request.model", "gpt-4o-mini")
	m.PutStr("gen_ai.response.model", "gpt-4o-mini-2024-07-18")
	m.PutDouble("gen_ai.request.temperature", 0.2)
	m.PutInt("gen_ai.request.max_tokens", 256)
	m.PutBool("gen_ai.is_streaming", true)
	m.PutStr("gen_ai.openai.api_base", "https://api.openai.com/v1/")
	m.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("stop")
	m.PutInt("gen_ai.usage.input_tokens", int64(200+i))
	m.PutInt("gen_ai.usage.output_tokens", int64(50+i%40))
	m.PutInt("gen_ai.usage.total_tokens", int64(250+i+i%40))
	m.PutInt("gen_ai.usage.cache_read.input_tokens", int64(i%128))
	m.PutStr("traceloop.workflow.name", "checkout")
	m.PutStr("traceloop.entity.path", "plan.answer")
	m.PutStr("traceloop.association.properties.user_id", fmt.Sprint("user-", i%97))
	m.PutStr("traceloop.association.properties.session_id", fmt.Sprint("session-", i%31))
	m.PutStr("gen_ai.openai.response.system_fingerprint", "fp_bench")
}

// request writes the next request into buf.
func (l *spanLoad) request(buf []byte) []byte {
	buf = append(buf[:0], l.body...)
	n := l.requestID + l.next.Add(1)<<10
	for i, at := range l.ids {
		binary.BigEndian.PutUint64(buf[at:], n+uint64(i/2))
	}
	end := uint64(time.Now().UnixNano())
	for i, at := range l.times {
		binary.LittleEndian.PutUint64(buf[at:], end-uint64(1-i%2)*1e9)
	}
	return buf
}

// spanRun is what became of a load.
type spanRun struct {
	accepted, backedOff int // spans; requests that were told to come again
	elapsed             time.Duration
}

// send keeps conns connections busy with requests for d. Refused requests are
// not repeated but counted; the pause that the server asks for is kept when patient.
func (l *spanLoad) send(ctx context.Context, base string, conns int, d time.Duration, patient bool) (spanRun, error) {
	var mu sync.Mutex
	var out spanRun
	var failure error
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	from := time.Now()
	var wg sync.WaitGroup
	for range conns {
		wg.Go(func() {
			var buf []byte
			for time.Since(from) < d && ctx.Err() == nil {
				buf = l.request(buf)
				status, wait, err := postSpans(ctx, client, base, buf)
				mu.Lock()
				switch {
				case err != nil || status >= 400 && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable:
					failure = errors.Join(err, fmt.Errorf("answer %d", status))
				case status < 300:
					out.accepted += spansPerRequest
				default:
					out.backedOff++
				}
				stop := failure != nil
				mu.Unlock()
				if stop {
					return
				}
				if patient && wait > 0 {
					select {
					case <-time.After(wait):
					case <-ctx.Done():
					}
				}
			}
		})
	}
	wg.Wait()
	out.elapsed = time.Since(from)
	return out, failure
}

func postSpans(ctx context.Context, client *http.Client, base string, body []byte) (status int, wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if s := resp.Header.Get("Retry-After"); s != "" {
		wait, _ = time.ParseDuration(s + "s")
	}
	return resp.StatusCode, wait, nil
}

// otlpLoad measures how many spans a second reach the store, with and without
// content, and what an overload does to them and to the gateway.
func (b *bench) otlpLoad(ctx context.Context, d time.Duration) ([]string, error) {
	var out []string
	for _, c := range []struct {
		name  string
		chars int
	}{{"without content", 0}, {"with 2 KB of content", 2048}} {
		l, err := newSpanLoad(c.chars)
		if err != nil {
			return nil, err
		}
		r, err := l.send(ctx, "http://"+b.otlp, 4, d, true)
		if err != nil {
			return nil, err
		}
		drained, err := b.drained(ctx, "otlp")
		if err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("spans %s: %.0f/s accepted over %.0f s, %.0f/s to the store; %d requests told to come again; server and engine use %.0f MB",
			c.name, float64(r.accepted)/r.elapsed.Seconds(), r.elapsed.Seconds(), float64(r.accepted)/(r.elapsed+drained).Seconds(), r.backedOff, float64(memoryOf(b.server))/1e6))
	}
	over, err := b.overload(ctx, d)
	return append(out, over), err
}

// sendSpans is the part that overloads the server.
func (c *benchPartCmd) sendSpans(ctx context.Context, s *streams) error {
	l, err := newSpanLoad(2048)
	if err != nil {
		return err
	}
	r, err := l.send(ctx, c.Target, c.Conns, c.For, false)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, r.accepted, r.backedOff)
	return err
}

// storeDelay is how long a stored record counts as in flight: see the ledger.
const storeDelay = 5 * time.Second

// drained waits until nothing of a source is in flight, and says how long the
// store took beyond the delay of the ledger's own.
func (b *bench) drained(ctx context.Context, source string) (time.Duration, error) {
	from := time.Now()
	if _, err := b.accountOf(ctx, source, 0); err != nil {
		return 0, err
	}
	return max(time.Since(from)-storeDelay, 0), nil
}

// overload sends about ten times what can be stored and calls the gateway
// meanwhile, a call at a time, as before and after.
func (b *bench) overload(ctx context.Context, d time.Duration) (string, error) {
	gateway := b.sides[len(b.sides)-1].addr
	shape := benchShape{conns: 1, body: benchUnary, head: append([]string{"X-Fake-Bytes: 40"}, benchFast...)}
	calm, n, err := measure(ctx, gateway, &shape, d/2)
	if err != nil {
		return "", err
	}
	// A process of its own: what the senders do to the machine is not the server's.
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	command := []string{exe, "bench-part", "spans", "http://" + b.otlp, "--conns=64", "--for=" + (d + d/2).String()}
	if nice, err := exec.LookPath("nice"); err == nil {
		command = append([]string{nice, "-n", "10"}, command...) // senders are elsewhere as a rule
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // this program itself
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, os.Stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	busy, m, err := measure(ctx, gateway, &shape, d)
	most := memoryOf(b.server)
	var run spanRun
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return "", err
	}
	if _, err := fmt.Sscan(said.String(), &run.accepted, &run.backedOff); err != nil {
		return "", fmt.Errorf("senders: %w", err)
	}
	most = max(most, memoryOf(b.server))
	ledger, err := b.accountOf(ctx, "otlp", 0)
	if err != nil {
		return "", err
	}
	b.sent += n + m
	return fmt.Sprintf("overload of 64 connections: %d spans accepted, %d requests told to come again, %.0f MB; a call through the gateway meanwhile p50 %.3f ms, p99 %.3f ms (before: %.3f, %.3f); %s",
		run.accepted, run.backedOff, float64(most)/1e6, busy.P50, busy.P99, calm.P50, calm.P99, ledger), nil
}
