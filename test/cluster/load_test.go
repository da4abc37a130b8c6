//go:build unix

package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load makes calls through several gateways until it is stopped, each with a
// session of its own.
type load struct {
	tb     testing.TB
	run    string
	ready  func(gateway int) bool // whether a gateway may be used; nil: always
	stream int                    // every fourth call streams so many milliseconds
	cancel context.CancelFunc
	wg     sync.WaitGroup
	n      atomic.Int64

	mu     sync.Mutex
	done   map[string]bool
	failed []error
}

func startLoad(tb testing.TB, run string, gateways []string, perSecond, stream int, ready func(int) bool) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{tb: tb, run: run, ready: ready, stream: stream, cancel: cancel, done: map[string]bool{}}
	l.wg.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				l.wg.Go(func() { l.one(gateways) })
			}
		}
	})
	tb.Cleanup(func() { l.stop() })
	return l
}

// one makes a call at the next gateway that is ready, as a load balancer does.
func (l *load) one(gateways []string) {
	n := int(l.n.Add(1))
	session := fmt.Sprintf("%s-%d", l.run, n)
	at := n % len(gateways)
	for range gateways {
		if l.ready == nil || l.ready(at) {
			break
		}
		at = (at + 1) % len(gateways)
	}
	ms := 0
	if l.stream > 0 && n%4 == 0 {
		ms = l.stream
	}
	err := call(context.Background(), gateways[at], l.run, session, ms)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failed = append(l.failed, fmt.Errorf("%s at gateway %d: %w", session, at, err))
		return
	}
	l.done[session] = true
}

// stop ends the load, waits for what is under way, and returns the sessions that
// were answered.
func (l *load) stop() map[string]bool {
	l.cancel()
	l.wg.Wait()
	return l.done
}

func (l *load) noFailures() {
	l.tb.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.failed[:min(5, len(l.failed))] {
		l.tb.Error("a call failed: ", err)
	}
	if len(l.failed) > 0 {
		l.tb.Errorf("%d of %d calls failed", len(l.failed), l.n.Load())
	}
}

func hexID(n int, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "/")))
	return hex.EncodeToString(sum[:n])
}

// traceJSON is a request of OTLP with some traces of two spans: an agent and its
// call of a model. All of it follows from run and the number, but for the time.
func traceJSON(run string, from, count int, start time.Time) (body []byte, sessions []string) {
	var b strings.Builder
	models := []string{"gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5"}
	for i := from; i < from+count; i++ {
		session := fmt.Sprintf("%s-%d", run, i)
		sessions = append(sessions, session)
		at := start.Add(time.Duration(i) * 250 * time.Millisecond)
		trace, agent, model := hexID(16, run, session), hexID(8, run, session, "a"), hexID(8, run, session, "m")
		status, service := "", fmt.Sprintf("svc-%d", i%3)
		if i%10 == 9 {
			status = `,"status":{"code":2,"message":"rate limit"}`
		}
		if b.Len() > 0 {
			b.WriteString(",")
		}
		span := func(id, parent, name string, kind int, d time.Duration, attrs, tail string) string {
			return fmt.Sprintf(`{"traceId":%q,"spanId":%q,"parentSpanId":%q,"name":%q,"kind":%d,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[%s]%s}`,
				trace, id, parent, name, kind, at.UnixNano(), at.Add(d).UnixNano(), attrs, tail)
		}
		str := func(k, v string) string { return fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, k, v) }
		num := func(k string, v int) string { return fmt.Sprintf(`{"key":%q,"value":{"intValue":"%d"}}`, k, v) }
		m := models[i%len(models)]
		attrs := strings.Join([]string{
			str("gen_ai.operation.name", "chat"), str("gen_ai.provider.name", "openai"), str("gen_ai.request.model", m), str("gen_ai.response.model", m),
			num("gen_ai.usage.input_tokens", 100+i%50), num("gen_ai.usage.output_tokens", 10+i%7), str("user.id", run), str("session.id", session),
			str("gen_ai.response.id", "resp-"+session), str("input.value", "question number "+session), str("output.value", "answer number "+session),
		}, ",")
		fmt.Fprintf(&b, `{"resource":{"attributes":[%s]},"scopeSpans":[{"scope":{"name":"cluster-test"},"spans":[%s,%s]}]}`, str("service.name", service),
			span(agent, "", "invoke_agent helper", 1, time.Duration(300+i%100)*time.Millisecond, str("gen_ai.operation.name", "invoke_agent"), ""),
			span(model, agent, "chat "+m, 3, time.Duration(100+i%200)*time.Millisecond, attrs, status))
	}
	return []byte(`{"resourceSpans":[` + b.String() + `]}`), sessions
}

// sendTraces sends a request until it is accepted, as an exporter does: always to
// the same receiver.
func sendTraces(tb testing.TB, otlp string, body []byte) {
	tb.Helper()
	deadline := time.Now().Add(long)
	for {
		status, b, err := post(tb, otlp+"/v1/traces", "application/json", body)
		if err == nil && status == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("traces are not accepted: %d %s %v", status, b, err)
		}
		pause(tb, 200*time.Millisecond)
	}
}
