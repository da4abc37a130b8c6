package price

import (
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

func benchCall() *llm.Call {
	return &llm.Call{
		Provider: "openai", Upstream: "openai", RequestModel: "gpt-4o", ResponseModel: "gpt-4o-2024-08-06", Operation: llm.OpChat, Time: noon, ServiceTier: "default",
		Usage: llm.Usage{InputTokens: some(1200), OutputTokens: some(300), CacheReadTokens: some(1024), ReasoningTokens: some(0), Source: llm.UsageReported},
	}
}

func BenchmarkPrice(b *testing.B) {
	table := mustTable(b, Config{})
	c := benchCall()
	b.ReportAllocs()
	for b.Loop() {
		if !table.Price(c).USD.Known() {
			b.Fatal("unpriced")
		}
	}
}

func BenchmarkPriceParallel(b *testing.B) {
	table := mustTable(b, Config{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := benchCall()
		for pb.Next() {
			if !table.Price(c).USD.Known() {
				b.Error("unpriced")
				return
			}
		}
	})
}

// What a name that is not in the cache costs: the price of made-up names.
func BenchmarkResolve(b *testing.B) {
	table := mustTable(b, Config{})
	b.ReportAllocs()
	for b.Loop() {
		if m := table.resolve(subject{"aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", ""}); m.rule == nil {
			b.Fatal("no match")
		}
	}
}

func BenchmarkResolveUnknown(b *testing.B) {
	table := mustTable(b, Config{})
	b.ReportAllocs()
	for b.Loop() {
		if m := table.resolve(subject{"openrouter", "nobody/knows-this-2026-01-01", ""}); m.rule != nil {
			b.Fatal("match")
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustTable(b, Config{})
	}
}
