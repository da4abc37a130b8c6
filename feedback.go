package pitot

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Thumb is a user's plainest judgement.
type Thumb int8

// The thumbs; the zero value is none.
const (
	ThumbUp   Thumb = 1  // score 1, label thumbs_up
	ThumbDown Thumb = -1 // score 0, label thumbs_down
)

// Bounds of judgements, in bytes: those of Pitot's API.
const (
	maxJudgement = 256
	maxComment   = 16 << 10
)

// Rating is what a person thinks of an answer. It says something (a Thumb, a
// Score, a Label or a Comment) about something: the trace, span, response or
// session that is named, else the current span of the context.
type Rating struct {
	TraceID    string // 32 hex digits, as TraceID gave them; 16 are taken too
	SpanID     string // 16 hex digits
	ResponseID string // the provider's id of the answer
	Session    string // all of a conversation

	Thumb   Thumb
	Score   *float64 // 0 to 1
	Label   string   // such as "helpful", "wrong"; at most 256 bytes
	Comment string   // masked; at most 16 KiB; left out in metrics mode

	Name string // what is judged; "user_feedback" where it is empty
	User string // who judges; that of the context where it is empty

	// Key makes the judgement idempotent: of those with the same key the backend
	// keeps one, so that a button may be pressed twice.
	Key  string
	Time time.Time // now where it is zero
}

// Evaluation is the score that a program or a model gave an answer. It is about
// something in the same way as a Rating.
type Evaluation struct {
	TraceID, SpanID, ResponseID, Session string

	Name        string  // what is measured, such as "faithfulness"; needed
	Value       float64 // 0 to 1
	Label       string  // such as "pass"; at most 256 bytes
	Explanation string  // masked; at most 16 KiB; left out in metrics mode
	Evaluator   string  // who or what judged, such as the model; at most 256 bytes

	Key  string // as Rating's
	Time time.Time
}

// Feedback records what a person thinks of an answer, as the event
// gen_ai.evaluation.result of OpenTelemetry. It returns an error that says what
// to do where the rating is not valid. While the SDK is off it does nothing and
// returns nil.
func Feedback(ctx context.Context, f Rating) error {
	r := active.Load()
	if r == nil {
		return nil
	}
	j := judgement{
		traceID: f.TraceID, spanID: f.SpanID, responseID: f.ResponseID, session: f.Session,
		name: f.Name, label: f.Label, comment: f.Comment, source: "user", user: f.User, key: f.Key, at: f.Time, score: math.NaN(),
	}
	if j.name == "" {
		j.name = "user_feedback"
	}
	if f.Score != nil {
		j.score, j.scored = *f.Score, true
	}
	switch f.Thumb {
	case 0:
	case ThumbUp, ThumbDown:
		label, score := "thumbs_up", 1.0
		if f.Thumb == ThumbDown {
			label, score = "thumbs_down", 0
		}
		if !j.scored {
			j.score, j.scored = score, true
		}
		if j.label == "" {
			j.label = label
		}
	default:
		return fmt.Errorf("pitot: Feedback: Thumb %d is neither ThumbUp nor ThumbDown", f.Thumb)
	}
	if !j.scored && j.label == "" && j.comment == "" {
		return errors.New("pitot: Feedback: the rating says nothing: set Thumb, Score, Label or Comment")
	}
	return r.judge(ctx, &j, "Feedback")
}

// Score records the score that a program or a model gave an answer, as the event
// gen_ai.evaluation.result of OpenTelemetry. It returns an error that says what
// to do where the evaluation is not valid. While the SDK is off it does nothing
// and returns nil.
func Score(ctx context.Context, e Evaluation) error {
	r := active.Load()
	if r == nil {
		return nil
	}
	if e.Name == "" {
		return errors.New("pitot: Score: Name is empty: say what is measured, such as faithfulness")
	}
	source := e.Evaluator
	if source == "" {
		source = "program"
	}
	return r.judge(ctx, &judgement{
		traceID: e.TraceID, spanID: e.SpanID, responseID: e.ResponseID, session: e.Session, name: e.Name, label: e.Label, comment: e.Explanation,
		source: source, key: e.Key, at: e.Time, score: e.Value, scored: true,
	}, "Score")
}

// judgement is a Rating or an Evaluation.
type judgement struct {
	traceID, spanID, responseID, session string
	name, label, comment, source, user   string
	key                                  string
	at                                   time.Time
	score                                float64
	scored                               bool
}

