package price

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// randomUsage draws counts, some of them unknown, some larger than the whole
// they are part of.
func randomUsage(r *rand.Rand) llm.Usage {
	n := func(top int64) llm.Opt[int64] {
		if r.IntN(3) == 0 {
			return llm.Opt[int64]{}
		}
		return llm.Some(r.Int64N(top))
	}
	in, out := r.Int64N(400_000), r.Int64N(50_000)
	return llm.Usage{
		InputTokens: some(in), OutputTokens: some(out), Source: llm.UsageReported,
		CacheReadTokens: n(in + 10), CacheWriteTokens: n(in + 10), CacheWrite5mTokens: n(in + 10), CacheWrite1hTokens: n(in + 10),
		InputAudioTokens: n(in + 10), CacheReadAudioTokens: n(in + 10), InputImageTokens: n(in + 10), InputVideoTokens: n(in + 10),
		ReasoningTokens: n(out + 10), OutputAudioTokens: n(out + 10), OutputImageTokens: n(out + 10),
	}
}

// chatRules are the rules of the table whose prices are for text in and out.
func chatRules(table *Table) []*rule {
	var out []*rule
	for _, r := range table.rules {
		if r.dated[0].set.base.has(Input) && r.dated[0].set.base.has(Output) && r.provider != "openrouter" {
			out = append(out, r)
		}
	}
	return out
}

func costOf(t *testing.T, table *Table, r *rule, u llm.Usage, tier, region string) float64 {
	t.Helper()
	c := llm.Call{
		Provider: r.provider, RequestModel: r.id, Operation: llm.OpChat, Usage: u, ServiceTier: tier, Region: region,
		Time: time.Date(2026, 6, 1, 20, 0, 0, 0, time.UTC),
	}
	cost := table.Price(&c)
	usd, ok := cost.USD.Get()
	if !ok || usd < 0 || math.IsNaN(usd) || math.IsInf(usd, 0) {
		t.Fatalf("%s/%s: %+v costs %+v", r.provider, r.id, u, cost)
	}
	return usd
}

// What is billed is what was used: the parts of input and output add up to the
// whole, whatever was reported.
func TestBillsAddUp(t *testing.T) {
	table := mustTable(t, Config{})
	rules := chatRules(table)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 8_000 {
		r := rules[rnd.IntN(len(rules))]
		u := randomUsage(rnd)
		d := r.at(noon)
		var p pick
		d.choose(noon, u.InputTokens.Or(0), "", "", &p)
		var b bill
		b.evaluate(&p, llm.OpChat, &u)
		if b.reason != "" {
			t.Fatalf("%s: %s %s for %+v", d.name, b.reason, b.kind, u)
		}
		var in, out, sum float64
		for _, it := range b.items[:b.n] {
			sum += it.usd
			switch {
			case it.kind.isInput():
				in += it.count
			case it.kind.isToken():
				out += it.count
			}
		}
		if in != float64(u.InputTokens.Or(0)) || out != float64(u.OutputTokens.Or(0)) {
			t.Fatalf("%s: billed %v in and %v out of %+v", d.name, in, out, u)
		}
		if math.Abs(sum-b.usd) > 1e-9 {
			t.Fatalf("%s: lines add up to %v, the sum says %v", d.name, sum, b.usd)
		}
	}
}

// More tokens never cost less.
func TestCostGrowsWithEachCount(t *testing.T) {
	table := mustTable(t, Config{})
	rules := chatRules(table)
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 8_000 {
		r := rules[rnd.IntN(len(rules))]
		u := randomUsage(rnd)
		before := costOf(t, table, r, u, "", "")
		more := u
		more.InputTokens = some(u.InputTokens.Or(0) + rnd.Int64N(1000))
		more.OutputTokens = some(u.OutputTokens.Or(0) + rnd.Int64N(1000))
		if after := costOf(t, table, r, more, "", ""); after < before-1e-9 {
			t.Fatalf("%s/%s: %v for %+v, %v for %+v", r.provider, r.id, before, u, after, more)
		}
	}
}

// Reading from the cache never costs more than not to; writing does only where
// the model has a premium for it.
func TestCachingAgainstNot(t *testing.T) {
	table := mustTable(t, Config{})
	rnd := rand.New(rand.NewPCG(5, 6))
	for _, r := range chatRules(table) {
		for range 5 {
			in := rnd.Int64N(300_000) + 1
			plain := llm.Usage{InputTokens: some(in), OutputTokens: some(10), Source: llm.UsageReported}
			read, write := plain, plain
			read.CacheReadTokens = some(rnd.Int64N(in))
			write.CacheWriteTokens = some(rnd.Int64N(in))
			base := costOf(t, table, r, plain, "", "")
			if got := costOf(t, table, r, read, "", ""); got > base+1e-9 {
				t.Fatalf("%s/%s: %v with the cache, %v without", r.provider, r.id, got, base)
			}
			rates := r.at(noon).set.base
			if got := costOf(t, table, r, write, "", ""); got > base+1e-9 && !rates.has(CacheWrite) {
				t.Fatalf("%s/%s: a write costs a premium that the model does not have", r.provider, r.id)
			}
		}
	}
}

// Batch and flex never cost more than standard, priority never less.
func TestServicesAgainstStandard(t *testing.T) {
	table := mustTable(t, Config{})
	rnd := rand.New(rand.NewPCG(7, 8))
	for _, r := range chatRules(table) {
		u := randomUsage(rnd)
		standard := costOf(t, table, r, u, "", "")
		for _, tier := range []string{"batch", "flex"} {
			if got := costOf(t, table, r, u, tier, ""); got > standard+1e-9 {
				t.Errorf("%s/%s: %s costs %v, standard %v", r.provider, r.id, tier, got, standard)
			}
		}
		if got := costOf(t, table, r, u, "priority", ""); got < standard-1e-9 {
			t.Errorf("%s/%s: priority costs %v, standard %v", r.provider, r.id, got, standard)
		}
	}
}

// Explain is Price, in words.
func TestExplainAgreesWithPrice(t *testing.T) {
	table := mustTable(t, Config{})
	rnd := rand.New(rand.NewPCG(9, 10))
	rules := chatRules(table)
	tiers := []string{"", "batch", "flex", "priority", "default", "whatever"}
	regions := []string{"", "eu", "us-east-1", "us-gov-west-1", "global"}
	for range 5_000 {
		r := rules[rnd.IntN(len(rules))]
		c := llm.Call{
			Provider: r.provider, RequestModel: r.id, Operation: llm.OpChat, Usage: randomUsage(rnd),
			Time: noon.Add(time.Duration(rnd.Int64N(int64(10000 * time.Hour)))), ServiceTier: tiers[rnd.IntN(len(tiers))], Region: regions[rnd.IntN(len(regions))],
		}
		want := table.Price(&c)
		e := table.Explain(QueryOf(&c))
		if e.Cost != want || e.Rule != want.Rule {
			t.Fatalf("Explain says %+v, Price %+v", e.Cost, want)
		}
		sum := 0.0
		for _, x := range e.Components {
			sum += x.USD
		}
		if usd, ok := want.USD.Get(); ok && math.Abs(sum-usd) > 1e-9 {
			t.Fatalf("components of %s add up to %v, not %v", e.Rule, sum, usd)
		}
	}
}
