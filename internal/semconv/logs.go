package semconv

import (
	"cmp"
	"maps"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Names of events that are more than lines.
const (
	eventDetails    = "gen_ai.client.inference.operation.details"
	eventEvaluation = "gen_ai.evaluation.result"
)

// Logs turns log records into Logs, in their order. Two kinds become Calls
// instead, because they describe a call whose span is not sent:
//
//   - coding agents' events of model requests (agents.go);
//   - gen_ai.client.inference.operation.details of no span or of an unsampled
//     one. With a sampled span the event stays a Log: the span is the Call, and
//     the ids join them.
//
// A Call keeps all attributes of its event, so that there is no Log beside it.
// It reads ld and does not keep any of it.
func (n *Normalizer) Logs(ld plog.Logs) Result {
	var res Result
	var rejected rejections
	sc := n.scratch()
	defer n.release(sc)
	res.Records = make([]llm.Record, 0, ld.LogRecordCount())
	for _, rl := range ld.ResourceLogs().All() {
		o := originOf(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			scp := scopeOf(sl.Scope(), &o)
			for _, lr := range sl.LogRecords().All() {
				if lr.Body().Type() == pcommon.ValueTypeEmpty && lr.Attributes().Len() == 0 && lr.EventName() == "" {
					rejected.add("it is empty: no body, no event name, no attributes")
					continue
				}
				r := logRecord{lr: lr, o: &o, scope: &scp, event: eventName(lr)}
				r.time = n.logTime(lr)
				if call := n.logCall(sc, &r); call != nil {
					res.Records = append(res.Records, llm.Record{Call: call})
					continue
				}
				if r.event == eventEvaluation {
					res.Evaluations = append(res.Evaluations, evaluationOf(&r))
				}
				res.Records = append(res.Records, llm.Record{Log: r.log()})
			}
		}
	}
	rejected.into(&res, "log records")
	return res
}

// logRecord is one log record and what it shares with others.
type logRecord struct {
	lr    plog.LogRecord
	o     *origin
	scope *scope
	event string
	time  time.Time
}

// eventName is the name of an event: its own field since 1.5 of the protocol,
// an attribute before.
func eventName(lr plog.LogRecord) string {
	if name := lr.EventName(); name != "" {
		return clean(name)
	}
	return clean(textAttr(lr.Attributes(), "event.name"))
}

func (n *Normalizer) logTime(lr plog.LogRecord) time.Time {
	switch {
	case lr.Timestamp() != 0:
		return lr.Timestamp().AsTime()
	case lr.ObservedTimestamp() != 0:
		return lr.ObservedTimestamp().AsTime()
	}
	return n.now().UTC()
}

// log is the record as a Log.
func (r *logRecord) log() *llm.Log {
	l := &llm.Log{
		Time: r.time, Source: r.scope.source, Service: r.o.service, Environment: r.o.environment,
		Level: levelOf(r.lr.SeverityNumber(), r.lr.SeverityText()), Message: clean(textOf(r.lr.Body())), Event: r.event,
		Scope: r.scope.name, Attributes: rawMap(r.lr.Attributes()), Resource: maps.Clone(r.o.attributes),
	}
	if l.Environment == "" {
		l.Environment = clean(textAttr(r.lr.Attributes(), "deployment.environment.name"))
	}
	if id := r.lr.TraceID(); !id.IsEmpty() {
		l.TraceID = id.String()
	}
	if id := r.lr.SpanID(); !id.IsEmpty() {
		l.SpanID = id.String()
	}
	if l.Message == "" {
		l.Message = l.Event
	}
	return l
}

// levelOf is the level of a severity; the number is the protocol's, the text
// the sender's.
func levelOf(n plog.SeverityNumber, text string) string {
	switch {
	case n >= 21:
		return "fatal"
	case n >= 17:
		return "error"
	case n >= 13:
		return "warn"
	case n >= 9:
		return "info"
	case n >= 5:
		return "debug"
	case n >= 1:
		return "trace"
	}
	switch t := strings.ToLower(strings.TrimSpace(text)); t {
	case "warning", "warn":
		return "warn"
	case "err", "error", "severe":
		return "error"
	case "critical", "fatal", "emergency", "alert", "panic", "crit", "emerg":
		return "fatal"
	case "information", "info", "notice":
		return "info"
	case "verbose", "trace":
		return "trace"
	case "debug":
		return "debug"
	default:
		return clean(t)
	}
}

// logCall is the Call that a log record describes, nil where it describes none.
func (n *Normalizer) logCall(sc *scratch, r *logRecord) *llm.Call {
	if call := n.agentCall(sc, r); call != nil {
		return call
	}
	if r.event != eventDetails || r.scope.dialect == dGemini { // Gemini CLI also sends its own event of each response
		return nil
	}
	if r.scope.dialect == dOpenLIT || !r.lr.SpanID().IsEmpty() && r.lr.Flags().IsSampled() {
		return nil // OpenLIT's are of a span that it sends, though those of streams do not say of which
	}
	sc.reset()
	attrs := sc.collect(r.lr.Attributes(), nil)
	if r.lr.Body().Type() == pcommon.ValueTypeMap {
		attrs = sc.collect(r.lr.Body().Map(), attrs)
	}
	role := n.roleOf(sc, "")
	if role.op == "" {
		return nil
	}
	return n.callOfLog(sc, r, attrs, role.op, r.scope.dialectFor(sc))
}

// callOfLog makes a Call of a log record whose attributes are collected. An
// event is written when the call is over: its time is the call's end.
func (n *Normalizer) callOfLog(sc *scratch, r *logRecord, attrs map[string]any, op llm.Operation, d dialect) *llm.Call {
	call := &llm.Call{
		Time: r.time, Source: r.scope.source, Service: r.o.service, Environment: cmp.Or(sc.str(fEnvironment), r.o.environment),
		SpanName: r.event, Dialect: d.String(), Scope: r.scope.name, ScopeVersion: r.scope.version,
		Attributes: attrs, Resource: maps.Clone(r.o.attributes), Status: llm.StatusOK,
	}
	if id := r.lr.TraceID(); !id.IsEmpty() {
		call.TraceID = id.String()
	}
	// The span in which an event was written is not the call's own but around it.
	if id := r.lr.SpanID(); !id.IsEmpty() {
		call.ParentSpanID = id.String()
	}
	ms, ok := firstAttr(r.lr.Attributes(), func(v pcommon.Value) (time.Duration, bool) { return durationOf(v, time.Millisecond) }, "duration_ms")
	if ok {
		call.Duration = ms
		call.Time = call.Time.Add(-ms)
	}
	n.facts(sc, call, op, d)
	call.Provider = cmp.Or(call.Provider, n.providerHint(r.scope.name, ""))
	var none eventFacts
	sc.callContent(call, &none, n.lookup)
	call.TTFT = sc.duration(fTTFT)
	call.Stream = call.Stream || call.TTFT.Known()
	if typ := sc.str(fErrorType); typ != "" {
		call.SetError(cut(typ, 200), sc.str(fErrorMessage))
	}
	if n.skewed(call.Time) {
		call.Note("clock_skew")
	}
	if sc.over {
		call.Note("attributes_cut")
	}
	return call
}

// evaluationOf reads a judgement of a model's answer.
func evaluationOf(r *logRecord) Evaluation {
	m := r.lr.Attributes()
	e := Evaluation{
		Time: r.time, ResponseID: clean(textAttr(m, "gen_ai.response.id")), Name: clean(textAttr(m, "gen_ai.evaluation.name")),
		Label: clean(textAttr(m, "gen_ai.evaluation.score.label")), Explanation: clean(textAttr(m, "gen_ai.evaluation.explanation")),
		Evaluator: clean(textAttr(m, "pitot.evaluation.evaluator")), User: clean(textAttr(m, "user.id")),
		Session: clean(textAttr(m, "gen_ai.conversation.id")), Key: clean(textAttr(m, "pitot.evaluation.id")),
	}
	if id := r.lr.TraceID(); !id.IsEmpty() {
		e.TraceID = id.String()
	}
	if id := r.lr.SpanID(); !id.IsEmpty() {
		e.SpanID = id.String()
	}
	if f, ok := firstAttr(m, amountOf, "gen_ai.evaluation.score.value"); ok {
		e.Score = llm.Some(f)
	}
	return e
}
