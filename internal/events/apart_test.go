package events

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

var apart = Encoding{
	ContentApart:   true,
	IsContent:      func(name string) bool { return strings.HasPrefix(name, "said.") },
	IsContentParam: func(name string) bool { return name == "system" },
}

// insertAs stores records in an encoding, several rows a request.
func insertAs(t *testing.T, s *Store, how Encoding, recs ...llm.Record) {
	t.Helper()
	var rows [][]byte
	for _, r := range recs {
		row, err := how.AppendRow(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	for batch := range slices.Chunk(rows, 500) {
		if err := s.Insert(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// spokenCall has content in every part that can hold some.
func spokenCall(r *rand.Rand, at time.Time, service, word string) *llm.Call {
	c := randomCall(r, at, service)
	c.Status, c.ErrorType, c.ErrorMessage = llm.StatusOK, "", ""
	c.TraceID, c.SpanID, c.Session = fmt.Sprintf("%032x", r.Uint64()), fmt.Sprintf("%016x", r.Uint64()), "session-"+word
	c.Input = []llm.Message{llm.Text("user", word+"prompt of mine\nin two lines")}
	c.Output = []llm.Message{llm.Text("assistant", word+"answer to it")}
	c.Tools = []byte(`[{"name":"` + word + `tool"}]`)
	c.Params = map[string]any{"temperature": 0.5, "system": word + "system"}
	c.Attributes = map[string]any{"said.loud": word + "attribute", "size": 7.0}
	c.Events = []llm.SpanEvent{{Time: at.UTC(), Name: "heard", Attributes: map[string]any{"said.event": word + "event"}}}
	return c
}

func spokenSpan(r *rand.Rand, at time.Time, c *llm.Call, word string) *llm.Span {
	return &llm.Span{
		ID: newID(at, r), Time: at.UTC(), Source: llm.SourceOTLP, Service: c.Service, Name: "tool", TraceID: c.TraceID, SpanID: fmt.Sprintf("%016x", r.Uint64()),
		ParentSpanID: c.SpanID, Status: llm.StatusOK, Input: word + "spaninput", Output: word + "spanoutput",
		Attributes: map[string]any{"said.tool": word + "spanattribute", "n": 1.0},
	}
}

func TestContentApartIsTheSame(t *testing.T) {
	s, _ := ownEngine(t)
	r := rand.New(rand.NewPCG(11, 12))
	at := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	c := spokenCall(r, at, "apart", "same")
	span := spokenSpan(r, at.Add(time.Second), c, "same")
	row, err := apart.AppendRow(nil, llm.Record{Call: c})
	if err != nil {
		t.Fatal(err)
	}
	own := row[strings.LastIndex(strings.TrimSuffix(string(row), "\n"), "\n")+1:]
	if strings.Contains(string(own), "same") && strings.Contains(strings.ReplaceAll(string(own), "session-same", ""), "same") {
		t.Errorf("the call's own row holds content: %s", own)
	}
	again, err := DecodeRow(row)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := AppendRow(nil, llm.Record{Call: c})
	if err != nil {
		t.Fatal(err)
	}
	want, err := DecodeRow(plain)
	if err != nil {
		t.Fatal(err)
	}
	equal := cmp.Options{cmpopts.EquateEmpty(), cmp.AllowUnexported(llm.Timeline{}, llm.Opt[int64]{}, llm.Opt[float64]{}, llm.Opt[time.Duration]{})}
	if diff := cmp.Diff(want, again, equal); diff != "" {
		t.Errorf("from the journal (-plain +apart):\n%s", diff)
	}
	insertAs(t, s, apart, llm.Record{Call: c}, llm.Record{Span: span})
	got, err := s.Call(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.Call, got.Call, equal); diff != "" {
		t.Errorf("from the store (-plain +apart):\n%s", diff)
	}
	one, err := s.Span(t.Context(), span.ID)
	if err != nil {
		t.Fatal(err)
	}
	if one.Input != span.Input || one.Output != span.Output || !cmp.Equal(one.Attributes, span.Attributes) || one.ContentRemoved != nil {
		t.Errorf("the span is %+v", one)
	}
	checkReaders(t, s, c, span)
	checkSearch(t, s, c, at)
}

// checkReaders reads the content through all that show it.
func checkReaders(t *testing.T, s *Store, c *llm.Call, span *llm.Span) {
	t.Helper()
	ctx := t.Context()
	tr, err := s.Trace(ctx, c.TraceID, Range{})
	if err != nil || len(tr.Records) != 2 {
		t.Fatal(tr, err)
	}
	if tc, ts := tr.Records[0].Call, tr.Records[1].Span; tc.Input != nil || !cmp.Equal(tc.Attributes, c.Attributes) || len(tc.Events) != 1 || tc.ContentRemoved != nil || ts.Input != span.Input {
		t.Errorf("the trace has %+v and %+v", tc, ts)
	}
	conv, err := s.Conversation(ctx, ConversationQuery{Session: c.Session})
	if err != nil || len(conv.Turns) != 1 || !cmp.Equal(conv.Turns[0].Call.Input, c.Input) {
		t.Errorf("the session is %+v, %v", conv, err)
	}
	full, err := s.WithContent(ctx, []*llm.Call{c})
	if err != nil || len(full) != 1 || !cmp.Equal(full[0].Output, c.Output) {
		t.Errorf("WithContent = %+v, %v", full, err)
	}
}

// checkSearch looks for words of content by every way there is.
func checkSearch(t *testing.T, s *Store, c *llm.Call, at time.Time) {
	t.Helper()
	r := Range{at.Add(-time.Minute), at.Add(time.Minute)}
	for _, tt := range []struct {
		search, query string
		want          int
	}{
		{"sameprompt", "", 1},
		{"SamePrompt mine sameanswer", "", 1}, // words of prompt and answer
		{"sameprompt absentword", "", 0},
		{"sametool", "", 0}, // definitions of tools are not searched, apart or not
		{"sameprompt", "status:ok", 1},
		{"sameprompt", "status:ok # a remark", 1},
		{"sameprompt", "status:error", 0},
		{"sameprompt", "x) or (status:ok", 1},
		{"absentword", "x) or (status:ok", 0},
	} {
		page, err := s.Calls(t.Context(), CallQuery{CallFilter: CallFilter{Range: r, Search: tt.search, Query: tt.query}})
		if err != nil {
			t.Errorf("search %q query %q: %v", tt.search, tt.query, err)
			continue
		}
		if len(page.Calls) != tt.want || tt.want == 1 && page.Calls[0].ID != c.ID {
			t.Errorf("search %q query %q finds %d calls, want %d", tt.search, tt.query, len(page.Calls), tt.want)
		}
	}
	costs, err := s.Costs(t.Context(), CostQuery{CallFilter: CallFilter{Range: r, Search: "sameanswer"}, Limit: 10})
	if err != nil || len(costs) != 1 || costs[0].Totals.Calls != 1 {
		t.Errorf("costs by search: %+v, %v", costs, err)
	}
}

func TestContentGoesBeforeItsCall(t *testing.T) {
	s, dir := ownEngine(t)
	r := rand.New(rand.NewPCG(13, 14))
	old, young := time.Now().Add(-75*time.Hour).Truncate(time.Microsecond), time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	var recs []llm.Record
	var gone, kept *llm.Call
	var goneSpan *llm.Span
	for i := range 200 {
		c := spokenCall(r, old.Add(time.Duration(i)*time.Second), "aged", "canaryold")
		span := spokenSpan(r, c.Time.Add(time.Second), c, "canaryold")
		gone, goneSpan = c, span
		c2 := spokenCall(r, young.Add(time.Duration(i)*time.Second), "aged", "canaryyoung")
		kept = c2
		recs = append(recs, llm.Record{Call: c}, llm.Record{Span: span}, llm.Record{Call: c2})
	}
	insertAs(t, s, apart, recs...)
	if _, err := s.Rollup(t.Context()); err != nil {
		t.Fatal(err)
	}
	oldWords := []string{"canaryoldprompt", "canaryoldanswer", "canaryoldtool", "canaryoldsystem", "canaryoldattribute", "canaryoldevent", "canaryoldspaninput", "canaryoldspanoutput", "canaryoldspanattribute"}
	onDisk(t, dir, append([]string{"canaryyoungprompt"}, oldWords...))
	summary := func() []Group {
		t.Helper()
		g, err := s.Costs(t.Context(), CostQuery{CallFilter: CallFilter{Range: Range{old.Add(-time.Hour), time.Now()}}, By: []string{"service", "model"}, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	before, rows := summary(), countRows(t, s, recordStreams)
	whole, err := s.Call(t.Context(), gone.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := Cleaning{Range: Range{End: time.Now().Add(-48 * time.Hour)}, Kinds: []string{"content"}}
	n, err := s.Clean(t.Context(), c)
	if err != nil || n["content"] == 0 || len(n) != 1 {
		t.Fatalf("Clean = %v, %v", n, err)
	}
	if diff := cmp.Diff(before, summary(), cmpopts.EquateApprox(1e-9, 0), cmp.AllowUnexported(llm.Opt[int64]{}, llm.Opt[float64]{})); diff != "" {
		t.Errorf("the totals changed:\n%s", diff)
	}
	if got := countRows(t, s, recordStreams); got != rows {
		t.Errorf("%d records are left of %d", got, rows)
	}
	hits, frames, err := residue.Find(dir, oldWords...)
	if err != nil || frames == 0 || len(hits) > 0 {
		t.Errorf("after it, in %d compressed blocks: %v, %v", frames, hits, err)
	}
	checkGone(t, s, whole.Call, goneSpan)
	still, err := s.Call(t.Context(), kept.ID)
	if err != nil || len(still.Call.Input) != 1 || still.Call.ContentRemoved != nil {
		t.Errorf("the young call is %+v, %v", still.Call, err)
	}
	// Spans and calls take their own content with them.
	if _, err := s.Clean(t.Context(), Cleaning{Range: Range{End: time.Now()}, Service: "aged", Kinds: []string{"call"}}); err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, s, `{kind="content"}`); n != 0 {
		t.Errorf("%d rows of content are left of calls that are gone", n)
	}
}

// checkGone checks a Call and a Span without their content.
func checkGone(t *testing.T, s *Store, whole *llm.Call, span *llm.Span) {
	t.Helper()
	got, err := s.Call(t.Context(), whole.ID)
	if err != nil {
		t.Fatal(err)
	}
	c := got.Call
	if c.Input != nil || c.Output != nil || c.Tools != nil {
		t.Errorf("content is left: %+v", c)
	}
	if want := []string{"input", "output", "tools", "attributes", "params", "events"}; !cmp.Equal(slices.Sorted(slices.Values(c.ContentRemoved)), slices.Sorted(slices.Values(want))) {
		t.Errorf("removed are %v, want %v", c.ContentRemoved, want)
	}
	opt := cmp.AllowUnexported(llm.Timeline{}, llm.Opt[int64]{}, llm.Opt[float64]{}, llm.Opt[time.Duration]{})
	if !cmp.Equal(c.Usage, whole.Usage, opt) || !cmp.Equal(c.Cost, whole.Cost, opt) || c.Duration != whole.Duration || !c.Time.Equal(whole.Time) || !cmp.Equal(c.TTFT, whole.TTFT, opt) || c.Params["temperature"] != 0.5 || c.Attributes["size"] != 7.0 {
		t.Errorf("more than content went:\n%s", cmp.Diff(whole, c, opt))
	}
	tr, err := s.Trace(t.Context(), whole.TraceID, Range{})
	if err != nil || len(tr.Records) != 2 || len(tr.Records[0].Call.ContentRemoved) == 0 || len(tr.Records[1].Span.ContentRemoved) == 0 || tr.Records[1].Span.Input != "" || tr.Records[1].Span.Name != span.Name {
		t.Errorf("the trace is %+v, %v", tr, err)
	}
	page, err := s.Calls(t.Context(), CallQuery{CallFilter: CallFilter{Range: Range{whole.Time.Add(-time.Minute), whole.Time.Add(time.Hour)}, Search: "canaryoldprompt"}})
	if err != nil || len(page.Calls) != 0 {
		t.Errorf("search finds %d calls, %v", len(page.Calls), err)
	}
}
