package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// fakeDetails has the content of Calls by id, and what was said of them.
type fakeDetails struct {
	full map[string]*llm.Call
	said map[string][]events.Feedback
}

func (f fakeDetails) WithContent(_ context.Context, calls []*llm.Call) ([]*llm.Call, error) {
	if len(calls) > events.MaxDetails {
		panic("too many calls at once")
	}
	var out []*llm.Call
	for _, c := range calls {
		if full := f.full[c.ID]; full != nil {
			out = append(out, full)
		} else if f.full == nil {
			out = append(out, fullCall())
		}
	}
	return out, nil
}

func (f fakeDetails) Judgements(_ context.Context, calls []*llm.Call) ([][]events.Feedback, error) {
	out := make([][]events.Feedback, len(calls))
	for i, c := range calls {
		out[i] = f.said[c.ID]
	}
	return out, nil
}

const canary = "canary-" + "of-content"

// conversations are Calls 0 to n-1, in the list without and in details with
// content. What is wrong with some of them is in the name of their model.
func conversations() (listed []*llm.Call, d fakeDetails) {
	d = fakeDetails{full: map[string]*llm.Call{}, said: map[string][]events.Feedback{}}
	add := func(model string, change func(*llm.Call)) string {
		c := &llm.Call{
			ID: "01JDZXV00000000000000000" + strconv.Itoa(10+len(listed)), Time: now, Status: llm.StatusOK, RequestModel: model, TraceID: traceID, SpanID: "00000000000000" + strconv.Itoa(10+len(listed)),
			Input: []llm.Message{llm.Text("system", "Be brief."), llm.Text("user", canary+" of "+model)}, Output: []llm.Message{llm.Text("assistant", "answer of "+model)},
		}
		change(c)
		short := *c
		short.Input, short.Output, short.Tools = nil, nil, nil
		listed, d.full[c.ID] = append(listed, &short), c
		return c.ID
	}
	score := func(id, name, evaluator string, v float64) {
		d.said[id] = append(d.said[id], events.Feedback{Name: name, Evaluator: evaluator, Score: llm.Some(v), Label: "l"})
	}
	good := add("good", func(*llm.Call) {})
	score(good, "helpful", "user", 1)
	score(good, "safe", "judge", 0.2)
	bad := add("bad", func(*llm.Call) {})
	score(bad, "helpful", "user", 0)
	add("unjudged", func(*llm.Call) {})
	add("cut", func(c *llm.Call) { c.Truncated = []string{"input"} })
	add("part cut", func(c *llm.Call) { c.Output[0].Parts[0].TruncatedChars = 3 })
	add("image", func(c *llm.Call) { c.Input[1].Parts = append(c.Input[1].Parts, llm.Part{Type: llm.PartBlob}) })
	add("silent", func(c *llm.Call) { c.Output = nil })
	add("tools", func(c *llm.Call) {
		c.Tools = json.RawMessage(`[{"type":"function","function":{"name":"t"}}]`)
		c.Input = append(c.Input,
			llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartToolCall, ID: "1", ToolName: "t", Arguments: `{"a":1}`}}},
			llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "1", Response: json.RawMessage(`"found"`)}}})
	})
	return listed, d
}

// readParquet returns the rows of a file by the names of its columns.
func readParquet(b []byte) ([]map[string]any, error) {
	rows, err := parquet.Read[any](bytes.NewReader(b), int64(len(b)))
	out := make([]map[string]any, len(rows))
	for i, r := range rows {
		out[i], _ = r.(map[string]any)
	}
	return out, err
}

func withConversations(o *Options) {
	listed, d := conversations()
	scanOne(listed...)(o)
	o.Details = d
}

