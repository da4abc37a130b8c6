package price

import (
	"math"

	"github.com/pitot-dev/pitot/internal/llm"
)

// item is one line of a bill.
type item struct {
	kind   Kind
	source Kind // the kind whose price was used
	count  float64
	unit   float64 // US dollars per kind's unit, with the regional factor
	usd    float64
}

// bill is what a Usage costs. It lives on the stack.
type bill struct {
	n      int
	items  [kindCount]item
	usd    float64
	reason string // why there is no sum, or ""
	kind   Kind   // the kind that lacks a price, where reason is ReasonUnknownPrice
}

// The reasons of an unpriced Cost.
const (
	ReasonUnknownModel = "unknown_model" // no rule for the model
	ReasonUnknownUsage = "unknown_usage" // the counts that the price needs are not known
	ReasonUnknownPrice = "unknown_price" // the rule has no price for what was used
)

func (b *bill) add(p *pick, k Kind, count float64) {
	if count <= 0 {
		return
	}
	unit, source, ok := p.rates.lookup(k)
	if !ok {
		b.fail(ReasonUnknownPrice, k)
		return
	}
	if k.discounted() {
		unit *= p.factor
	}
	usd := count * unit / kinds[k].per
	b.items[b.n] = item{k, source, count, unit, usd}
	b.n++
	b.usd += usd
}

func (b *bill) fail(reason string, k Kind) {
	if b.reason == "" {
		b.reason, b.kind = reason, k
	}
}

// evaluate fills the bill.
func (b *bill) evaluate(p *pick, op llm.Operation, u *llm.Usage) {
	in, inKnown := u.InputTokens.Get()
	out, outKnown := u.OutputTokens.Get()
	// Models that are priced by the image, minute or character may report tokens
	// too, and the reverse. Tokens count where they have a price.
	tokens := p.rates.hasTokens() && (inKnown || outKnown)
	if tokens {
		if !inKnown && p.rates.usd[Input] > 0 {
			b.fail(ReasonUnknownUsage, Input)
		}
		if !outKnown && p.rates.usd[Output] > 0 && generates(op) {
			b.fail(ReasonUnknownUsage, Output)
		}
		b.input(p, in, u)
		b.output(p, out, u)
	}
	measured := tokens
	if n, ok := u.Images.Get(); ok && (!tokens || out <= 0) && (p.rates.has(Image) || !measured) {
		b.add(p, Image, float64(n))
		measured = true
	}
	if s, ok := u.AudioSeconds.Get(); ok && !measured {
		b.add(p, AudioSecond, s)
		measured = true
	}
	if n, ok := u.Characters.Get(); ok && !measured {
		b.add(p, Character, float64(n))
		measured = true
	}
	if n, ok := u.Searches.Get(); ok {
		b.add(p, Search, float64(n))
		measured = true
	}
	if p.rates.has(Request) {
		b.add(p, Request, 1)
		measured = measured || p.rates.set == 1<<Request
	}
	if !measured {
		b.fail(ReasonUnknownUsage, Input)
	}
	if math.IsInf(b.usd, 0) || math.IsNaN(b.usd) {
		b.fail(ReasonUnknownUsage, Input)
	}
	// A picodollar is far below any price; it hides the noise of binary fractions.
	b.usd = round12(b.usd)
}

func round12(usd float64) float64 { return math.Round(usd*1e12) / 1e12 }

// generates reports whether an operation always yields output tokens.
func generates(op llm.Operation) bool {
	switch op {
	case llm.OpEmbeddings, llm.OpRerank, llm.OpImage, llm.OpSpeech, llm.OpTranscription, llm.OpModeration:
		return false
	default:
		return true
	}
}

// input adds the parts of the input. Each part takes at most what the parts
// before it left, so that they add up to the whole whatever was reported.
func (b *bill) input(p *pick, whole int64, u *llm.Usage) {
	rest := max(whole, 0)
	take := func(n int64) int64 {
		n = min(max(n, 0), rest)
		rest -= n
		return n
	}
	read := take(u.CacheReadTokens.Or(0))
	readAudio := min(max(u.CacheReadAudioTokens.Or(0), 0), read)
	hour := max(u.CacheWrite1hTokens.Or(0), 0)
	minutes := max(u.CacheWrite5mTokens.Or(0), 0)
	// The total may be missing where the split is known, and the split where the
	// total is: what is in no bucket is taken for the short lifetime.
	write := take(max(u.CacheWriteTokens.Or(0), saturatingAdd(hour, minutes)))
	hour = min(hour, write)
	audio := take(u.InputAudioTokens.Or(0) - readAudio) // the cached audio is in read
	image := take(u.InputImageTokens.Or(0))
	video := take(u.InputVideoTokens.Or(0))

	b.add(p, Input, float64(rest))
	b.add(p, CacheRead, float64(read-readAudio))
	b.add(p, CacheWrite, float64(write-hour))
	b.add(p, CacheWrite1h, float64(hour))
	b.add(p, InputAudio, float64(audio))
	b.add(p, CacheReadAudio, float64(readAudio))
	b.add(p, InputImage, float64(image))
	b.add(p, InputVideo, float64(video))
}

func saturatingAdd(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// output adds the parts of the output, likewise.
func (b *bill) output(p *pick, whole int64, u *llm.Usage) {
	rest := max(whole, 0)
	take := func(n int64) int64 {
		n = min(max(n, 0), rest)
		rest -= n
		return n
	}
	audio := take(u.OutputAudioTokens.Or(0))
	image := take(u.OutputImageTokens.Or(0))
	reasoning := take(u.ReasoningTokens.Or(0))
	b.add(p, Output, float64(rest))
	b.add(p, Reasoning, float64(reasoning))
	b.add(p, OutputAudio, float64(audio))
	b.add(p, OutputImage, float64(image))
}
