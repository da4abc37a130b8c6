package budget

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestScopes(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, `
- {name: all, limit: 100}
- {name: user, limit: 100, scope: {user: u1}}
- {name: users, limit: 100, scope: {user: [u2, u3]}}
- {name: key, limit: 100, scope: {key: k_1}}
- {name: service, limit: 100, scope: {service: "~sh.*"}}
- {name: part, limit: 100, scope: {service: "~sh"}}
- {name: team, limit: 100, scope: {tag.team: a, feature: search}}
- {name: other-team, limit: 100, scope: {tag.team: b}}
- {name: model, limit: 100, scope: {model: gpt-4o, provider: openai}}
- {name: environment, limit: 100, scope: {environment: prod}}
- {name: tokens, limit: 100, unit: tokens}
`, c)
	e.Record(call(id(1), noon, 2))
	for name, want := range map[string]float64{
		"all": 2, "user": 2, "users": 0, "key": 2, "service": 2, "part": 0, "team": 2, "other-team": 0, "model": 2, "environment": 0, "tokens": 120,
	} {
		if got := spent(t, e, name); got != want {
			t.Errorf("%s: %v spent, want %v", name, got, want)
		}
	}
}

func TestEachHasItsOwnAccount(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, each: user}\n", c)
	n := 0
	for user, usd := range map[string]float64{"u1": 3, "u2": 12, "u3": 1} {
		cl := call(id(n), noon, usd)
		cl.User = user
		e.Record(cl)
		n++
	}
	nobody := call(id(n), noon, 50)
	nobody.User = ""
	e.Record(nobody)
	st := status(t, e, "b")
	if st.Accounts != 3 || st.Spent != 16 || st.Exceeded != 1 {
		t.Errorf("status %+v, want 3 accounts, 16 spent, 1 exceeded", st)
	}
	if st.Top[0].Account != "u2" || st.Top[0].Remaining != 0 || st.Top[1].Account != "u1" || st.Top[1].Remaining != 7 {
		t.Errorf("top %+v", st.Top)
	}
}

func TestWhatCounts(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: usd, limit: 100}\n- {name: tokens, limit: 100, unit: tokens}\n", c)
	unpriced := call(id(1), noon, 0)
	unpriced.Cost = llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"}
	e.Record(unpriced)
	failed := call(id(2), noon, 0)
	failed.Cost, failed.Usage = llm.Cost{}, llm.Usage{}
	failed.SetError("overloaded", "")
	e.Record(failed)
	broken := call(id(3), noon, 0.5) // an error that was billed
	broken.SetError("stream_cut", "")
	e.Record(broken)
	weighted := call(id(4), noon, 0.25)
	weighted.Weight = 10
	e.Record(weighted)
	odd := call(id(5), noon, math.NaN())
	e.Record(odd)
	negative := call(id(6), noon, -4)
	e.Record(negative)
	usd := status(t, e, "usd")
	if usd.Spent != 3 || usd.Unpriced != 1 || usd.Calls != 14 {
		t.Errorf("usd: %+v, want 3 spent, 1 unpriced, 14 calls", usd)
	}
	if tokens := status(t, e, "tokens"); tokens.Spent != 120*14 || tokens.Unpriced != 0 {
		t.Errorf("tokens: %+v, want %d spent", tokens, 120*14)
	}
}

func TestCallsCountAtTheirOwnTime(t *testing.T) {
	c := newClock(time.Date(2026, 7, 1, 0, 5, 0, 0, time.UTC))
	e := newEngine(t, "- {name: b, limit: 100}\n", c)
	e.Record(call(id(1), c.now().Add(-10*time.Minute), 7)) // of June
	e.Record(call(id(2), c.now().Add(-time.Minute), 2))
	e.Record(call(id(3), c.now().Add(time.Hour), 1)) // of a clock that is ahead
	e.Record(call(id(4), c.now().AddDate(0, -2, 0), 50))
	if got := spent(t, e, "b"); got != 3 {
		t.Errorf("%v spent in July, want 3", got)
	}
	if n := e.counters.tooLate.Load(); n != 1 {
		t.Errorf("%d calls are too late, want 1", n)
	}
	c.set(time.Date(2026, 6, 30, 23, 0, 0, 0, time.UTC)) // the clock is set back
	if got := spent(t, e, "b"); got != 7 {
		t.Errorf("%v spent in June, want 7", got)
	}
	e.Record(call(id(2), c.now(), 2))
	if n := e.counters.duplicates.Load(); n != 1 || spent(t, e, "b") != 7 {
		t.Errorf("%d duplicates, %v spent: want 1 and 7", n, spent(t, e, "b"))
	}
}

