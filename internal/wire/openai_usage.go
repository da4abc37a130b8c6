package wire

import (
	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// xaiTick is xAI's unit of cost: 1e10 ticks are one dollar.
const xaiTick = 1e-10

// firstObject returns the first member that is an object.
func firstObject(v *fastjson.Value, keys ...string) *fastjson.Value {
	for _, k := range keys {
		if o := object(v, k); o != nil {
			return o
		}
	}
	return nil
}

// firstCount returns the first member that is a count.
func firstCount(v *fastjson.Value, keys ...string) llm.Opt[int64] {
	for _, k := range keys {
		if n := count(v, k); n.Known() {
			return n
		}
	}
	return llm.Opt[int64]{}
}

// openAIUsage reads the usage object of OpenAI's family into the Call: the
// names of chat and of responses, and what compatible servers add. A later
// object overrides what it repeats.
func openAIUsage(v *fastjson.Value, c *llm.Call) {
	if v == nil || v.Type() != fastjson.TypeObject {
		return
	}
	u := &c.Usage
	in := firstCount(v, "prompt_tokens", "input_tokens")
	out := firstCount(v, "completion_tokens", "output_tokens")
	inDetails := firstObject(v, "prompt_tokens_details", "input_tokens_details", "prompt_token_details", "input_token_details")
	outDetails := firstObject(v, "completion_tokens_details", "output_tokens_details", "completion_token_details", "output_token_details")

	reasoning := count(outDetails, "reasoning_tokens")
	if !reasoning.Known() {
		reasoning = count(v, "reasoning_tokens") // Perplexity
	}
	out, reasoning = inclusiveOutput(v, c, in, out, reasoning)

	read := firstCount(inDetails, "cached_tokens", "cache_read_tokens")
	if !read.Known() {
		// DeepSeek, Moonshot, LiteLLM.
		read = firstCount(v, "prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
	}
	write := firstCount(inDetails, "cache_write_tokens", "cache_creation_tokens")
	if !write.Known() {
		write = count(v, "cache_creation_input_tokens")
	}
	override(&u.InputTokens, in)
	override(&u.OutputTokens, out)
	override(&u.ReasoningTokens, reasoning)
	override(&u.CacheReadTokens, read)
	override(&u.CacheWriteTokens, write)
	override(&u.InputAudioTokens, count(inDetails, "audio_tokens"))
	override(&u.InputImageTokens, count(inDetails, "image_tokens"))
	override(&u.InputVideoTokens, count(inDetails, "video_tokens"))
	override(&u.OutputAudioTokens, count(outDetails, "audio_tokens"))
	override(&u.OutputImageTokens, count(outDetails, "image_tokens"))
	override(&u.CacheReadAudioTokens, count(inDetails, "cached_tokens_details", "audio_tokens"))
	override(&u.Searches, count(v, "num_search_queries")) // Perplexity
	for _, key := range [...]string{"prompt_audio_seconds", "seconds"} {
		if s := amount(v, key); s.Known() {
			u.AudioSeconds = s
		}
	}
	reportedCost(v, c)
	secondsPhases(v, &c.Phases)
}

// inclusiveOutput makes output include reasoning where a server counts it
// apart. xAI's chat API does (total = prompt + completion + reasoning),
// Perplexity's deep research too (more reasoning than completion), and
// Gemini's compatible API leaves thoughts in the total alone.
func inclusiveOutput(v *fastjson.Value, c *llm.Call, in, out, reasoning llm.Opt[int64]) (_, _ llm.Opt[int64]) {
	i, o := in.Or(0), out.Or(0)
	r, reasoned := reasoning.Get()
	total, known := count(v, "total_tokens").Get()
	switch {
	case !out.Known():
	case reasoned && r > 0 && (r > o || known && total == i+o+r):
		out = llm.Some(o + r)
	case !reasoned && known && in.Known() && total > i+o && isGemini(c):
		reasoning = llm.Some(total - i - o)
		out = llm.Some(total - i)
	}
	return out, reasoning
}

func isGemini(c *llm.Call) bool {
	const name = "gemini-"
	for _, m := range [...]string{c.ResponseModel, c.RequestModel} {
		for i := 0; i+len(name) <= len(m); i++ {
			if (i == 0 || m[i-1] == '/') && m[i:i+len(name)] == name {
				return true
			}
		}
	}
	return false
}

// reportedCost takes the cost that a provider or another gateway states.
func reportedCost(v *fastjson.Value, c *llm.Call) {
	cost := amount(v, "cost")
	if !cost.Known() {
		cost = amount(v, "cost", "total_cost") // Perplexity
	} else if v.GetBool("is_byok") {
		// OpenRouter with the user's own key: its fee, plus what the provider bills.
		if up, ok := amount(v, "cost_details", "upstream_inference_cost").Get(); ok {
			cost = llm.Some(cost.Or(0) + up)
		}
	}
	if ticks, ok := count(v, "cost_in_usd_ticks").Get(); ok && !cost.Known() {
		cost = llm.Some(float64(ticks) * xaiTick)
	}
	if cost.Known() {
		c.Cost = llm.Cost{USD: cost, State: llm.CostReported}
	}
}

// inputOnlyUsage reads usage of an API that generates nothing: embeddings,
// rerank. Its output is 0 where its input is known.
func inputOnlyUsage(v *fastjson.Value, c *llm.Call) {
	if v == nil || v.Type() != fastjson.TypeObject {
		return
	}
	openAIUsage(v, c)
	u := &c.Usage
	if !u.InputTokens.Known() {
		u.InputTokens = count(v, "total_tokens")
	}
	u.OutputTokens = llm.Opt[int64]{}
	if u.InputTokens.Known() {
		u.OutputTokens = llm.Some[int64](0)
	}
}