// judge checks a judgement and emits it.
func (r *core) judge(ctx context.Context, j *judgement, op string) error {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := j.check(); err != nil {
		return fmt.Errorf("pitot: %s: %w", op, err)
	}
	sc, err := j.target(ctx)
	if err != nil {
		return fmt.Errorf("pitot: %s: %w", op, err)
	}
	a := associationOf(ctx)
	session, user := j.session, j.user
	if a != nil && j.traceID == "" && j.responseID == "" { // of the current context
		if session == "" {
			session = a.session
		}
	}
	if a != nil && user == "" && j.source == "user" {
		user = a.user
	}
	if !sc.TraceID().IsValid() && j.responseID == "" && session == "" {
		return fmt.Errorf("pitot: %s: it is about nothing: set TraceID, ResponseID or Session, or call it with the context of the work", op)
	}
	score := llm.Opt[float64]{}
	if j.scored {
		score = llm.Some(j.score)
	}
	r.observeFeedback(ctx, j.source, r.content.label(j.label), score)
	if r.logger == nil {
		return nil
	}
	attrs := []attribute.KeyValue{
		attribute.String("gen_ai.evaluation.name", r.content.label(j.name)),
		attribute.String("pitot.evaluation.evaluator", r.content.label(j.source)),
	}
	if j.scored {
		attrs = append(attrs, attribute.Float64("gen_ai.evaluation.score.value", j.score))
	}
	comment := ""
	if r.content.keeps() {
		comment = r.content.text(j.comment, maxComment)
	}
	for _, f := range [...]struct{ name, value string }{
		{"gen_ai.evaluation.score.label", r.content.label(j.label)},
		{"gen_ai.evaluation.explanation", comment},
		{"gen_ai.response.id", j.responseID},
		{attrConversation, session},
		{attrUser, user},
		{"pitot.evaluation.id", j.key},
	} {
		if f.value != "" {
			attrs = append(attrs, attribute.String(f.name, f.value))
		}
	}
	var rec otellog.Record
	now := time.Now()
	rec.SetObservedTimestamp(now)
	if j.at.IsZero() {
		j.at = now
	}
	rec.SetTimestamp(j.at)
	rec.SetEventName("gen_ai.evaluation.result")
	rec.SetSeverity(otellog.SeverityInfo)
	rec.AddAttributes(attrs...)
	r.logger.Emit(trace.ContextWithSpanContext(ctx, sc), rec)
	return nil
}

// check says what is wrong with a judgement and what to do.
func (j *judgement) check() error {
	if j.scored && !(j.score >= 0 && j.score <= 1) {
		return fmt.Errorf("the score %v is not from 0 to 1: divide it by the most that can be reached", j.score)
	}
	for _, f := range [...]struct{ name, value string }{
		{"Name", j.name}, {"Label", j.label}, {"ResponseID", j.responseID}, {"Session", j.session}, {"User", j.user}, {"Evaluator", j.source}, {"Key", j.key},
	} {
		if len(f.value) > maxJudgement {
			return fmt.Errorf("%s has %d bytes, at most %d are kept: longer text goes into the comment", f.name, len(f.value), maxJudgement)
		}
		if !utf8.ValidString(f.value) {
			return fmt.Errorf("%s is not UTF-8", f.name)
		}
	}
	if len(j.comment) > maxComment {
		return fmt.Errorf("the comment has %d bytes, at most %d are kept: shorten it", len(j.comment), maxComment)
	}
	return nil
}

// target is the span that a judgement is about: the one that is named, else,
// where nothing is named at all, the current one.
func (j *judgement) target(ctx context.Context) (trace.SpanContext, error) {
	var cfg trace.SpanContextConfig
	if j.traceID == "" {
		if j.spanID != "" {
			return trace.SpanContext{}, errors.New("SpanID is set without TraceID: set both")
		}
		if j.responseID != "" || j.session != "" {
			return trace.SpanContext{}, nil
		}
		return trace.SpanContextFromContext(ctx), nil
	}
	id := strings.ToLower(j.traceID)
	if len(id) == 16 {
		id = "0000000000000000" + id
	}
	if n, err := hex.Decode(cfg.TraceID[:], []byte(id[:min(len(id), 32)])); err != nil || n != 16 || len(id) != 32 || !cfg.TraceID.IsValid() {
		return trace.SpanContext{}, fmt.Errorf("TraceID %q is not valid: give the 32 hex digits that pitot.TraceID returned", clip(j.traceID, 64))
	}
	if j.spanID != "" {
		id := strings.ToLower(j.spanID)
		if n, err := hex.Decode(cfg.SpanID[:], []byte(id[:min(len(id), 16)])); err != nil || n != 8 || len(id) != 16 || !cfg.SpanID.IsValid() {
			return trace.SpanContext{}, fmt.Errorf("SpanID %q is not valid: give the 16 hex digits that pitot.SpanID returned", clip(j.spanID, 64))
		}
	}
	cfg.TraceFlags = trace.FlagsSampled
	return trace.NewSpanContext(cfg), nil
}
