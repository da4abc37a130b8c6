package budget

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseAllOfIt(t *testing.T) {
	got := parse(t, `
- name: team-a
  description: Team A.
  scope: {tag.team: a, model: [gpt-4o, "~claude-.*"]}
  each: user
  unit: tokens
  period: week
  time_zone: Europe/Berlin
  limit: 1e6
  thresholds: [90, 50]
  forecast: true
  enforce: hard
  labels: {owner: a}
- {name: plain, limit: 100, enforce: off}
`)
	want := []Budget{
		{
			Name: "team-a", Description: "Team A.", Scope: map[string]Values{"tag.team": {"a"}, "model": {"gpt-4o", "~claude-.*"}},
			Each: "user", Unit: Tokens, Period: "week", TimeZone: "Europe/Berlin", Limit: 1e6, Thresholds: []float64{90, 50},
			Forecast: true, Enforce: Hard, Labels: map[string]string{"owner": "a"},
		},
		{Name: "plain", Limit: 100, Enforce: Off},
	}
	if d := cmp.Diff(want, got.Budgets, cmpopts.IgnoreUnexported(Budget{})); d != "" {
		t.Errorf("budgets: %s", d)
	}
	plain := got.Budgets[1].withDefaults()
	if plain.Unit != USD || plain.Period != "month" || plain.Enforce != Off || len(plain.Thresholds) != 3 {
		t.Errorf("defaults: %+v", plain)
	}
	if c, err := Parse([]byte("# none\n")); err != nil || len(c.Budgets) != 0 {
		t.Errorf("an empty section: %+v, %v", c, err)
	}
}

// TestBadDeclarations are mistakes and what is said about them.
func TestBadDeclarations(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %q in it", text, err, want)
		}
	}
	f(`name: a`, `must be a list`)
	f(`- {`, `did not find`)
	f(`- 3`, `cannot unmarshal`)
	f(`- {name: a, limit: 1, perriod: day}`, `budgets[0].perriod: unknown key: there is name`)
	f(`- {limit: 1}`, `budgets[0].name: "": use 1 to 63`)
	f(`- {name: a}`, `.limit: 0: must be over 0`)
	f(`- {name: a, limit: -1}`, `.limit: -1: must be over 0`)
	f(`- {name: a, limit: .nan}`, `.limit: NaN: must be over 0`)
	f(`- {name: a, limit: 1e12}`, `at most 1e+09`)
	f(`- {name: a, limit: much}`, `cannot unmarshal`)
	f(`- {name: a, limit: 1, scope: {team: x}}`, `.scope: "team" is no dimension: there is user`)
	f(`- {name: a, limit: 1, scope: {user: []}}`, `.scope.user: has no value`)
	f(`- {name: a, limit: 1, scope: {model: "~("}}`, `no regular expression`)
	f(`- {name: a, limit: 1, each: tag.}`, `"tag." is no dimension`)
	f(`- {name: a, limit: 1, unit: eur}`, `"eur": must be usd or tokens`)
	f(`- {name: a, limit: 1, enforce: yes please}`, `must be off, soft or hard`)
	f(`- {name: a, limit: 1, period: year}`, `write hour, day, week, month, or a rolling window of 10m to 366d`)
	f(`- {name: a, limit: 1, period: 1m}`, `rolling window of 10m`)
	f(`- {name: a, limit: 1, time_zone: Mars/Olympus}`, `time zone "Mars/Olympus"`)
	f(`- {name: a, limit: 1, thresholds: [0.5]}`, `0.5 is a ratio, not a percentage: write 50`)
	f(`- {name: a, limit: 1, thresholds: [0]}`, `must be over 0`)
	f(`- {name: a, limit: 1, thresholds: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}`, `17: at most 16`)
	f("- {name: a, limit: 1}\n- {name: a, limit: 2}", `budgets[1] (a).name: another budget has this name`)
	f(strings.Repeat("#", maxText+1), `at most`)
	f(strings.Repeat("- {name: a, limit: 1}\n", maxBudgets+1), `501 budgets: at most 500`)

	_, err := Parse([]byte("- {name: good, limit: 1}\n- {name: bad, limit: 0}\n"))
	if ce, ok := errors.AsType[*ConfigError](err); !ok || ce.Line != 2 {
		t.Errorf("%v: want it on line 2", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("- {name: a, limit: 1, scope: {tag.team: [x, '~y']}, each: user, period: 24h, thresholds: [50], enforce: off}\n"))
	f.Add([]byte("- &a {name: a}\n- *a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		e, err := New(c, Options{Now: newClock(noon).now})
		if err != nil {
			t.Fatalf("Parse accepts what New refuses: %v", err)
		}
		e.Record(call(id(1), noon, 1))
		e.Allow(t.Context(), Request{CallID: "x", User: "u1", EstimatedUSD: 1})
		e.tick(noon)
		e.Status()
	})
}
