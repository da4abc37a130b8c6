package pipeline

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestNormalizeRepairsACall(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	c := &llm.Call{
		Time: now.Add(48 * time.Hour), Source: llm.SourceOTLP, TraceID: strings.Repeat("AB", 16), SpanID: "00F067AA0BA902B7",
		Provider: "Mistral", HTTPStatus: 500, Duration: -1, TTFT: llm.Some(-time.Second),
		Usage:        llm.Usage{InputTokens: llm.Some[int64](-5), OutputTokens: llm.Some[int64](7), AudioSeconds: llm.Some(math.NaN())},
		Cost:         llm.Cost{USD: llm.Some(math.Inf(1)), State: llm.CostReported},
		User:         "a\xffb" + strings.Repeat("x", 2000),
		ErrorMessage: strings.Repeat("é", 2000),
		Tags:         map[string]string{"k\xff": "v\xff"},
		Params:       map[string]any{"temperature": math.NaN(), "n": 1},
		Attributes:   map[string]any{"list": []any{"\xff", math.Inf(-1), map[string]any{"x": float32(2)}}},
		Input:        []llm.Message{{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "bad \xc3"}, {Type: llm.PartOther, Response: json.RawMessage(`{"cut":`)}}}},
		Tools:        json.RawMessage("[1,2"),
	}
	normalize(llm.Record{Call: c}, now)
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatalf("cannot be encoded: %v", err)
	}
	if !utf8.Valid(b) {
		t.Error("not UTF-8")
	}
	if d := cmp.Diff([]string{"clock_ahead", "bad_duration", "bad_usage", "bad_cost"}, c.Notes); d != "" {
		t.Errorf("notes: %s", d)
	}
	if !c.Time.Equal(now) || c.Status != llm.StatusError || c.Provider != llm.ProviderMistral || c.Duration != 0 || c.TTFT.Known() {
		t.Errorf("time %v, status %v, provider %v, duration %v", c.Time, c.Status, c.Provider, c.Duration)
	}
	if c.Usage.InputTokens.Known() || c.Usage.OutputTokens.Or(0) != 7 || c.Usage.AudioSeconds.Known() || c.Usage.Source != llm.UsageReported {
		t.Errorf("usage %+v", c.Usage)
	}
	if len(c.User) > maxName || len(c.ErrorMessage) > llm.MaxErrorMessage || !utf8.ValidString(c.ErrorMessage) {
		t.Errorf("user %d bytes, message %d bytes", len(c.User), len(c.ErrorMessage))
	}
	if c.TraceID != strings.Repeat("ab", 16) || c.SpanID != "00f067aa0ba902b7" {
		t.Errorf("trace %s span %s", c.TraceID, c.SpanID)
	}
	if c.Tags["k\uFFFD"] != "v\uFFFD" || len(c.Tags) != 1 {
		t.Errorf("tags %v", c.Tags)
	}
	if id, err := ulid.ParseStrict(c.ID); err != nil || !ulid.Time(id.Time()).Equal(now) {
		t.Errorf("id %s: %v", c.ID, err)
	}
}

func TestIDsOfTelemetryAreTheSameEachTime(t *testing.T) {
	now := time.Now()
	id := func(c llm.Call) string {
		c.Time = now
		normalize(llm.Record{Call: &c}, now)
		return c.ID
	}
	same := func(a, b llm.Call, want bool) {
		t.Helper()
		if got := id(a) == id(b); got != want {
			t.Errorf("same id: %v, want %v", got, want)
		}
	}
	span := llm.Call{Source: llm.SourceOTLP, TraceID: "t", SpanID: "s"}
	other := llm.Call{Source: llm.SourceOTLP, TraceID: "t", SpanID: "s2"}
	response := llm.Call{Source: llm.SourceSDK, Provider: "openai", ResponseID: "r"}
	bare := llm.Call{Source: llm.SourceOTLP}
	gateway := llm.Call{Source: llm.SourceGateway, TraceID: "t", SpanID: "s"}
	same(span, span, true)
	same(span, other, false)
	same(response, response, true)
	same(bare, bare, false)
	same(gateway, gateway, false)
	same(llm.Call{ID: "given"}, llm.Call{ID: "given"}, true)
	s1 := &llm.Span{Time: now, TraceID: "t", SpanID: "s"}
	normalize(llm.Record{Span: s1}, now)
	if c := span; s1.ID != id(c) {
		t.Error("a span has one id, whether it is taken for a call or not")
	}
}

func TestNormalizeSpanAndLog(t *testing.T) {
	now := time.Now()
	s := &llm.Span{Name: "a\xff", Duration: -1, Attributes: map[string]any{"f": math.NaN()}, Events: []llm.SpanEvent{{Attributes: map[string]any{"g": math.Inf(1)}}}}
	l := &llm.Log{Message: "m\xff", Time: time.Unix(1_700_000, 0), Attributes: map[string]any{"r": json.RawMessage("{")}}
	for _, r := range []llm.Record{{Span: s}, {Log: l}} {
		normalize(r, now)
	}
	for _, v := range []any{s, l} {
		if b, err := json.Marshal(v); err != nil || !utf8.Valid(b) {
			t.Errorf("%T: %v", v, err)
		}
	}
	if s.Duration != 0 || s.Source != unknownSource || s.ID == "" || !l.Time.Equal(now) {
		t.Errorf("span %+v log %+v", s, l)
	}
}

