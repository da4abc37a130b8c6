package semconv

import (
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// usageOf reads what a call consumed, as a record has it: input with cache,
// output with reasoning.
func (sc *scratch) usageOf(op llm.Operation, exclusive bool) (llm.Usage, bool) {
	u := llm.Usage{
		InputTokens: sc.count(fInputTokens), OutputTokens: sc.count(fOutputTokens),
		CacheReadTokens: sc.count(fCacheRead), CacheWriteTokens: sc.count(fCacheWrite), ReasoningTokens: sc.count(fReasoning),
		CacheWrite5mTokens: sc.count(fCacheWrite5m), CacheWrite1hTokens: sc.count(fCacheWrite1h),
		InputAudioTokens: sc.count(fInputAudio), InputImageTokens: sc.count(fInputImage), InputVideoTokens: sc.count(fInputVideo),
		OutputAudioTokens: sc.count(fOutputAudio), OutputImageTokens: sc.count(fOutputImage), CacheReadAudioTokens: sc.count(fCacheReadAudio),
		Images: sc.count(fImages), AudioSeconds: sc.amount(fAudioSeconds), Characters: sc.count(fCharacters), Searches: sc.count(fSearches),
	}
	switch src := llm.UsageSource(sc.str(fUsageSource)); src {
	case llm.UsageReported, llm.UsageEstimated, llm.UsageUnknown:
		u.Source = src // another Pitot has settled it
		return u, src != llm.UsageUnknown
	}
	total := sc.count(fTotalTokens)
	if h := &sc.hits[fUsageJSON]; h.rank != 0 {
		text := sc.jsonOf(h.v)
		v, err := sc.parser.Parse(text)
		if err != nil {
			v, err = sc.parser.Parse(jsonOfPython(text))
		}
		if err == nil {
			usageDetails(v, &u, &total)
		}
	}
	if h := &sc.hits[fProviderMetadata]; h.rank != 0 {
		if v, err := sc.parser.Parse(sc.jsonOf(h.v)); err == nil {
			exclusive = providerMetadata(v, &u) || exclusive
		}
	}
	settleUsage(&u, total, op, exclusive)
	if !u.InputTokens.Known() && !u.OutputTokens.Known() && !u.Images.Known() && !u.AudioSeconds.Known() && !u.Characters.Known() && !u.Searches.Known() {
		return llm.Usage{Source: llm.UsageUnknown}, false
	}
	u.Source = llm.UsageReported
	return u, true
}

// settleUsage makes the counts consistent: totals that include their parts, and
// the missing one of in, out and total.
func settleUsage(u *llm.Usage, total llm.Opt[int64], op llm.Operation, exclusive bool) {
	embeds := op == llm.OpEmbeddings || op == llm.OpRerank || op == llm.OpModeration
	in, inOK := u.InputTokens.Get()
	out, outOK := u.OutputTokens.Get()
	sum, sumOK := total.Get()
	if !embeds && op != llm.OpImage && op != llm.OpSpeech && op != llm.OpTranscription && in+out+sum+u.CacheReadTokens.Or(0)+u.CacheWriteTokens.Or(0) == 0 {
		// No conversation takes nothing: these zeros say that the sender did not know.
		u.InputTokens, u.OutputTokens = llm.Opt[int64]{}, llm.Opt[int64]{}
		return
	}
	// The sum says how its sender adds, so it is asked before parts are added.
	cache := u.CacheReadTokens.Or(0) + u.CacheWriteTokens.Or(0)
	if inOK && cache > 0 && (exclusive || cache > in || sumOK && outOK && sum == in+out+cache) {
		in += cache
		u.InputTokens = llm.Some(in)
	}
	if think := u.ReasoningTokens.Or(0); outOK && think > 0 && (think > out || sumOK && sum == in+out+think) {
		out += think
		u.OutputTokens = llm.Some(out)
	}
	switch {
	case embeds && !inOK && sumOK:
		u.InputTokens = llm.Some(sum)
	case inOK && !outOK && sumOK && sum >= in && !embeds:
		u.OutputTokens = llm.Some(sum - in)
	case outOK && !inOK && sumOK && sum >= out:
		u.InputTokens = llm.Some(sum - out)
	}
	if embeds && u.InputTokens.Known() {
		u.OutputTokens = llm.Some[int64](0)
	}
}

// jsonCount reads a whole number that is not negative.
func jsonCount(v *fastjson.Value, keys ...string) llm.Opt[int64] {
	x := v.Get(keys...)
	if x == nil {
		return llm.Opt[int64]{}
	}
	var n int64
	ok := false
	switch x.Type() {
	case fastjson.TypeNumber:
		n, ok = wholeOf(x.GetFloat64())
	case fastjson.TypeString:
		n, ok = parseCount(string(x.GetStringBytes()))
	default:
	}
	if !ok {
		return llm.Opt[int64]{}
	}
	return llm.Some(n)
}

func firstCount(v *fastjson.Value, paths ...[]string) llm.Opt[int64] {
	for _, p := range paths {
		if n := jsonCount(v, p...); n.Known() {
			return n
		}
	}
	return llm.Opt[int64]{}
}

// fill sets what is not known yet.
func fill[T any](dst *llm.Opt[T], v llm.Opt[T]) {
	if !dst.Known() {
		*dst = v
	}
}

// usageDetails reads Langfuse's usage_details, Nexent's usage_details and
// MLflow's token usage. Langfuse's own SDK sends buckets that exclude each
// other (input is what was not cached); wrapped providers' usage objects are
// sent as they are, and include.
func usageDetails(v *fastjson.Value, u *llm.Usage, total *llm.Opt[int64]) {
	if v.Type() == fastjson.TypeString { // JSON in JSON
		inner, err := fastjson.ParseBytes(v.GetStringBytes())
		if err != nil {
			return
		}
		v = inner
	}
	if x := v.Get("usage"); x != nil && x.Type() == fastjson.TypeObject { // Genkit: within the answer
		v = x
	}
	o, err := v.Object()
	if err != nil {
		return
	}
	var inSum, outSum, read, write, think int64
	var cacheSeen, writeSeen, thinkSeen bool
	o.Visit(func(k []byte, x *fastjson.Value) {
		if x.Type() != fastjson.TypeNumber {
			return
		}
		n, ok := wholeOf(x.GetFloat64())
		if !ok {
			return
		}
		key := strings.ToLower(string(k))
		switch {
		case strings.Contains(key, "cache") && (strings.Contains(key, "creation") || strings.Contains(key, "write")):
			write, writeSeen = write+n, true
			inSum += n
		case strings.Contains(key, "cache"):
			read, cacheSeen = read+n, true
			inSum += n
		case strings.Contains(key, "reasoning"):
			think, thinkSeen = think+n, true
			outSum += n
		case strings.HasPrefix(key, "input_") && key != "input_tokens":
			inSum += n
		case strings.HasPrefix(key, "output_") && key != "output_tokens":
			outSum += n
		}
	})
	in := firstCount(v, []string{"input"}, []string{"prompt_tokens"}, []string{"input_tokens"}, []string{"inputTokens"}, []string{"promptTokens"})
	out := firstCount(v, []string{"output"}, []string{"completion_tokens"}, []string{"output_tokens"}, []string{"outputTokens"}, []string{"completionTokens"})
	sum := firstCount(v, []string{"total"}, []string{"total_tokens"}, []string{"totalTokens"})
	fill(total, sum)
	nested := firstCount(v, []string{"prompt_tokens_details", "cached_tokens"}, []string{"input_tokens_details", "cached_tokens"})
	nestedThink := firstCount(v, []string{"completion_tokens_details", "reasoning_tokens"}, []string{"output_tokens_details", "reasoning_tokens"})
	if cacheSeen {
		fill(&u.CacheReadTokens, llm.Some(read))
	} else {
		fill(&u.CacheReadTokens, nested)
	}
	if writeSeen {
		fill(&u.CacheWriteTokens, llm.Some(write))
	}
	if thinkSeen {
		fill(&u.ReasoningTokens, llm.Some(think))
	} else {
		fill(&u.ReasoningTokens, nestedThink)
	}
	// Buckets exclude each other unless their sum says that they do not.
	buckets := v.Exists("input") || v.Exists("output") || jsonCount(v, "cache_read_input_tokens").Known() || jsonCount(v, "cache_creation_input_tokens").Known()
	if s, ok := sum.Get(); ok && s == in.Or(0)+out.Or(0) {
		buckets = false
	}
	if buckets && !u.InputTokens.Known() {
		if n, ok := in.Get(); ok || inSum > 0 {
			in = llm.Some(n + inSum)
		}
		if n, ok := out.Get(); ok || outSum > 0 {
			out = llm.Some(n + outSum)
		}
		// They include their parts now; the sum must not add those again.
		*total = llm.Opt[int64]{}
	}
	fill(&u.InputTokens, in)
	fill(&u.OutputTokens, out)
}

// providerMetadata reads what the Vercel SDK passes on of a provider's own
// answer. It says whether the SDK's input count excludes cache: version 5 copies
// Anthropic's and Bedrock's count, later ones add.
func providerMetadata(v *fastjson.Value, u *llm.Usage) (exclusive bool) {
	fill(&u.CacheReadTokens, firstCount(v,
		[]string{"openai", "cachedPromptTokens"},
		[]string{"azure", "cachedPromptTokens"},
		[]string{"anthropic", "usage", "cache_read_input_tokens"},
		[]string{"anthropic", "cacheReadInputTokens"},
		[]string{"bedrock", "usage", "cacheReadInputTokens"},
		[]string{"google", "usageMetadata", "cachedContentTokenCount"},
	))
	fill(&u.ReasoningTokens, firstCount(v, []string{"openai", "reasoningTokens"}, []string{"google", "usageMetadata", "thoughtsTokenCount"}))
	fill(&u.CacheWrite5mTokens, jsonCount(v, "anthropic", "usage", "cache_creation", "ephemeral_5m_input_tokens"))
	fill(&u.CacheWrite1hTokens, jsonCount(v, "anthropic", "usage", "cache_creation", "ephemeral_1h_input_tokens"))
	fill(&u.CacheWriteTokens, firstCount(v,
		[]string{"anthropic", "usage", "cache_creation_input_tokens"},
		[]string{"anthropic", "cacheCreationInputTokens"},
		[]string{"bedrock", "usage", "cacheWriteInputTokens"},
	))
	if !u.CacheWriteTokens.Known() && (u.CacheWrite5mTokens.Known() || u.CacheWrite1hTokens.Known()) {
		u.CacheWriteTokens = llm.Some(u.CacheWrite5mTokens.Or(0) + u.CacheWrite1hTokens.Or(0))
	}
	raw := jsonCount(v, "anthropic", "usage", "input_tokens")
	if n, ok := raw.Get(); ok && u.InputTokens.Or(-1) == n {
		return u.CacheReadTokens.Or(0)+u.CacheWriteTokens.Or(0) > 0
	}
	return false
}

// costOf reads the cost that the sender states. A zero is no statement: senders
// write it for models that they have no price for.
func (sc *scratch) costOf() llm.Cost {
	if state := sc.str(fCostState); state != "" && state != string(llm.CostReported) {
		return llm.Cost{} // another Pitot computed it: we compute it too
	}
	cost := sc.amount(fCost)
	if h := &sc.hits[fCostJSON]; h.rank != 0 {
		if v, err := sc.parser.Parse(sc.jsonOf(h.v)); err == nil {
			if x := v.Get("total"); x != nil && x.Type() == fastjson.TypeNumber {
				cost = llm.Some(x.GetFloat64())
			} else if o, err := v.Object(); err == nil {
				sum := 0.0
				o.Visit(func(_ []byte, x *fastjson.Value) { sum += x.GetFloat64() })
				cost = llm.Some(sum)
			}
		}
	}
	if cur := sc.str(fCostCurrency); cur != "" && !strings.EqualFold(cur, "USD") {
		return llm.Cost{}
	}
	if usd, ok := cost.Get(); ok && usd > 0 && usd < 1e9 {
		return llm.Cost{USD: llm.Some(usd), State: llm.CostReported}
	}
	return llm.Cost{}
}

// jsonOfPython turns a dict as Python prints it into JSON: LiteLLM sends usage
// so. What is more than literals stays what it is, and does not parse.
func jsonOfPython(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		c := s[i]
		if c == '\'' || c == '"' {
			j := i + 1
			for j < len(s) && s[j] != c {
				if s[j] == '\\' {
					j++
				}
				j++
			}
			if j >= len(s) {
				return s
			}
			out = appendString(out, s[i+1:j])
			i = j + 1
			continue
		}
		word := 0
		for i+word < len(s) && (s[i+word] >= 'A' && s[i+word] <= 'Z' || s[i+word] >= 'a' && s[i+word] <= 'z') {
			word++
		}
		switch w := s[i : i+max(word, 1)]; w {
		case "None":
			out = append(out, "null"...)
		case "True":
			out = append(out, "true"...)
		case "False":
			out = append(out, "false"...)
		default:
			out = append(out, w...)
		}
		i += max(word, 1)
	}
	return string(out)
}