func TestDatasetOfChats(t *testing.T) {
	a := newAPI(t, withConversations)
	w := wantOK(t, a.get(base+"/datasets/export"))
	got := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	want := []string{
		`{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"canary-of-content of good"},{"role":"assistant","content":"answer of good"}]}`,
		`{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"canary-of-content of bad"},{"role":"assistant","content":"answer of bad"}]}`,
		`{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"canary-of-content of unjudged"},{"role":"assistant","content":"answer of unjudged"}]}`,
		`{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"canary-of-content of tools"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"t","arguments":"{\"a\":1}"}}]},` +
			`{"role":"tool","content":"found","tool_call_id":"1"},{"role":"assistant","content":"answer of tools"}],"tools":[{"type":"function","function":{"name":"t"}}]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if tr := w.Result().Trailer; tr.Get(trailerRows) != "4" || tr.Get(trailerComplete) != "true" || tr.Get(trailerSkipped) != "4" {
		t.Errorf("trailers %v, want 4 rows, complete, 4 skipped", tr)
	}
}

func TestDatasetByFeedback(t *testing.T) {
	for query, want := range map[string][]string{
		"min_score=0.5":                           {"good"},
		"max_score=0.5":                           {"good", "bad"}, // one judgement of good is low
		"max_score=0.5&feedback_name=helpful":     {"bad"},
		"evaluator=judge":                         {"good"},
		"feedback_label=l&limit=1":                {"good"},
		"feedback_name=nothing":                   {},
		"truncated=true&min_score=0&limit=10":     {"good", "bad"},
		"truncated=true&shape=pairs&order=newest": {"good", "bad", "unjudged", "cut", "part cut", "tools"},
	} {
		a := newAPI(t, withConversations)
		w := wantOK(t, a.get(base+"/datasets/export?format=csv&"+query))
		rows, err := csv.NewReader(w.Body).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		at := slices.Index(rows[0], "model")
		for _, r := range rows[1:] {
			got = append(got, r[at])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func TestDatasetPairsAndParquet(t *testing.T) {
	a := newAPI(t, withConversations)
	w := wantOK(t, a.get(base+"/datasets/export?shape=pairs&min_score=1"))
	var pair struct {
		ID, Model     string
		Input, Output []chatMessage
		Feedback      []events.Feedback
	}
	if err := json.Unmarshal(w.Body.Bytes(), &pair); err != nil || pair.Model != "good" || len(pair.Input) != 2 || len(pair.Output) != 1 || len(pair.Feedback) != 2 {
		t.Errorf("%+v, %v", pair, err)
	}
	type example struct {
		ID, Model, Question, Answer string
		Score                       *float64
	}
	w = wantOK(t, a.get(base+"/datasets/export?format=parquet&shape=pairs"))
	rows, err := readParquet(w.Body.Bytes())
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	got := example{}
	b, err := json.Marshal(rows[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	one := 1.0
	if diff := cmp.Diff(example{"01JDZXV0000000000000000010", "good", canary + " of good", "answer of good", &one}, got); diff != "" {
		t.Errorf("row (-want +got):\n%s", diff)
	}
}

func TestCallsWithContent(t *testing.T) {
	a := newAPI(t, withConversations)
	for _, format := range []string{"csv", "jsonl"} {
		if body := wantOK(t, a.get(base+"/calls/export?format="+format)).Body.String(); strings.Contains(body, canary) {
			t.Errorf("%s has content that nobody asked for", format)
		}
		body := wantOK(t, a.get(base+"/calls/export?content=true&format="+format)).Body.String()
		if n := strings.Count(body, canary); n != 8 {
			t.Errorf("%s has the content of %d calls, want 8", format, n)
		}
	}
	w := wantOK(t, a.get(base+"/calls/export?content=true&format=parquet"))
	rows, err := readParquet(w.Body.Bytes())
	if err != nil || len(rows) != 8 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	var messages []llm.Message
	if text, ok := rows[0]["input"].(string); !ok || json.Unmarshal([]byte(text), &messages) != nil || len(messages) != 2 {
		t.Errorf("input %v", rows[0]["input"])
	}
}

// tracing makes a store of one trace: a tool with attributes, and the call good.
func tracing(o *Options) {
	withConversations(o)
	listed, _ := conversations()
	f := o.Events.(*fakeEvents)
	call := *listed[0]
	call.Attributes = map[string]any{"gen_ai.prompt": canary}
	recs := []llm.Record{
		{Span: &llm.Span{ID: callID, TraceID: traceID, SpanID: "0000000000000099", Time: now.Add(-time.Second), Duration: 2 * time.Second, Name: "lookup", Kind: llm.KindTool, Input: canary, Attributes: map[string]any{"q": canary}}},
		{Call: &call},
	}
	f.traceList = func(_ context.Context, q events.TraceListQuery) (events.TracePage, error) {
		page := events.TracePage{Traces: []events.TraceRecords{{ID: traceID, Records: recs}}}
		if q.Cursor == "" {
			page.NextCursor = "second"
		}
		return page, nil
	}
	f.trace = func(_ context.Context, id string, r events.Range) (events.TraceRecords, error) {
		if id != traceID || !r.Start.Before(now.Add(-time.Second)) || !r.End.After(now) {
			f.t.Errorf("asked for the trace %s in %v", id, r)
		}
		return events.TraceRecords{ID: id, Records: slices.Clone(recs), Partial: f.partial}, nil
	}
}

func TestExportTraces(t *testing.T) {
	a := newAPI(t, tracing)
	for _, format := range []string{"jsonl", "csv", "otlp"} {
		w := wantOK(t, a.get(base+"/traces/export?format="+format))
		if tr := w.Result().Trailer; tr.Get(trailerRows) != "4" || tr.Get(trailerComplete) != "true" {
			t.Errorf("%s: trailers %v, want 4 rows of two pages", format, tr)
		}
		if strings.Contains(w.Body.String(), canary) {
			t.Errorf("%s has content that nobody asked for: %s", format, w.Body)
		}
		body := wantOK(t, a.get(base+"/traces/export?content=true&format="+format)).Body.String()
		if n := strings.Count(body, canary); n < 6 {
			t.Errorf("%s has %d texts with content, want those of spans and calls: %s", format, n, body)
		}
	}
	if tr := wantOK(t, a.get(base+"/traces/export?limit=1")).Result().Trailer; tr.Get(trailerRows) != "2" || tr.Get(trailerComplete) != "false" {
		t.Errorf("limit=1: trailers %v, want 2 rows, not complete", tr)
	}
	a.events.partial = true // a trace of more spans than one answer has
	if tr := wantOK(t, a.get(base+"/traces/export")).Result().Trailer; tr.Get(trailerRows) != "4" || tr.Get(trailerComplete) != "false" {
		t.Errorf("a trace is cut: trailers %v, want not complete", tr)
	}
	a.events.partial = false
	w := wantOK(t, a.get(base+"/traces/export?format=parquet&limit=1"))
	rows, err := readParquet(w.Body.Bytes())
	if err != nil || len(rows) != 2 || rows[0]["name"] != "lookup" || rows[1]["model"] != "good" {
		t.Errorf("%v, %v", rows, err)
	}
}

// TestExportOTLP reads the lines as OpenTelemetry does.
func TestExportOTLP(t *testing.T) {
	w := wantOK(t, newAPI(t, tracing).get(base+"/traces/export?format=otlp&limit=1&content=true"))
	if d := w.Header().Get("Content-Disposition"); !strings.HasSuffix(d, `.otlp.jsonl"`) {
		t.Error(d)
	}
	td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(w.Body.Bytes())
	if err != nil || td.SpanCount() != 2 {
		t.Fatalf("%d spans, %v", td.SpanCount(), err)
	}
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	if span.TraceID().String() != traceID || span.Name() != "lookup" {
		t.Errorf("span %s of trace %s", span.Name(), span.TraceID())
	}
}

func TestContentIsForThoseWhoMaySeeIt(t *testing.T) {
	a, _ := guarded(t, tracing)
	for _, path := range []string{"/datasets/export", "/calls/export?content=true", "/traces/export?content=true"} {
		wantError(t, a.as("finance", http.MethodGet, base+path, ""), http.StatusForbidden, CodeForbidden)
		wantOK(t, a.as("developer", http.MethodGet, base+path, ""))
	}
	for _, path := range []string{"/calls/export", "/traces/export", "/traces/export?format=otlp"} {
		w := a.as("finance", http.MethodGet, base+path, "")
		wantOK(t, w)
		if strings.Contains(w.Body.String(), "error_message\":\"") {
			t.Errorf("%s tells content: %s", path, w.Body)
		}
	}
}
