package pipeline

import (
	"unicode"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Tokens a character costs on average, by script, as today's tokenizers cut
// text: about four letters of English, a bit more than one and a half Chinese
// characters, two and a half letters of other alphabets make a token. On prose
// this is within about 20 %, on code and on base64 it can be far off.
const (
	tokensPerLatin = 1.0 / 4
	tokensPerCJK   = 1.0 / 1.5
	tokensPerOther = 1.0 / 2.5
	// tokensPerMessage is what roles and separators add.
	tokensPerMessage = 4
)

// estimateUsage fills token counts that nobody reported from the text that was
// seen. It touches calls that got an answer, whole or in part: a refused
// request was not billed. Only unknown counts are filled; the whole is then
// marked as estimated, so that nobody takes the sum for a bill. Media have
// tokens that text does not show: then only a note says so.
func estimateUsage(c *llm.Call) {
	in, out := c.Usage.InputTokens.Known(), c.Usage.OutputTokens.Known()
	generates, embeds := false, false
	switch c.Operation {
	case llm.OpChat, llm.OpTextCompletion, llm.OpGenerateContent, llm.OpResponses:
		generates = true
	case llm.OpEmbeddings:
		embeds = true
	default: // priced by other units than text tokens
	}
	if in && (out || !generates) || !generates && !embeds {
		return
	}
	if c.Status == llm.StatusError && len(c.Output) == 0 {
		return
	}
	estimated := false
	if !in && len(c.Input) > 0 {
		n := messageTokens(c, c.Input)
		if len(c.Tools) > 0 {
			n += float64(len(c.Tools)) * tokensPerLatin
		}
		c.Usage.InputTokens, estimated = llm.Some(wholeTokens(n)), true
	}
	if !out && generates && len(c.Output) > 0 {
		c.Usage.OutputTokens, estimated = llm.Some(wholeTokens(messageTokens(nil, c.Output))), true
	}
	if estimated {
		c.Usage.Source = llm.UsageEstimated
	}
}

// messageTokens estimates the tokens of messages; media are noted on c.
func messageTokens(c *llm.Call, ms []llm.Message) float64 {
	n := 0.0
	for i := range ms {
		if c != nil {
			n += tokensPerMessage
		}
		for j := range ms[i].Parts {
			p := &ms[i].Parts[j]
			switch p.Type {
			case llm.PartBlob, llm.PartURI, llm.PartFile:
				if c != nil {
					c.Note("estimate_without_media")
				}
				continue
			}
			n += textTokens(p.Content) + textTokens(p.Arguments) + textTokens(p.ToolName)
			n += float64(len(p.Response)) * tokensPerLatin
		}
	}
	return n
}

// textTokens estimates the tokens of a text.
func textTokens(s string) float64 {
	var latin, cjk, other int
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			latin++
			i++
			continue
		}
		r, w := utf8.DecodeRuneInString(s[i:])
		i += w
		switch {
		case r < 0x250: // Latin with accents
			latin++
		case r >= 0x2E80 && r <= 0x9FFF, r >= 0xAC00 && r <= 0xD7A3, r >= 0xF900 && r <= 0xFAFF,
			r >= 0xFF00 && r <= 0xFFEF, r >= 0x20000 && r <= 0x3FFFF:
			cjk++
		case unicode.IsSpace(r):
			latin++
		default:
			other++
		}
	}
	return float64(latin)*tokensPerLatin + float64(cjk)*tokensPerCJK + float64(other)*tokensPerOther
}

func wholeTokens(n float64) int64 {
	if n > 0 && n < 1 {
		return 1
	}
	return int64(n + 0.5)
}
