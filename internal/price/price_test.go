package price

import (
	"math"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

func mustTable(t testing.TB, cfg Config) *Table {
	t.Helper()
	table, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

var some = llm.Some[int64]

// noon is a time at which no price in these tests changes.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// testRule is a model with a price for every kind, each a different power so
// that a sum tells its parts.
func testRule() Override {
	return Override{Provider: "acme", Model: "all", Prices: Prices{
		Input: new(1.0), Output: new(10.0), CacheRead: new(0.1), CacheWrite: new(1.25), CacheWrite1h: new(2.0), Reasoning: new(7.0),
		InputAudio: new(30.0), CacheReadAudio: new(3.0), OutputAudio: new(60.0), InputImage: new(5.0), OutputImage: new(40.0), InputVideo: new(4.0),
	}}
}

func acme(model string, u llm.Usage) *llm.Call {
	if u.Source == "" {
		u.Source = llm.UsageReported
	}
	return &llm.Call{Provider: "acme", RequestModel: model, Operation: llm.OpChat, Time: noon, Usage: u}
}

func wantUSD(t *testing.T, table *Table, c *llm.Call, want float64) {
	t.Helper()
	got := table.Price(c)
	v, ok := got.USD.Get()
	if !ok {
		t.Errorf("unpriced (%s), want %v", got.Reason, want)
		return
	}
	if math.Abs(v-want) > 1e-11 {
		t.Errorf("cost = %v, want %v", v, want)
	}
}

func TestPartsArePricedInsteadOfTheirWhole(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{testRule()}})
	f := func(u llm.Usage, wantMicros float64) {
		t.Helper()
		wantUSD(t, table, acme("all", u), wantMicros/1e6)
	}
	f(llm.Usage{InputTokens: some(100), OutputTokens: some(10)}, 100+100)
	// 100 = 40 read + 20 written + 40 others
	f(llm.Usage{InputTokens: some(100), OutputTokens: some(0), CacheReadTokens: some(40), CacheWriteTokens: some(20)}, 40+4+25)
	// 20 written = 5 for an hour + 15
	f(llm.Usage{InputTokens: some(100), OutputTokens: some(0), CacheWriteTokens: some(20), CacheWrite1hTokens: some(5)}, 80+10+18.75)
	// the split alone is enough
	f(llm.Usage{InputTokens: some(100), OutputTokens: some(0), CacheWrite5mTokens: some(15), CacheWrite1hTokens: some(5)}, 80+10+18.75)
	// output: 100 = 60 reasoning + 40
	f(llm.Usage{InputTokens: some(0), OutputTokens: some(100), ReasoningTokens: some(60)}, 420+400)
	// audio: 50 of 100 in, of which 20 cached; 10 of 30 out
	f(llm.Usage{
		InputTokens: some(100), InputAudioTokens: some(50), CacheReadTokens: some(30), CacheReadAudioTokens: some(20),
		OutputTokens: some(30), OutputAudioTokens: some(10),
	}, (100-30-30)*1+10*0.1+20*3+30*30+20*10+10*60)
	f(llm.Usage{InputTokens: some(100), InputImageTokens: some(10), InputVideoTokens: some(20), OutputTokens: some(5), OutputImageTokens: some(5)}, 70+50+80+200)
	// parts that exceed the whole are cut to it: never more, never negative
	f(llm.Usage{InputTokens: some(10), OutputTokens: some(10), CacheReadTokens: some(99), ReasoningTokens: some(99)}, 1+70)
	f(llm.Usage{InputTokens: some(-5), OutputTokens: some(-5)}, 0)
}

