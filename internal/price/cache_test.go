package price

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// cacheTable has prices of one's own, so that the tests do not follow the
// market's.
func cacheTable(t *testing.T) *Table {
	t.Helper()
	table, err := New(Config{Overrides: []Override{
		{Model: "writes", Prices: Prices{Input: new(3.0), Output: new(15.0), CacheRead: new(0.3), CacheWrite: new(3.75), CacheWrite1h: new(6.0)}},
		{Model: "long", Prices: Prices{Input: new(1.0), CacheRead: new(0.1)}, Tiers: []ContextTier{{Above: 200_000, Prices: Prices{Input: new(2.0), CacheRead: new(0.2)}}}},
		{Model: "plain", Prices: Prices{Input: new(1.0), Output: new(2.0)}},
		{Model: "audio", Prices: Prices{Input: new(1.0), InputAudio: new(10.0), CacheRead: new(0.5), CacheReadAudio: new(2.0)}},
		{Model: "tiers", Prices: Prices{Input: new(2.0), CacheRead: new(1.0)}, Services: map[string]ServicePrice{"batch": {Multiplier: 0.5}}, Regions: map[string]float64{"eu": 1.1}},
		{Model: "dated", Prices: Prices{Input: new(2.0), CacheRead: new(1.0)}},
		{Model: "dated", Since: "2026-06-01", Prices: Prices{Input: new(2.0), CacheRead: new(0.2)}},
		{Model: "image", Prices: Prices{PerImage: new(0.04)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestCacheEffect(t *testing.T) {
	table := cacheTable(t)
	at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	some := llm.Some[int64]
	for name, c := range map[string]struct {
		q      Query
		one    int64
		want   CacheEffect
		reason string
	}{
		"reads": {
			Query{RequestModel: "writes", Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(800_000)}},
			0,
			CacheEffect{InputUSD: 0.6 + 0.24, UncachedUSD: 3, ReadSavedUSD: 2.16},
			"",
		},
		"writes of both kinds": {
			Query{RequestModel: "writes", Usage: llm.Usage{InputTokens: some(1_000_000), CacheWriteTokens: some(500_000), CacheWrite1hTokens: some(100_000)}},
			0,
			CacheEffect{InputUSD: 1.5 + 1.5 + 0.6, UncachedUSD: 3, WriteExtraUSD: 0.4*0.75 + 0.1*3},
			"",
		},
		"writes that nobody reads": {
			Query{RequestModel: "writes", Usage: llm.Usage{InputTokens: some(1_000_000), CacheWriteTokens: some(1_000_000)}},
			0,
			CacheEffect{InputUSD: 3.75, UncachedUSD: 3, WriteExtraUSD: 0.75},
			"",
		},
		"short of the tier, many calls": {
			Query{RequestModel: "long", Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(1_000_000)}},
			100_000,
			CacheEffect{InputUSD: 0.1, UncachedUSD: 1, ReadSavedUSD: 0.9},
			"",
		},
		"past the tier": {
			Query{RequestModel: "long", Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(1_000_000)}},
			250_000,
			CacheEffect{InputUSD: 0.2, UncachedUSD: 2, ReadSavedUSD: 1.8},
			"",
		},
		"no price for reads": {
			Query{RequestModel: "plain", Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(500_000)}},
			0,
			CacheEffect{InputUSD: 1, UncachedUSD: 1},
			"",
		},
		"cached audio": {
			Query{RequestModel: "audio", Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(500_000), CacheReadAudioTokens: some(200_000), InputAudioTokens: some(300_000)}},
			0,
			CacheEffect{InputUSD: 0.4 + 0.15 + 0.4 + 1, UncachedUSD: 0.7 + 3, ReadSavedUSD: 0.15 + 1.6},
			"",
		},
		"batch in Europe": {
			Query{RequestModel: "tiers", ServiceTier: "batch", Region: "eu", Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(1_000_000)}},
			0,
			CacheEffect{InputUSD: 0.55, UncachedUSD: 1.1, ReadSavedUSD: 0.55},
			"",
		},
		"before the price fell": {
			Query{RequestModel: "dated", At: at, Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(1_000_000)}},
			0,
			CacheEffect{InputUSD: 1, UncachedUSD: 2, ReadSavedUSD: 1},
			"",
		},
		"after it": {
			Query{RequestModel: "dated", At: at.AddDate(1, 0, 0), Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(1_000_000)}},
			0,
			CacheEffect{InputUSD: 0.2, UncachedUSD: 2, ReadSavedUSD: 1.8},
			"",
		},
		"more read than there is": {
			Query{RequestModel: "writes", Usage: llm.Usage{InputTokens: some(1_000_000), CacheReadTokens: some(9_000_000), CacheWriteTokens: some(1)}},
			0,
			CacheEffect{InputUSD: 0.3, UncachedUSD: 3, ReadSavedUSD: 2.7},
			"",
		},
		"unknown model":  {Query{RequestModel: "unheard-of", Usage: llm.Usage{InputTokens: some(1)}}, 0, CacheEffect{}, ReasonUnknownModel},
		"unknown usage":  {Query{RequestModel: "writes", Usage: llm.Usage{CacheReadTokens: some(1)}}, 0, CacheEffect{}, ReasonUnknownUsage},
		"no token price": {Query{RequestModel: "image", Usage: llm.Usage{InputTokens: some(1), CacheReadTokens: some(1)}}, 0, CacheEffect{}, ReasonUnknownPrice},
	} {
		t.Run(name, func(t *testing.T) {
			got, reason := table.CacheEffect(c.q, c.one)
			if reason != c.reason || !closeTo(got.InputUSD, c.want.InputUSD) || !closeTo(got.UncachedUSD, c.want.UncachedUSD) ||
				!closeTo(got.ReadSavedUSD, c.want.ReadSavedUSD) || !closeTo(got.WriteExtraUSD, c.want.WriteExtraUSD) {
				t.Errorf("got %+v %q, want %+v %q", got, reason, c.want, c.reason)
			}
			if !closeTo(got.NetUSD(), got.UncachedUSD-got.InputUSD) {
				t.Errorf("net %v of %+v", got.NetUSD(), got)
			}
		})
	}
}

