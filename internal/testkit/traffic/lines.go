package traffic

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// event is a step of a task as it went.
type event struct {
	step         *Step // of a span
	call         *Call // of a call
	record       *llm.Call
	span         string // of the step, or of what made the call
	response     string // id of the answer
	began, ended time.Time
	status       int // of HTTP; 0 for no answer
}

// lines are what the application of a task logs, and the proxy before it. Most
// of what goes well is logged by one line, and not every time.
func lines(r *rand.Rand, t *Task, trace string, events []event, began, over time.Time) []*llm.Log {
	w := &lineWriter{r: r, t: t, trace: trace}
	failed := false
	for i := range events {
		e := &events[i]
		switch {
		case e.call != nil:
			failed = w.call(e) || failed
		case e.step.Tool != "":
			w.tool(e)
		}
	}
	if r.Float64() < 0.3 || failed {
		w.done(began, over, failed)
	}
	if t.Environment == "prod" && r.Float64() < 0.25 && t.Team != "data" {
		w.access(over, over.Sub(began), failed)
	}
	return w.out
}

type lineWriter struct {
	r     *rand.Rand
	t     *Task
	trace string
	out   []*llm.Log
}

func (w *lineWriter) add(at time.Time, level, logger, span, message string, attributes map[string]any) *llm.Log {
	id, err := newULID(w.r, at)
	if err != nil {
		id = ""
	}
	l := &llm.Log{
		ID: id, Time: at.UTC(), Service: w.t.Service, Environment: w.t.Environment, Level: level, Message: message, Scope: logger,
		TraceID: w.trace, SpanID: span, Attributes: attributes,
	}
	if w.trace == "" {
		l.SpanID = ""
	}
	w.out = append(w.out, l)
	return l
}

// call logs what is worth a line of a call, and reports whether it failed.
func (w *lineWriter) call(e *event) bool {
	c, took := e.call, e.ended.Sub(e.began)
	fields := map[string]any{"model": c.Model.Name, "duration_ms": took.Milliseconds(), "session_id": w.t.Session}
	switch {
	case e.status == http.StatusTooManyRequests:
		fields["status"], fields["retry_in_ms"] = e.status, 250<<w.r.IntN(4)
		w.add(e.ended, "warn", "llm.client", e.span, "rate limited by "+c.Model.Provider+", will retry", fields)
		return true
	case e.status != http.StatusOK:
		fields["status"] = e.status
		fields["error.type"] = "ModelError"
		fields["error.message"] = c.Model.Name + ": " + strconv.Itoa(e.status) + " " + http.StatusText(e.status)
		fields["error.stack_trace"] = stack(c.Model.Name, e.status)
		w.add(e.ended, "error", "llm.client", e.span, "call of "+c.Model.Name+" failed", fields)
		return true
	case took > 20*time.Second:
		fields["tokens"] = c.Output
		w.add(e.ended, "warn", "llm.client", e.span, fmt.Sprintf("slow answer: %.1f s", took.Seconds()), fields)
	case c.CacheRead > 0 && w.r.Float64() < 0.08:
		fields["cached_tokens"], fields["prompt_tokens"] = c.CacheRead, c.Input
		w.add(e.began, "debug", "prompt.cache", e.span, fmt.Sprintf("prompt cache hit: %d of %d tokens", c.CacheRead, c.Input), fields)
	case c.Schema != "" && w.r.Float64() < 0.3:
		w.add(e.ended, "info", "labels", e.span, "ticket labelled", map[string]any{"answer": c.Answer, "model": c.Model.Name})
	}
	return false
}

func (w *lineWriter) tool(e *event) {
	fields := map[string]any{"tool": e.step.Tool, "duration_ms": e.ended.Sub(e.began).Milliseconds(), "result_bytes": len(e.step.Output)}
	if e.step.ErrorType != "" {
		fields["error.type"] = e.step.ErrorType
		w.add(e.ended, "error", "agent.tools", e.span, "tool "+e.step.Tool+" failed: "+e.step.ErrorType, fields)
		return
	}
	w.add(e.ended, "info", "agent.tools", e.span, "tool "+e.step.Tool+" returned", fields)
}

func (w *lineWriter) done(began, over time.Time, failed bool) {
	took := over.Sub(began).Milliseconds()
	fields := map[string]any{"user": w.t.User, "session_id": w.t.Session, "feature": w.t.Feature, "duration_ms": took}
	if w.t.PromptVersion != "" {
		fields["prompt_version"] = w.t.PromptVersion
	}
	if failed {
		w.add(over, "error", "http", "", w.t.Feature+" could not be answered", fields)
		return
	}
	w.add(over, "info", "http", "", fmt.Sprintf("%s answered in %d ms", w.t.Feature, took), fields)
}

// access is a line of the proxy before the applications, which knows no traces.
func (w *lineWriter) access(at time.Time, took time.Duration, failed bool) {
	status := http.StatusOK
	if failed {
		status = http.StatusBadGateway
	}
	bytes := 200 + w.r.IntN(9000)
	addr := "203.0.113." + strconv.Itoa(1+w.r.IntN(250)) // addresses for documentation
	path := "/api/" + w.t.Feature
	agents := [...]string{"Mozilla/5.0 (X11; Linux x86_64)", "Mozilla/5.0 (iPhone)", "okhttp/4.12.0"}
	l := w.add(at, "info", "", "", fmt.Sprintf(`%s "POST %s HTTP/1.1" %d %d %.3f`, addr, path, status, bytes, took.Seconds()), map[string]any{
		"method": "POST", "path": path, "status": status, "bytes": bytes, "remote_addr": addr, "user_agent": agents[w.r.IntN(len(agents))],
	})
	l.Service, l.TraceID, l.SpanID = "edge", "", ""
	if failed {
		l.Level = "error"
	}
}

// stack is what an application prints of an error.
func stack(model string, status int) string {
	return strings.Join([]string{
		"ModelError: " + model + " answered " + strconv.Itoa(status),
		"    at Client.complete (app/llm/client.py:118)",
		"    at Retry.call (app/llm/retry.py:41)",
		"    at Handler.reply (app/http/handler.py:73)",
		"    at Router.dispatch (app/http/router.py:29)",
	}, "\n")
}