func TestAccountsAreBounded(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 0.001, each: user, enforce: hard}\n", c)
	for i := range MaxAccounts + 500 {
		cl := call(id(i), noon, 1)
		cl.User = "user-" + strconv.Itoa(i)
		e.Record(cl)
	}
	st := status(t, e, "b")
	if st.Accounts != MaxAccounts+1 || st.Spent != MaxAccounts+500 || e.counters.overflow.Load() != 500 {
		t.Errorf("%d accounts, %v spent, %d overflowed", st.Accounts, st.Spent, e.counters.overflow.Load())
	}
	// Nobody is refused for what strangers spent.
	if d := e.Allow(t.Context(), Request{CallID: "x", User: "somebody-new"}); d.Deny {
		t.Errorf("a user past the accounts is refused: %s", d.Message)
	}
	if d := e.Allow(t.Context(), Request{CallID: "y", User: "user-1"}); !d.Deny {
		t.Error("a user over the limit is admitted")
	}
	// In two months nothing of it is left.
	c.set(noon.AddDate(0, 2, 0))
	e.tick(c.now())
	e.review(c.now())
	if st := status(t, e, "b"); st.Accounts != 0 {
		t.Errorf("%d accounts two months later, want 0", st.Accounts)
	}
}

func TestHostileAmounts(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: usd, limit: 1e9, enforce: hard}\n- {name: rolling, limit: 1e9, period: 1h, enforce: hard}\n- {name: tokens, limit: 1e9, unit: tokens}\n", c)
	for i := range 30 {
		cl := call(id(i), noon, math.Inf(1))
		cl.Weight = 1e300
		cl.Usage.InputTokens, cl.Usage.OutputTokens = llm.Some[int64](math.MaxInt64), llm.Some[int64](math.MaxInt64)
		e.Record(cl)
	}
	for _, st := range e.Status() {
		if st.Spent < 1e9 {
			t.Errorf("%s: %v spent: the sum went over", st.Name, st.Spent)
		}
	}
	for _, estimate := range []float64{0, math.Inf(1), math.NaN(), -1} {
		if d := e.Allow(t.Context(), Request{CallID: "x", EstimatedUSD: estimate}); !d.Deny {
			t.Errorf("admitted with an estimate of %v", estimate)
		}
	}
}

func TestHostileNames(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, each: user}\n", c)
	for i, user := range []string{"\xff\xfe", strings.Repeat("é", 5000), "a\x00b", "}{\"\n"} {
		cl := call(id(i), noon, 1)
		cl.User = user
		e.Record(cl)
	}
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(e.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "pitot_budget_spent" && len(f.Metric) != 4 {
			t.Errorf("%d accounts are shown, want 4", len(f.Metric))
		}
	}
}

func TestMetrics(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: b, limit: 10, each: user, enforce: hard}\n- {name: none, limit: 5}\n", c)
	for i := range 150 {
		cl := call(id(i), noon, float64(i)/100)
		cl.User = "user-" + strconv.Itoa(i)
		e.Record(cl)
	}
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(e.Collector()); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, f := range families {
		count[f.GetName()] = len(f.Metric)
	}
	for name, want := range map[string]int{
		"pitot_budget_limit": 2, "pitot_budget_spent": 101, "pitot_budget_remaining_ratio": 101, "pitot_budget_forecast": 101,
		"pitot_budget_reserved": 100, "pitot_budget_accounts": 2, "pitot_budget_unpriced_calls": 2, "pitot_budget_overflow_calls_total": 1,
	} {
		if count[name] != want {
			t.Errorf("%s has %d series, want %d", name, count[name], want)
		}
	}
}

func TestApplyKeepsAccounts(t *testing.T) {
	c := newClock(noon)
	e := newEngine(t, "- {name: a, limit: 10}\n- {name: b, limit: 10, scope: {user: u1}}\n", c)
	e.Record(call(id(1), noon, 4))
	if err := e.Apply(parse(t, "- {name: b, limit: 20, scope: {user: u2}}\n- {name: a, limit: 5, thresholds: [70, 80]}\n")); err != nil {
		t.Fatal(err)
	}
	if a := status(t, e, "a"); a.Spent != 4 || a.Limit != 5 || a.Top[0].Ratio != 0.8 {
		t.Errorf("a: %+v, want 4 of 5 spent", a)
	}
	if b := status(t, e, "b"); b.Spent != 0 || !b.Incomplete {
		t.Errorf("b: %+v, want it to begin anew", b)
	}
	if alerts := e.tick(noon); len(alerts) != 1 || alerts[0].Threshold != 80 {
		t.Errorf("notifications %+v, want that of 80 %%", alerts)
	}
	if err := e.Apply(Config{Budgets: []Budget{{Name: "x"}}}); err == nil {
		t.Error("a budget without a limit is accepted")
	}
	if ce, ok := errors.AsType[*ConfigError](e.Apply(Config{Budgets: []Budget{{Name: "x"}}})); !ok || !strings.Contains(ce.Path, "x") {
		t.Error("the problem is not named")
	}
}

func TestStatusTellsTheScope(t *testing.T) {
	e := newEngine(t, `- {name: search, limit: 10, scope: {service: search, tag.team: [a, "~b.*"]}, each: user, period: day, time_zone: Asia/Shanghai, forecast: true, labels: {team: care}}
- {name: all, limit: 10}
`, newClock(noon))
	st := e.Status()
	b, err := json.Marshal(st[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"scope":{"service":["search"],"tag.team":["a","~b.*"]}`, `"time_zone":"Asia/Shanghai"`, `"forecast":true`, `"labels":{"team":"care"}`, `"each":"user"`, `"period":"day"`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
	if st[1].Scope != nil || st[1].TimeZone != "" || st[1].Forecast {
		t.Errorf("%+v", st[1])
	}
}
