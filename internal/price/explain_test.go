package price

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestExplainTexts(t *testing.T) {
	o := testRule()
	o.Tiers = []ContextTier{{Above: 1000, Prices: Prices{Input: new(2.0), Output: new(15.0)}}}
	table := mustTable(t, Config{
		Overrides: []Override{
			o,
			{Provider: "acme", Model: "steps", Prices: Prices{Input: new(1.0), Output: new(10.0)}, TierMode: TierMarginal, Tiers: []ContextTier{{Above: 100, Prices: Prices{Input: new(2.0)}}}},
			{Provider: "acme", Model: "young", Since: "2026-07-01", Prices: Prices{Input: new(1.0), Output: new(10.0)}},
			{Provider: "acme", Model: "painter", Prices: Prices{PerImage: new(0.04)}},
		},
		Aliases: map[string]string{"nickname": "acme/all", "lost": "no-such-model"},
	})
	var out bytes.Buffer
	f := func(title string, q Query) {
		t.Helper()
		if q.At.IsZero() {
			q.At = noon
		}
		if q.Operation == "" {
			q.Operation = llm.OpChat
		}
		fmt.Fprintf(&out, "## %s\n%s\n", title, table.Explain(q))
	}
	u := llm.Usage{InputTokens: some(1000), OutputTokens: some(100), CacheReadTokens: some(600), ReasoningTokens: some(40)}
	long := llm.Usage{InputTokens: some(2000), OutputTokens: some(100), CacheReadTokens: some(600)}
	f("a snapshot", Query{Provider: "acme", RequestModel: "all", ResponseModel: "all-2026-01-01", Usage: u})
	f("a long context", Query{Provider: "acme", RequestModel: "all", Usage: long})
	f("a marginal tier", Query{Provider: "acme", RequestModel: "steps", Usage: long})
	f("a service tier without a price", Query{Provider: "acme", RequestModel: "all", Usage: u, ServiceTier: "priority"})
	f("an alias", Query{Provider: "elsewhere", RequestModel: "nickname", Usage: u})
	f("an alias of nothing", Query{Provider: "elsewhere", RequestModel: "lost", Usage: u})
	f("before the first price", Query{Provider: "acme", RequestModel: "young", Usage: u})
	f("an unknown model", Query{Provider: "acme", RequestModel: "nobody", Usage: u})
	f("a local model", Query{Provider: "ollama", RequestModel: "llama3.2:3b", Usage: u})
	f("unknown usage", Query{Provider: "acme", RequestModel: "all", Usage: llm.Usage{Source: llm.UsageUnknown}})
	f("a missing count", Query{Provider: "acme", RequestModel: "all", Usage: llm.Usage{InputTokens: some(5)}})
	f("a missing price", Query{Provider: "acme", RequestModel: "painter", Operation: llm.OpSpeech, Usage: llm.Usage{Characters: some(5)}})
	f("estimated usage", Query{Provider: "acme", RequestModel: "all", Usage: llm.Usage{InputTokens: some(10), OutputTokens: some(10), Source: llm.UsageEstimated}})
	f("nothing at all", Query{})
	golden(t, "explain.golden", out.Bytes())
}

// From the embedded table, with facts that will not change any more.
func TestExplainFromTheTable(t *testing.T) {
	table := mustTable(t, Config{})
	e := table.Explain(Query{
		Provider: "deepseek", RequestModel: "deepseek-chat", Operation: llm.OpChat, At: time.Date(2025, 4, 1, 20, 0, 0, 0, time.UTC),
		Usage: llm.Usage{InputTokens: some(1_000_000), OutputTokens: some(1_000_000), CacheReadTokens: some(500_000)},
	})
	if usd, _ := e.Cost.USD.Get(); usd != 0.635 || !e.OffPeak || e.Since != "2025-02-26T16:30:00Z" {
		t.Errorf("night price of DeepSeek in April 2025:\n%s", e)
	}
	e = table.Explain(Query{
		Provider: "aws.bedrock", RequestModel: "us.anthropic.claude-sonnet-4-5-20250929-v1:0", Operation: llm.OpChat, At: noon, Region: "eu-west-1",
		Usage: llm.Usage{InputTokens: some(1_000_000 / 10), OutputTokens: some(0)},
	})
	if usd, _ := e.Cost.USD.Get(); usd != 0.33 || e.Region != "us" || e.RegionFactor != 1.1 {
		t.Errorf("inference profile of the US:\n%s", e)
	}
	e = table.Explain(Query{
		Provider: "openai", RequestModel: "o3", Operation: llm.OpChat, At: time.Date(2025, 6, 9, 23, 59, 59, 0, time.UTC),
		Usage: llm.Usage{InputTokens: some(1_000_000), OutputTokens: some(0)},
	})
	if usd, _ := e.Cost.USD.Get(); usd != 10 {
		t.Errorf("o3 the day before its price was cut:\n%s", e)
	}
	e = table.Explain(Query{Provider: "openrouter", RequestModel: "anthropic/claude-opus-4.1", Operation: llm.OpChat, At: noon, Usage: llm.Usage{InputTokens: some(1), OutputTokens: some(1)}})
	if len(e.Notes) != 1 || e.RuleProvider != "anthropic" {
		t.Errorf("the maker stands in silently:\n%s", e)
	}
}

func TestExplanationAsJSON(t *testing.T) {
	table := mustTable(t, Config{Overrides: []Override{testRule()}})
	e := table.Explain(Query{
		Provider: "acme", RequestModel: "all", Operation: llm.OpChat, At: noon,
		Usage: llm.Usage{InputTokens: some(1000), OutputTokens: some(100), CacheWriteTokens: some(600), CacheWrite1hTokens: some(500)},
	})
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "explain.json", append(b, '\n'))
}
