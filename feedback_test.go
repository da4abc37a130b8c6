package pitot

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

func logAttrs(r sdklog.Record) map[string]any {
	out := map[string]any{}
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		out[string(kv.Key)] = kv.Value.AsInterface()
		return true
	})
	return out
}

func TestFeedbackByIDs(t *testing.T) {
	_, rec := testCore(t)
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	err := Feedback(t.Context(), Rating{
		TraceID: "0AF7651916CD43DD8448EB211C80319C", SpanID: "b7ad6b7169203331", ResponseID: "resp_1", Session: "s1", User: "u1",
		Thumb: ThumbDown, Comment: "wrong, and my key is sk-" + fake(40), Key: "button-1", Time: at,
	})
	if err != nil {
		t.Fatal(err)
	}
	logs := rec.Logs()
	if len(logs) != 1 {
		t.Fatalf("%d events", len(logs))
	}
	l := logs[0]
	if l.EventName() != "gen_ai.evaluation.result" || l.TraceID().String() != "0af7651916cd43dd8448eb211c80319c" || l.SpanID().String() != "b7ad6b7169203331" || !l.Timestamp().Equal(at) {
		t.Errorf("%s %s %s %s", l.EventName(), l.TraceID(), l.SpanID(), l.Timestamp())
	}
	got := logAttrs(l)
	for k, v := range map[string]any{
		"gen_ai.evaluation.name": "user_feedback", "gen_ai.evaluation.score.value": 0.0, "gen_ai.evaluation.score.label": "thumbs_down",
		"gen_ai.evaluation.explanation": "wrong, and my key is " + maskedSecret, "gen_ai.response.id": "resp_1", "gen_ai.conversation.id": "s1",
		"user.id": "u1", "pitot.evaluation.id": "button-1", "pitot.evaluation.evaluator": "user",
	} {
		if got[k] != v {
			t.Errorf("%s = %v, want %v", k, got[k], v)
		}
	}
}

func TestFeedbackOfTheCurrentWork(t *testing.T) {
	_, rec := testCore(t)
	ctx := With(t.Context(), User("u"), Session("s"))
	var trace, span string
	_, _ = Agent(ctx, "a", func(ctx context.Context) (int, error) {
		trace, span = TraceID(ctx), SpanID(ctx)
		return 0, Score(ctx, Evaluation{Name: "faithfulness", Value: 0.75, Label: "pass", Explanation: "cites", Evaluator: "judge-1"})
	})
	l := rec.Logs()[0]
	if l.TraceID().String() != trace || l.SpanID().String() != span {
		t.Errorf("%s %s, want %s %s", l.TraceID(), l.SpanID(), trace, span)
	}
	got := logAttrs(l)
	if got["gen_ai.evaluation.score.value"] != 0.75 || got["pitot.evaluation.evaluator"] != "judge-1" || got["gen_ai.conversation.id"] != "s" || got["user.id"] != nil {
		t.Error(got)
	}
	// By session alone, by response alone: not of the span that happens to run.
	for _, f := range []Rating{{Session: "other", Thumb: ThumbUp}, {ResponseID: "r", Label: "good"}} {
		c, w := Start(ctx, KindTask, "t")
		if err := Feedback(c, f); err != nil {
			t.Error(err)
		}
		w.End(nil)
		if l := rec.Logs()[len(rec.Logs())-1]; l.TraceID().IsValid() {
			t.Errorf("%+v is about trace %s", f, l.TraceID())
		}
	}
}

func TestFeedbackIsChecked(t *testing.T) {
	_, rec := testCore(t)
	id := "0af7651916cd43dd8448eb211c80319c"
	for _, c := range []struct {
		f    Rating
		want string
	}{
		{Rating{TraceID: id}, "says nothing"},
		{Rating{Thumb: ThumbUp}, "about nothing"},
		{Rating{TraceID: id, Thumb: 2}, "Thumb 2"},
		{Rating{TraceID: id, Score: new(1.5)}, "0 to 1"},
		{Rating{TraceID: id, Score: new(math.NaN())}, "0 to 1"},
		{Rating{TraceID: "nope", Thumb: ThumbUp}, "32 hex digits"},
		{Rating{TraceID: strings.Repeat("0", 32), Thumb: ThumbUp}, "32 hex digits"},
		{Rating{TraceID: id + "00", Thumb: ThumbUp}, "32 hex digits"},
		{Rating{TraceID: id, SpanID: "xx", Thumb: ThumbUp}, "16 hex digits"},
		{Rating{SpanID: "b7ad6b7169203331", Thumb: ThumbUp}, "without TraceID"},
		{Rating{TraceID: id, Label: strings.Repeat("x", 257)}, "Label has 257 bytes"},
		{Rating{TraceID: id, Label: "\xff"}, "UTF-8"},
		{Rating{TraceID: id, Comment: strings.Repeat("x", maxComment+1)}, "shorten"},
	} {
		if err := Feedback(t.Context(), c.f); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "pitot: Feedback: ") {
			t.Errorf("%+v: %v, want %q in it", c.f, err, c.want)
		}
	}
	if err := Score(t.Context(), Evaluation{TraceID: id}); err == nil || !strings.Contains(err.Error(), "Name") {
		t.Error(err)
	}
	if n := len(rec.Logs()); n != 0 {
		t.Errorf("%d events", n)
	}
	if err := Feedback(t.Context(), Rating{TraceID: "8448eb211c80319c", Score: new(0.0)}); err != nil {
		t.Error(err)
	}
}

func TestFeedbackInMetricsMode(t *testing.T) {
	_, rec := testCore(t, WithContent(ContentMetrics, 0, 0))
	if err := Feedback(t.Context(), Rating{ResponseID: "r", Thumb: ThumbUp, Comment: "what was said"}); err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprint(logAttrs(rec.Logs()[0])); strings.Contains(s, "what was said") {
		t.Error(s)
	}
}