func TestPartWithoutPriceCostsWhatItsWholeCosts(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{
		{Provider: "acme", Model: "plain", Prices: Prices{Input: new(1.0), Output: new(10.0)}},
		{Provider: "acme", Model: "written", Prices: Prices{Input: new(1.0), Output: new(10.0), CacheWrite: new(1.25)}},
	}})
	wantUSD(t, table, acme("plain", llm.Usage{
		InputTokens: some(100), CacheReadTokens: some(50), CacheWriteTokens: some(20), InputAudioTokens: some(10),
		OutputTokens: some(10), ReasoningTokens: some(5), OutputAudioTokens: some(5),
	}), 200e-6)
	wantUSD(t, table, acme("written", llm.Usage{InputTokens: some(100), CacheWrite1hTokens: some(100), OutputTokens: some(0)}), 125e-6)
}

func TestStates(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{
		testRule(),
		{Provider: "acme", Model: "painter", Prices: Prices{PerImage: new(0.04)}},
		{Provider: "acme", Model: "scribe", Prices: Prices{PerAudioMinute: new(0.006)}},
		{Provider: "acme", Model: "speaker", Prices: Prices{PerMillionCharacters: new(15.0)}},
		{Provider: "acme", Model: "ranker", Prices: Prices{PerThousandSearches: new(2.0)}},
		{Provider: "acme", Model: "embedder", Prices: Prices{Input: new(0.1)}},
		{Provider: "acme", Model: "asker", Prices: Prices{Input: new(1.0), Output: new(1.0), PerThousandRequests: new(5.0)}},
		{Provider: "acme", Model: "free", Prices: Prices{Input: new(0.0), Output: new(0.0)}},
	}})
	f := func(c *llm.Call, state llm.CostState, reason string, want float64) {
		t.Helper()
		got := table.Price(c)
		v, ok := got.USD.Get()
		if got.State != state || got.Reason != reason || ok != (state != llm.CostUnpriced) || math.Abs(v-want) > 1e-11 {
			t.Errorf("cost = %+v, want state %s, reason %q, %v", got, state, reason, want)
		}
	}
	op := func(c *llm.Call, o llm.Operation) *llm.Call { c.Operation = o; return c }
	tokens := llm.Usage{InputTokens: some(100), OutputTokens: some(10)}

	f(acme("all", tokens), llm.CostComputed, "", 200e-6)
	estimated := tokens
	estimated.Source = llm.UsageEstimated
	f(acme("all", estimated), llm.CostEstimated, "", 200e-6)

	reported := acme("all", tokens)
	reported.Cost = llm.Cost{USD: llm.Some(0.5), State: llm.CostReported}
	f(reported, llm.CostReported, "", 0.5)
	claimed := acme("all", tokens) // reported, but of what?
	claimed.Cost = llm.Cost{State: llm.CostReported}
	f(claimed, llm.CostComputed, "", 200e-6)

	f(acme("nobody", tokens), llm.CostUnpriced, ReasonUnknownModel, 0)
	f(&llm.Call{Usage: llm.Usage{InputTokens: some(1), OutputTokens: some(1), Source: llm.UsageReported}}, llm.CostUnpriced, ReasonUnknownModel, 0)
	f(acme("all", llm.Usage{Source: llm.UsageUnknown}), llm.CostUnpriced, ReasonUnknownUsage, 0)
	f(acme("all", llm.Usage{}), llm.CostUnpriced, ReasonUnknownUsage, 0)
	f(&llm.Call{Provider: "acme", RequestModel: "all"}, llm.CostUnpriced, ReasonUnknownUsage, 0) // no source
	f(acme("all", llm.Usage{InputTokens: some(100)}), llm.CostUnpriced, ReasonUnknownUsage, 0)
	f(acme("all", llm.Usage{OutputTokens: some(100)}), llm.CostUnpriced, ReasonUnknownUsage, 0)
	f(acme("free", tokens), llm.CostComputed, "", 0)

	f(op(acme("painter", llm.Usage{Images: some(2)}), llm.OpImage), llm.CostComputed, "", 0.08)
	f(op(acme("painter", llm.Usage{InputTokens: some(5), OutputTokens: some(7)}), llm.OpImage), llm.CostUnpriced, ReasonUnknownUsage, 0)
	f(op(acme("scribe", llm.Usage{AudioSeconds: llm.Some(90.0)}), llm.OpTranscription), llm.CostComputed, "", 0.009)
	f(op(acme("speaker", llm.Usage{Characters: some(2000)}), llm.OpSpeech), llm.CostComputed, "", 0.03)
	f(op(acme("ranker", llm.Usage{Searches: some(3)}), llm.OpRerank), llm.CostComputed, "", 0.006)
	f(op(acme("embedder", llm.Usage{InputTokens: some(1000)}), llm.OpEmbeddings), llm.CostComputed, "", 100e-6)
	f(acme("embedder", tokens), llm.CostUnpriced, ReasonUnknownPrice, 0) // output has no price
	f(op(acme("scribe", llm.Usage{Characters: some(9)}), llm.OpSpeech), llm.CostUnpriced, ReasonUnknownPrice, 0)
	searched := tokens
	searched.Searches = some(1)
	f(acme("all", searched), llm.CostUnpriced, ReasonUnknownPrice, 0)
	f(acme("asker", tokens), llm.CostComputed, "", 110e-6+0.005)
	// images that were counted in tokens are not counted again
	drawn := llm.Usage{InputTokens: some(100), OutputTokens: some(10), OutputImageTokens: some(10), Images: some(1)}
	f(op(acme("all", drawn), llm.OpImage), llm.CostComputed, "", 500e-6)
}