func closeTo(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// TestCacheEffectAddsUp is the property that the net effect is the difference of
// the two costs, for whatever usage and every model of the table, and that the
// input costs what the bill says.
func TestCacheEffectAddsUp(t *testing.T) {
	table := cacheTable(t)
	r := rand.New(rand.NewPCG(7, 8))
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	rows := table.List(Filter{At: at})
	for range 3000 {
		row := rows[r.IntN(len(rows))]
		maybe := func() llm.Opt[int64] {
			if r.IntN(3) == 0 {
				return llm.Opt[int64]{}
			}
			return llm.Some(r.Int64N(400_000))
		}
		q := Query{Provider: row.Provider, RequestModel: row.Model, At: at, Operation: llm.OpEmbeddings, Usage: llm.Usage{
			InputTokens: llm.Some(r.Int64N(400_000)), CacheReadTokens: maybe(), CacheWriteTokens: maybe(), CacheWrite1hTokens: maybe(), CacheReadAudioTokens: maybe(), InputAudioTokens: maybe(),
		}}
		e, reason := table.CacheEffect(q, q.Usage.InputTokens.Or(0))
		if reason != "" {
			continue
		}
		if !closeTo(e.NetUSD(), e.UncachedUSD-e.InputUSD) {
			t.Fatalf("%s/%s: %+v of %+v", row.Provider, row.Model, e, q.Usage)
		}
		var sum float64
		for _, c := range table.Explain(q).Components {
			if c.Kind.isInput() {
				sum += c.USD
			}
		}
		if !closeTo(sum, e.InputUSD) {
			t.Fatalf("%s/%s: input costs %v, and the bill has %v", row.Provider, row.Model, e.InputUSD, sum)
		}
	}
}

func TestNearest(t *testing.T) {
	table, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for model, want := range map[string]string{
		"gpt-4o-secret":                     "gpt-4o",
		"Llama-3.1-70B-Instruct-private":    "llama-3.1-70b",
		"claude-sonnet-4-5-internal":        "claude-sonnet-4-5",
		"models/gemini-2.5-flash-something": "gemini-2.5-flash",
	} {
		near := table.Nearest("", model, at, 3)
		if len(near) == 0 || fold(near[0].Model[max(0, len(near[0].Model)-len(want)):]) != fold(want) && !glob("*"+fold(want)+"*", fold(near[0].Model)) {
			names := []string{}
			for _, n := range near {
				names = append(names, n.Name)
			}
			t.Errorf("%s is like %q, want %s", model, names, want)
		}
		for i := 1; i < len(near); i++ {
			if near[i].Similarity > near[i-1].Similarity {
				t.Errorf("%s: %+v", model, near)
			}
		}
	}
	for _, model := range []string{"", "zzz", "*", "/"} {
		if near := table.Nearest("openai", model, at, 3); len(near) != 0 {
			t.Errorf("%q is like %s", model, near[0].Name)
		}
	}
}

// TestSuggestOwnProvider: of two models of one name, the caller's provider's.
func TestSuggestOwnProvider(t *testing.T) {
	table, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Provider: "azure", RequestModel: "gpt-4o-mine", Operation: llm.OpChat, Usage: llm.Usage{InputTokens: llm.Some[int64](1000), OutputTokens: llm.Some[int64](10), Source: llm.UsageReported}}
	s := table.Suggest(q, ReasonUnknownModel)
	if len(s) < 2 || s[len(s)-1].Kind != SuggestOverride || s[len(s)-1].Config.Overrides[0].Provider != "azure" {
		t.Fatalf("%+v", s)
	}
	q.Provider = "ollama"
	s = table.Suggest(q, ReasonUnknownModel)
	if o := s[len(s)-1]; o.Kind != SuggestOverride || *o.Prices.Input != 0 || *o.Prices.Output != 0 || o.WouldCost != llm.Some(0.0) {
		t.Errorf("one's own machine: %+v", o)
	}
	if s := table.Suggest(q, ReasonUnknownUsage); s != nil {
		t.Errorf("%+v", s)
	}
}

