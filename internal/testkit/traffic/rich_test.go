package traffic

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// rich is a load as the demo has it, with now at DemoNow.
func rich(seed uint64, now time.Time) Config {
	return Config{Seed: seed, Rich: true, Begin: now, Shift: DemoNow().Sub(now), Incidents: DemoIncidents()}
}

// records are those of a history that ends now.
func records(t *testing.T, cfg Config, length time.Duration) []llm.Record {
	t.Helper()
	var out []llm.Record
	end := cfg.Begin
	err := New(cfg).Past(end.Add(-length), end, end, func(r llm.Record) error {
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheSameLoadAtAnotherTime: what the demo shows is told by its distance from
// the start.
func TestTheSameLoadAtAnotherTime(t *testing.T) {
	at := func(now time.Time) []string {
		var out []string
		for _, r := range records(t, rich(1, now), 20*time.Minute) {
			var when time.Time
			var what any
			switch {
			case r.Call != nil:
				c := *r.Call
				when, c.Time, c.ID = c.Time, time.Time{}, ""
				what = &c
			case r.Span != nil:
				s := *r.Span
				when, s.Time, s.ID = s.Time, time.Time{}, ""
				what = &s
			case r.Log != nil:
				l := *r.Log
				when, l.Time, l.ID = l.Time, time.Time{}, ""
				what = &l
			case r.Feedback != nil:
				f := *r.Feedback
				when, f.Time, f.Received, f.ID, f.CallID = f.Time, time.Time{}, time.Time{}, "", ""
				what = &f
			}
			b, err := json.Marshal(what)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, when.Sub(now).String()+" "+string(b))
		}
		return out
	}
	one, other := at(day.Add(3*time.Hour+17*time.Minute)), at(day.Add(55*time.Hour+time.Second))
	if d := gocmp.Diff(one, other); d != "" {
		t.Errorf("another load at another time:\n%.1500s", d)
	}
	if len(one) < 1000 {
		t.Errorf("only %d records", len(one))
	}
}

// TestLiveBeginsWhereHistoryEnds: the tasks of Live are those after Begin.
func TestLiveBeginsWhereHistoryEnds(t *testing.T) {
	now := day.Add(7 * time.Hour)
	g := New(rich(1, now))
	again := New(rich(1, now.Add(31*time.Hour)))
	next := func(g *Generator, begin time.Time) (out []string) {
		for task := range g.Tasks(begin, begin.Add(time.Minute)) {
			out = append(out, task.At.Sub(begin).String()+task.Service+task.User+task.Calls()[0].Prompt)
		}
		return out
	}
	if d := gocmp.Diff(next(g, now), next(again, now.Add(31*time.Hour))); d != "" {
		t.Error(d)
	}
}

func TestRichHasWhatPeopleWantToSee(t *testing.T) {
	all := records(t, rich(2, day), 90*time.Minute)
	seen := map[string]int{}
	texts := map[string]string{} // by session: the longest conversation
	for _, r := range all {
		c := r.Call
		if c == nil {
			continue
		}
		seen["env "+c.Environment]++
		seen["region "+c.Region]++
		seen["prompt "+c.PromptName+" "+c.PromptVersion]++
		if c.Params["response_format"] != nil {
			seen["json asked for"]++
		}
		if len(c.Tools) > 0 {
			seen["tools offered"]++
		}
		if c.Operation == llm.OpEmbeddings && len(c.Input[0].Parts) > 10 {
			seen["batch of embeddings"]++
		}
		if c.Timeline.Chunks() > 1000 {
			seen["a thousand chunks"]++
		}
		if c.Usage.CacheWriteTokens.Or(0) > 0 && c.Usage.CacheReadTokens.Or(0) > 0 {
			seen["cache written and read"]++
		}
		if strings.Contains(text(c.Input), "语") || strings.Contains(text(c.Input), "客服") {
			seen["chinese"]++
		}
		out := text(c.Output)
		for what, sign := range map[string]string{"table": "\n|---", "code": "```", "list": "\n1. ", "refusal": "I'm sorry, but I can't", "bold": "**"} {
			if strings.Contains(out, sign) {
				seen[what]++
			}
		}
		for _, m := range slices.Concat(c.Input, c.Output) {
			for _, p := range m.Parts {
				seen["part "+p.Type]++
				if strings.Contains(p.Content, "{order}") || strings.Contains(p.Content, "{n}") {
					t.Errorf("%s: words in braces are left: %.200s", c.Service, p.Content)
				}
			}
		}
		if c.Service == "support-chat" && len(c.Input) > 4 {
			seen["conversation"]++
			if s := texts[c.Session]; len(text(c.Input)) > len(s) {
				texts[c.Session] = text(c.Input)
			}
		}
	}
	for _, want := range []string{
		"env prod", "env staging", "env dev", "region " + regionEU, "region cn", "region ", "prompt support-reply v2", "prompt support-reply v3",
		"json asked for", "tools offered", "batch of embeddings", "a thousand chunks", "cache written and read", "chinese", "table", "code", "list", "refusal", "bold",
		"part " + llm.PartText, "part " + llm.PartReasoning, "part " + llm.PartToolCall, "part " + llm.PartToolCallResponse, "part " + llm.PartURI, "conversation",
	} {
		if seen[want] == 0 {
			t.Errorf("no %s", want)
		}
	}
	if len(texts) < 20 {
		t.Errorf("only %d conversations", len(texts))
	}
}

func text(ms []llm.Message) string {
	var b strings.Builder
	for _, m := range ms {
		for _, p := range m.Parts {
			b.WriteString(p.Content + "\n")
		}
	}
	return b.String()
}

// TestConversationsGrow: each turn has what was said before.
func TestConversationsGrow(t *testing.T) {
	last := map[string]*llm.Call{}
	grown := 0
	for _, r := range records(t, rich(3, day), time.Hour) {
		c := r.Call
		if c == nil || c.Service != "support-chat" || c.User == "u-loop" || c.Status != llm.StatusOK {
			continue
		}
		before := last[c.Session]
		last[c.Session] = c
		if before == nil || len(before.Output) == 0 || before.Notes != nil {
			continue
		}
		// The question and the answer before are part of this one's input, unless the
		// past is too long.
		question := before.Input[len(before.Input)-1].Parts[0].Content
		if !strings.Contains(text(c.Input), question) {
			t.Fatalf("session %s: %q is forgotten in %q", c.Session, question, text(c.Input))
		}
		grown++
	}
	if grown < 200 {
		t.Errorf("only %d turns after another", grown)
	}
}

// TestPromptRegressionShows: the evaluator and the users tell the versions apart
// while v3 is bad, and not before.
func TestPromptRegressionShows(t *testing.T) {
	type tally struct{ sum, n float64 }
	var during, apart [2]tally
	var thumbs [2]tally
	for _, r := range records(t, rich(4, day), 3*time.Hour) {
		f := r.Feedback
		if f == nil || f.PromptName != "support-reply" {
			continue
		}
		v := 0
		if f.PromptVersion == "v3" {
			v = 1
		}
		ago := day.Sub(f.Time)
		bad := ago > 9*time.Minute && ago < 57*time.Minute
		switch score := f.Score.Or(0); {
		case f.Evaluator == "user" && f.Label != "" && bad:
			thumbs[v].sum, thumbs[v].n = thumbs[v].sum+score, thumbs[v].n+1
		case f.Evaluator == "helpfulness" && bad:
			during[v].sum, during[v].n = during[v].sum+score, during[v].n+1
		case f.Evaluator == "helpfulness" && ago > 60*time.Minute:
			apart[v].sum, apart[v].n = apart[v].sum+score, apart[v].n+1
		}
	}
	mean := func(x tally) float64 { return x.sum / x.n }
	if mean(during[0])-mean(during[1]) < 0.2 || mean(thumbs[0])-mean(thumbs[1]) < 0.15 {
		t.Errorf("helpfulness %.2f and %.2f, thumbs %.2f and %.2f of v2 and v3", mean(during[0]), mean(during[1]), mean(thumbs[0]), mean(thumbs[1]))
	}
	if mean(apart[1]) < mean(apart[0])-0.02 {
		t.Errorf("before: %.2f and %.2f", mean(apart[0]), mean(apart[1]))
	}
}

func TestRemarksBelongToCalls(t *testing.T) {
	all := records(t, rich(5, day), time.Hour)
	calls, traces, spans := map[string]*llm.Call{}, map[string]bool{}, map[string]bool{}
	for _, r := range all {
		switch {
		case r.Call != nil:
			calls[r.Call.ID] = r.Call
			traces[r.Call.TraceID], spans[r.Call.SpanID] = true, true
		case r.Span != nil:
			traces[r.Span.TraceID], spans[r.Span.SpanID] = true, true
		}
	}
	judged, logged := map[string]int{}, map[string]int{}
	ids := map[string]bool{}
	for _, r := range all {
		if f := r.Feedback; f != nil {
			judged[cmp.Or(f.Label, f.Name)]++
			if ids[f.ID] || f.Received.After(day) || f.Received.Before(f.Time) {
				t.Fatalf("feedback %+v", f)
			}
			ids[f.ID] = true
			c := calls[f.CallID]
			if f.SessionID == "" || f.CallID != "" && (c == nil || c.ResponseID != f.ResponseID || !c.Time.Equal(f.Time) || c.Model() != f.Model || c.Status != llm.StatusOK) {
				t.Fatalf("feedback %+v is not of its call %+v", f, c)
			}
		}
		if l := r.Log; l != nil {
			logged[l.Level]++
			if ids[l.ID] || l.Time.After(day) || l.Message == "" || l.Service == "" {
				t.Fatalf("line %+v", l)
			}
			ids[l.ID] = true
			if l.Service == "edge" {
				logged["access"]++
				if l.TraceID != "" {
					t.Fatalf("the proxy knows a trace: %+v", l)
				}
				continue
			}
			if !traces[l.TraceID] || l.SpanID != "" && !spans[l.SpanID] {
				t.Fatalf("line of an unknown trace: %+v", l)
			}
			if s, ok := l.Attributes["error.stack_trace"].(string); ok && strings.Count(s, "\n") > 2 {
				logged["stack"]++
			}
		}
	}
	for _, want := range []string{"thumbs_up", "thumbs_down", "accepted", "rejected", "grounded", "hallucination", "csat", "helpfulness", "correctness", "fluency"} {
		if judged[want] == 0 {
			t.Errorf("no judgement %s: %v", want, judged)
		}
	}
	for _, want := range []string{"debug", "info", "warn", "error", "access", "stack"} {
		if logged[want] == 0 {
			t.Errorf("no line %s: %v", want, logged)
		}
	}
}

// TestStretches: a history in stretches has what goes on over their ends, and
// nothing of the future.
func TestStretches(t *testing.T) {
	cfg := rich(6, day)
	g := New(cfg)
	over, n := 0, 0
	for _, end := range []time.Time{day.Add(-10 * time.Minute), day} {
		err := g.Past(end.Add(-10*time.Minute), end, day, func(r llm.Record) error {
			c := r.Call
			if c == nil {
				return nil
			}
			n++
			ended := c.Time.Add(c.Duration)
			if ended.After(day) {
				t.Errorf("%s reaches into the future", c.ID)
			}
			if ended.After(end) {
				over++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n < 2000 || over == 0 {
		t.Errorf("%d calls, %d over the end of their stretch", n, over)
	}
	stop := errors.New("stop")
	if err := g.Past(day.Add(-time.Minute), day, day, func(llm.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of emit is lost: %v", err)
	}
}

func TestTrouble(t *testing.T) {
	g := New(rich(1, day))
	at := func(name string) time.Time {
		for _, o := range g.Occurrences(day.Add(-3*time.Hour), day) {
			if o.Incident.Name == name {
				if !g.InIncident(name, o.Start.Add(time.Minute)) || g.InIncident(name, o.End.Add(time.Second)) {
					t.Errorf("%s is not where it is announced", name)
				}
				return o.Start.Add(time.Minute)
			}
		}
		t.Fatalf("no %s in the last hours", name)
		return time.Time{}
	}
	if slow, _ := g.Trouble("claude-3-5-haiku-20241022", at("slow-provider")); slow != 4 {
		t.Errorf("a slow provider is %v times slower", slow)
	}
	if _, errs := g.Trouble("deepseek-chat", at("server-errors")); len(errs) != 1 || errs[0].Status != 500 {
		t.Errorf("errors %v", errs)
	}
	if slow, errs := g.Trouble("nobody-knows", day); slow != 0 || errs != nil {
		t.Errorf("an unknown model: %v, %v", slow, errs)
	}
	if a := g.Activity(day); a < 1 {
		t.Errorf("the load at the start is %v of the mean: DemoNow is in the afternoon", a)
	}
}

func TestDemoIncidentsAreAtHand(t *testing.T) {
	g := New(rich(1, day))
	recent := map[string]bool{}
	for _, o := range g.Occurrences(day.Add(-30*time.Minute), day) {
		recent[o.Incident.Name] = true
	}
	if len(recent) < 3 {
		t.Errorf("in the last half hour there was only %v", recent)
	}
	if next := g.Occurrences(day.Add(time.Second), day.Add(5*time.Minute)); len(next) == 0 {
		t.Error("nothing happens in the first minutes of the demo")
	}
	shares := 0.0
	for _, a := range richApps() {
		shares += a.share
		weights := 0.0
		for _, m := range a.models {
			if models()[m.model] == nil {
				t.Errorf("%s calls %s, which is no model", a.service, m.model)
			}
			weights += m.weight
		}
		if weights < 0.99 || weights > 1.01 {
			t.Errorf("weights of %s add up to %v", a.service, weights)
		}
	}
	if shares < 0.99 || shares > 1.01 {
		t.Errorf("shares add up to %v", shares)
	}
}