func TestContextTiersAtTheBoundary(t *testing.T) {
	o := Override{
		Provider: "acme", Model: "long", Prices: Prices{Input: new(1.0), Output: new(10.0), CacheRead: new(0.1)},
		Tiers: []ContextTier{{Above: 100, Prices: Prices{Input: new(2.0), Output: new(15.0)}}, {Above: 200, Prices: Prices{Input: new(4.0), Output: new(20.0), CacheRead: new(0.4)}}},
	}
	table := mustTable(t, Config{Overrides: []Override{o}})
	f := func(in, read int64, wantMicros float64) {
		t.Helper()
		wantUSD(t, table, acme("long", llm.Usage{InputTokens: some(in), OutputTokens: some(10), CacheReadTokens: some(read)}), wantMicros/1e6)
	}
	f(100, 0, 100+100)
	f(101, 0, 202+150)
	f(101, 100, 2+10+150) // what a tier does not name keeps its price
	f(200, 0, 400+150)
	f(201, 0, 804+200)
	f(300, 100, 800+40+200)

	o.TierMode, o.Model = TierMarginal, "steps"
	table = mustTable(t, Config{Overrides: []Override{o}})
	g := func(in int64, wantMicros float64) {
		t.Helper()
		wantUSD(t, table, acme("steps", llm.Usage{InputTokens: some(in), OutputTokens: some(10)}), wantMicros/1e6)
	}
	g(100, 100+100)
	g(101, 102+100) // output keeps its price
	g(200, 100+200+100)
	g(250, 100+200+200+100)
}

func TestPriceInForceAtTheTimeOfTheCall(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{
		{Provider: "acme", Model: "m", Since: "2026-03-01", Prices: Prices{Input: new(2.0), Output: new(0.0)}},
		{Provider: "acme", Model: "m", Prices: Prices{Input: new(1.0), Output: new(0.0)}},
		{Provider: "acme", Model: "m", Since: "2026-04-01T16:30:00+08:00", Prices: Prices{Input: new(3.0), Output: new(0.0)}},
		{Provider: "acme", Model: "young", Since: "2026-05-01", Prices: Prices{Input: new(5.0), Output: new(0.0)}},
	}})
	f := func(model, at string, want float64, rule string) {
		t.Helper()
		when, err := time.Parse(time.RFC3339Nano, at)
		if err != nil {
			t.Fatal(err)
		}
		c := acme(model, llm.Usage{InputTokens: some(1e6), OutputTokens: some(0)})
		c.Time = when
		wantUSD(t, table, c, want)
		if got := table.Price(c).Rule; got != rule {
			t.Errorf("rule = %q, want %q", got, rule)
		}
	}
	f("m", "2026-02-28T23:59:59.999999999Z", 1, "override:acme/m")
	f("m", "2026-03-01T00:00:00Z", 2, "override:acme/m@2026-03-01")
	f("m", "2026-03-01T07:00:00+08:00", 1, "override:acme/m") // still February in UTC
	f("m", "2026-04-01T08:29:59Z", 2, "override:acme/m@2026-03-01")
	f("m", "2026-04-01T08:30:00Z", 3, "override:acme/m@2026-04-01T16:30:00+08:00")
	f("young", "2020-01-01T00:00:00Z", 5, "override:acme/young@2026-05-01")
}

