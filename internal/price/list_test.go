package price

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestList(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{
		{Provider: "openai", Model: "o3", Prices: Prices{Input: new(1.0)}, Services: map[string]ServicePrice{"batch": {Multiplier: 0.5}}, Hours: []HourPrice{{From: "01:00", To: "02:00", Prices: Prices{Input: new(0.1)}}}},
		{Match: "my-*", Prices: Prices{Input: new(2.0), Output: new(3.0)}},
	}})
	all := table.List(Filter{})
	if len(all) < 500 || all[0].Origin != originOverride {
		t.Errorf("%d rows, the first from %s", len(all), all[0].Origin)
	}
	want := []Row{{
		Provider: "openai", Model: "o3", Origin: originOverride, Prices: Prices{Input: new(1.0)},
		Services: map[string]ServicePrice{"batch": {Prices: Prices{Input: new(0.5)}}},
		Hours:    []HourPrice{{From: "01:00", To: "02:00", Prices: Prices{Input: new(0.1)}}},
	}}
	got := table.List(Filter{Provider: "OpenAI", Model: "o3"})
	if d := cmp.Diff(want, got[:1]); d != "" {
		t.Errorf("override (-want +got):\n%s", d)
	}
	f := func(filter Filter, want ...string) {
		t.Helper()
		var got []string
		for _, r := range table.List(filter) {
			got = append(got, r.Provider+"/"+r.Model+"@"+r.Since)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%+v (-want +got):\n%s", filter, d)
		}
	}
	f(Filter{Provider: "anthropic", Model: "claude-opus-4.6"}, "anthropic/claude-opus-4-6@", "anthropic/claude-opus-4-6@2026-03-13")
	f(Filter{Provider: "anthropic", Model: "claude-opus-4-6", At: time.Date(2026, 3, 12, 23, 0, 0, 0, time.UTC)}, "anthropic/claude-opus-4-6@")
	f(Filter{Provider: "anthropic", Model: "claude-opus-4-6", At: time.Date(2026, 3, 13, 0, 0, 0, 0, time.UTC)}, "anthropic/claude-opus-4-6@2026-03-13")
	f(Filter{Model: "my-*"}, "/my-*@")
	f(Filter{Provider: "openai", Model: "*-ada-002"}, "openai/text-embedding-ada-002@")
	f(Filter{Provider: "nobody", Model: "gpt"})
}