// TestSuggestCompletes has a model whose price lacks a kind that was used.
func TestSuggestCompletes(t *testing.T) {
	table, err := New(Config{Overrides: []Override{{Provider: "openai", Model: "gpt-4o-half", Prices: Prices{Input: new(2.0)}}}})
	if err != nil {
		t.Fatal(err)
	}
	q := Query{Provider: "openai", RequestModel: "gpt-4o-half", Operation: llm.OpChat, Usage: llm.Usage{InputTokens: llm.Some[int64](1_000_000), OutputTokens: llm.Some[int64](1_000_000), Source: llm.UsageReported}}
	if k, lacks := table.Missing(q); !lacks || k != Output {
		t.Fatalf("%v %v", k, lacks)
	}
	s := table.Suggest(q, ReasonUnknownPrice)
	if len(s) != 1 || *s[0].Prices.Input != 2 || s[0].Prices.Output == nil {
		t.Fatalf("%+v", s)
	}
	fixed, err := New(s[0].Config)
	if err != nil {
		t.Fatal(err)
	}
	if c := fixed.Price(&llm.Call{Provider: "openai", RequestModel: "gpt-4o-half", Operation: llm.OpChat, Usage: q.Usage}); c.USD != s[0].WouldCost {
		t.Errorf("%+v, promised %+v", c, s[0].WouldCost)
	}
}

func BenchmarkSuggest(b *testing.B) {
	table, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	q := Query{Provider: "azure", RequestModel: "gpt-4o-mine", Operation: llm.OpChat, Usage: llm.Usage{InputTokens: llm.Some[int64](1000), OutputTokens: llm.Some[int64](10), Source: llm.UsageReported}}
	b.ReportAllocs()
	for b.Loop() {
		table.Suggest(q, ReasonUnknownModel)
	}
}
