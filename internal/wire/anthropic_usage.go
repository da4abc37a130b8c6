package wire

import (
	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// anthropicUsage collects Anthropic's counts, which are cumulative and
// exclusive: input_tokens leaves cache reads and writes out.
type anthropicUsage struct {
	input, output         llm.Opt[int64]
	cacheRead, cacheWrite llm.Opt[int64]
	write5m, write1h      llm.Opt[int64]
	thinking, searches    llm.Opt[int64]
	compacted             anthropicSums // of iterations; valid if compaction is set
	compaction            bool
	advisor               anthropicSums
	advised               bool
	tier, geo             string
}

type anthropicSums struct{ input, output, cacheRead, cacheWrite, write5m, write1h int64 }

func (s *anthropicSums) add(v *fastjson.Value) {
	s.input += count(v, "input_tokens").Or(0)
	s.output += count(v, "output_tokens").Or(0)
	s.cacheRead += count(v, "cache_read_input_tokens").Or(0)
	s.cacheWrite += count(v, "cache_creation_input_tokens").Or(0)
	s.write5m += count(v, "cache_creation", "ephemeral_5m_input_tokens").Or(0)
	s.write1h += count(v, "cache_creation", "ephemeral_1h_input_tokens").Or(0)
}

// merge overrides what v says; null and absent keys say nothing. final says
// that the output count is not the placeholder of message_start.
func (u *anthropicUsage) merge(v *fastjson.Value, final bool) {
	if v == nil || v.Type() != fastjson.TypeObject {
		return
	}
	override(&u.input, count(v, "input_tokens"))
	override(&u.cacheRead, count(v, "cache_read_input_tokens"))
	override(&u.cacheWrite, count(v, "cache_creation_input_tokens"))
	override(&u.write5m, count(v, "cache_creation", "ephemeral_5m_input_tokens"))
	override(&u.write1h, count(v, "cache_creation", "ephemeral_1h_input_tokens"))
	override(&u.searches, count(v, "server_tool_use", "web_search_requests"))
	if final {
		override(&u.output, count(v, "output_tokens"))
		override(&u.thinking, count(v, "output_tokens_details", "thinking_tokens"))
	}
	if t := str(v, "service_tier"); t != "" {
		u.tier = t
	}
	if string(bstr(v, "speed")) == "fast" {
		u.tier = "fast"
	}
	switch g := str(v, "inference_geo"); g {
	case "", "global", "not_available": // no place, and no price of its own
	default:
		u.geo = g
	}
	u.iterate(v.GetArray("iterations"))
}

// iterate reads the passes of which one answer consists. The top level leaves
// out the passes that compact the conversation, though the same model runs
// them and they are billed; and those of an advisor, which is another model
// with another price, so that its tokens cannot be added to this Call's.
func (u *anthropicUsage) iterate(passes []*fastjson.Value) {
	if len(passes) == 0 {
		return
	}
	u.compacted, u.compaction, u.advisor, u.advised = anthropicSums{}, false, anthropicSums{}, false
	for _, p := range passes {
		switch string(bstr(p, "type")) {
		case "compaction":
			u.compaction = true
			u.compacted.add(p)
		case "message":
			u.compacted.add(p)
		case "advisor_message":
			u.advised = true
			u.advisor.add(p)
		}
	}
}

// settle writes the canonical counts into the Call.
func (u *anthropicUsage) settle(c *llm.Call) {
	if u.compaction {
		raise(&u.input, u.compacted.input)
		raise(&u.output, u.compacted.output)
		raise(&u.cacheRead, u.compacted.cacheRead)
		raise(&u.cacheWrite, u.compacted.cacheWrite)
		raise(&u.write5m, u.compacted.write5m)
		raise(&u.write1h, u.compacted.write1h)
	}
	if u.advised {
		setAttribute(c, "anthropic.advisor.input_tokens", u.advisor.input+u.advisor.cacheRead+u.advisor.cacheWrite)
		setAttribute(c, "anthropic.advisor.output_tokens", u.advisor.output)
		c.Note("advisor_usage_excluded")
	}
	if u.tier != "" {
		c.ServiceTier = u.tier
	}
	if u.geo != "" {
		c.Region = u.geo
	}
	cu := &c.Usage
	if u.input.Known() {
		cu.InputTokens = addCounts(u.input, u.cacheRead, u.cacheWrite)
	}
	cu.OutputTokens = u.output
	cu.CacheReadTokens = u.cacheRead
	cu.CacheWriteTokens = u.cacheWrite
	cu.CacheWrite5mTokens = u.write5m
	cu.CacheWrite1hTokens = u.write1h
	cu.ReasoningTokens = u.thinking
	cu.Searches = u.searches
}

// raise lifts a count to a sum of which it may be a part.
func raise(dst *llm.Opt[int64], sum int64) {
	if n, ok := dst.Get(); ok && n < sum || !ok && sum > 0 {
		*dst = llm.Some(sum)
	}
}