func TestEstimateUsage(t *testing.T) {
	f := func(c llm.Call, wantIn, wantOut int64, source llm.UsageSource) {
		t.Helper()
		c.Time = time.Now()
		normalize(llm.Record{Call: &c}, c.Time)
		estimateUsage(&c)
		if in, out := c.Usage.InputTokens.Or(-1), c.Usage.OutputTokens.Or(-1); in != wantIn || out != wantOut || c.Usage.Source != source {
			t.Errorf("in %d out %d %s, want %d %d %s", in, out, c.Usage.Source, wantIn, wantOut, source)
		}
	}
	in := []llm.Message{llm.Text("user", strings.Repeat("word ", 80))} // 400 letters
	out := []llm.Message{llm.Text("assistant", strings.Repeat("你好吗", 10))}
	f(llm.Call{Operation: llm.OpChat, Input: in, Output: out}, 104, 20, llm.UsageEstimated)
	f(llm.Call{Operation: llm.OpChat, Input: in, Status: llm.StatusError}, -1, -1, llm.UsageUnknown)
	f(llm.Call{Operation: llm.OpChat, Input: in, Output: out, Status: llm.StatusError}, 104, 20, llm.UsageEstimated)
	f(llm.Call{Operation: llm.OpEmbeddings, Input: in}, 104, -1, llm.UsageEstimated)
	f(llm.Call{Operation: llm.OpImage, Input: in, Output: out}, -1, -1, llm.UsageUnknown)
	f(llm.Call{Operation: llm.OpChat}, -1, -1, llm.UsageUnknown)
	f(llm.Call{Operation: llm.OpChat, Input: in, Output: out, Usage: llm.Usage{InputTokens: llm.Some[int64](3), OutputTokens: llm.Some[int64](4)}}, 3, 4, llm.UsageReported)
	// A cut stream whose start said what the input was.
	f(llm.Call{Operation: llm.OpChat, Input: in, Output: out, Usage: llm.Usage{InputTokens: llm.Some[int64](3)}}, 3, 20, llm.UsageEstimated)
	media := &llm.Call{Operation: llm.OpChat, Input: []llm.Message{{Parts: []llm.Part{{Type: llm.PartBlob, Data: "xxxx"}, {Type: llm.PartText, Content: "what?"}}}}}
	estimateUsage(media)
	if len(media.Notes) != 1 {
		t.Errorf("notes %v", media.Notes)
	}
}

func TestShrinkKeepsRecordsEncodable(t *testing.T) {
	for _, step := range shrinkSteps {
		c := &llm.Call{
			Input:      []llm.Message{llm.Text("user", strings.Repeat("你", 200_000)), {Parts: []llm.Part{{Type: llm.PartOther, Response: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}}}},
			Tools:      json.RawMessage(`[` + strings.Repeat(`1,`, 1<<19) + `1]`),
			Attributes: map[string]any{"a": strings.Repeat("x", 1<<20), "b": []any{strings.Repeat("x", 1<<20)}},
		}
		s := &llm.Span{Input: strings.Repeat("é", 1<<20), Attributes: map[string]any{"a": strings.Repeat("x", 1<<20)}}
		l := &llm.Log{Message: strings.Repeat("é", 1<<20)}
		for _, r := range []llm.Record{{Call: c}, {Span: s}, {Log: l}} {
			shrink(r, step)
		}
		for _, v := range []any{c, s, l} {
			b, err := json.Marshal(v)
			if err != nil || !utf8.Valid(b) || len(b) > 6*max(step, 512)+2000 {
				t.Errorf("step %d: %T has %d bytes, %v", step, v, len(b), err)
			}
		}
		if len(c.Truncated) == 0 {
			t.Errorf("step %d: not marked", step)
		}
	}
}

func TestDedupeWindowIsBounded(t *testing.T) {
	d := newDedupe(100)
	for n := range 1000 {
		k := d.keysOf(header{id: call(n, "s").ID, source: "s"}, 0)
		o := newOutcome()
		if d.claim(k, o).duplicate {
			t.Fatal("new, yet a duplicate")
		}
		d.settle([]keys{k}, nil)
		if !d.claim(k, o).duplicate {
			t.Fatal("a duplicate passed")
		}
	}
	if d.index.len() != 100 || len(d.ring) != 100 {
		t.Errorf("%d keys, ring %d", d.index.len(), len(d.ring))
	}
	if old := d.claim(d.keysOf(header{id: call(1, "s").ID}, 0), nil); old.duplicate {
		t.Error("a key past the window is remembered")
	}
}