func TestHoursOfTheDay(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{{
		Provider: "acme", Model: "m", Prices: Prices{Input: new(4.0), Output: new(0.0)},
		Hours: []HourPrice{{From: "16:30", To: "00:30", Prices: Prices{Input: new(1.0)}}, {From: "06:00", To: "07:00", Prices: Prices{Input: new(2.0)}}},
	}}})
	f := func(hour, minute int, want float64) {
		t.Helper()
		c := acme("m", llm.Usage{InputTokens: some(1e6), OutputTokens: some(0)})
		c.Time = time.Date(2026, 6, 1, hour, minute, 59, 0, time.UTC)
		wantUSD(t, table, c, want)
	}
	f(16, 29, 4)
	f(16, 30, 1)
	f(23, 59, 1)
	f(0, 0, 1)
	f(0, 29, 1)
	f(0, 30, 4)
	f(5, 59, 4)
	f(6, 0, 2)
	f(7, 0, 4)
}

func TestServiceTiersAndRegions(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{{
		Provider: "acme", Model: "m", Prices: Prices{Input: new(2.0), Output: new(8.0), CacheRead: new(1.0), PerThousandSearches: new(10.0)},
		Tiers: []ContextTier{{Above: 1000, Prices: Prices{Input: new(4.0)}}},
		Services: map[string]ServicePrice{
			"batch":    {Multiplier: 0.5},
			"priority": {Prices: Prices{Input: new(5.0), Output: new(20.0)}, Tiers: []ContextTier{{Above: 1000, Prices: Prices{Input: new(9.0)}}}},
			"fast":     {Multiplier: 6, Prices: Prices{Output: new(100.0)}},
		},
		Regions: map[string]float64{"eu": 1.1, "us-gov": 1.2, "us-gov-west-1": 1.3, "global": 1, "*": 1.05},
	}}})
	f := func(tier, region string, in int64, wantMicros float64) {
		t.Helper()
		c := acme("m", llm.Usage{InputTokens: some(in), OutputTokens: some(100), Searches: some(1)})
		c.ServiceTier, c.Region = tier, region
		wantUSD(t, table, c, wantMicros/1e6+0.01) // the fee of a search is not discounted
	}
	f("", "", 100, 200+800)
	f("default", "", 100, 1000)
	f("on_demand", "", 100, 1000)
	f("batch", "", 100, 500)
	f("BATCH", "", 100, 500)
	f("batch", "", 1001, 2*1001+400)
	f("priority", "", 100, 500+2000)
	f("priority", "", 1001, 9*1001+2000)
	f("fast", "", 100, 1200+10000)
	f("unheard_of", "", 100, 1000) // at the standard price, and Explain says so
	f("", "eu", 100, 1100)
	f("", "eu-west-1", 100, 1100)
	f("", "EU-West-1", 100, 1100)
	f("", "us-gov-east-1", 100, 1200)
	f("", "us-gov-west-1", 100, 1300)
	f("", "global", 100, 1000)
	f("", "mars", 100, 1050)
	f("batch", "eu", 100, 550)
}
