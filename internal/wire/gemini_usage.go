package wire

import (
	"bytes"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// geminiUsage is the last usageMetadata that has counts: each one replaces the
// one before.
type geminiUsage struct {
	prompt, toolUse, cached    llm.Opt[int64]
	candidates, thoughts       llm.Opt[int64]
	total                      llm.Opt[int64]
	inAudio, inImage, inVideo  llm.Opt[int64]
	outAudio, outImage, cAudio llm.Opt[int64]
}

func (u *geminiUsage) read(v *fastjson.Value, c *llm.Call) {
	if t := bstr(v, "serviceTier"); len(t) > 0 && c.ServiceTier == "" { // every chunk repeats it
		c.ServiceTier = strings.ToLower(string(t))
	}
	geminiTraffic(v.Get("trafficType"), c)
	prompt := count(v, "promptTokenCount")
	candidates := count(v, "candidatesTokenCount")
	if !candidates.Known() {
		candidates = count(v, "responseTokenCount") // the live API's name
	}
	if !prompt.Known() && !candidates.Known() {
		return
	}
	*u = geminiUsage{
		prompt: prompt, candidates: candidates,
		toolUse:  count(v, "toolUsePromptTokenCount"),
		cached:   count(v, "cachedContentTokenCount"),
		thoughts: count(v, "thoughtsTokenCount"),
		total:    count(v, "totalTokenCount"),
	}
	for _, key := range [...]string{"promptTokensDetails", "toolUsePromptTokensDetails"} {
		geminiDetails(v.Get(key), &u.inAudio, &u.inImage, &u.inVideo)
	}
	for _, key := range [...]string{"candidatesTokensDetails", "responseTokensDetails"} {
		geminiDetails(v.Get(key), &u.outAudio, &u.outImage, nil)
	}
	geminiDetails(v.Get("cacheTokensDetails"), &u.cAudio, nil, nil)
}

// geminiDetails adds up the counts of one direction by modality.
func geminiDetails(v *fastjson.Value, audio, image, video *llm.Opt[int64]) {
	for _, d := range v.GetArray() {
		n := count(d, "tokenCount")
		if !n.Known() {
			n = count(d, "tokens")
		}
		var dst *llm.Opt[int64]
		switch strings.ToUpper(geminiEnum(d.Get("modality"), geminiModalities[:], "MODALITY_UNSPECIFIED")) {
		case "AUDIO":
			dst = audio
		case "IMAGE":
			dst = image
		case "VIDEO":
			dst = video
		}
		if dst != nil {
			*dst = addCounts(*dst, n)
		}
	}
}

var geminiModalities = [...]string{"", "TEXT", "IMAGE", "VIDEO", "AUDIO", "DOCUMENT"}

// geminiTraffic takes the tier from Vertex' traffic type, where it has a price
// of its own.
func geminiTraffic(v *fastjson.Value, c *llm.Call) {
	if c.ServiceTier != "" {
		return
	}
	switch t := bstr(v); string(t) {
	case "PROVISIONED_THROUGHPUT", "ON_DEMAND_PRIORITY", "ON_DEMAND_FLEX":
		c.ServiceTier = strings.ToLower(string(bytes.TrimPrefix(t, []byte("ON_DEMAND_"))))
	}
}

// settle writes the canonical counts. ended says that the answer is complete:
// only then does a total equal to the input mean that nothing came out.
func (u *geminiUsage) settle(c *llm.Call, ended bool) {
	cu := &c.Usage
	if !u.prompt.Known() && !u.candidates.Known() && !u.thoughts.Known() {
		return
	}
	if u.prompt.Known() {
		cu.InputTokens = addCounts(u.prompt, u.toolUse)
	}
	cu.OutputTokens = addCounts(u.candidates, u.thoughts)
	if !cu.OutputTokens.Known() && ended && u.total.Known() && u.total == cu.InputTokens {
		cu.OutputTokens = llm.Some[int64](0)
	}
	cu.CacheReadTokens = u.cached
	cu.ReasoningTokens = u.thoughts
	cu.InputAudioTokens, cu.InputImageTokens, cu.InputVideoTokens = u.inAudio, u.inImage, u.inVideo
	cu.OutputAudioTokens, cu.OutputImageTokens, cu.CacheReadAudioTokens = u.outAudio, u.outImage, u.cAudio
}

// vectors takes embeddings and predictions without building the vectors and
// images, which are nearly all of the body.
func (h *gemini) vectors(body []byte) {
	var small fastjson.Parser
	ok := topLevel(body, func(key, raw []byte) {
		switch string(key) {
		case "embedding", "embeddings":
			return
		case "predictions":
			h.predictions(raw)
			return
		}
		v, err := small.ParseBytes(raw)
		if err != nil {
			return
		}
		switch string(key) {
		case "usageMetadata":
			h.usage.read(v, h.call)
		case "metadata":
			h.call.Usage.Characters = count(v, "billableCharacterCount")
		case "modelVersion":
			h.call.ResponseModel = str(v)
		case "responseId":
			h.call.ResponseID = str(v)
		case "error":
			typ := strings.ToLower(str(v, "status"))
			h.call.SetError(errorType(typ, max(v.GetInt("code"), 400)), str(v, "message"))
		}
	})
	if !ok {
		h.call.Note("malformed_response")
	}
	h.usage.settle(h.call, true)
	if h.call.Operation != llm.OpImage && h.call.Usage.InputTokens.Known() {
		h.call.Usage.OutputTokens = llm.Some[int64](0)
	}
}

// predictions adds up the tokens of embeddings and counts images.
func (h *gemini) predictions(raw []byte) {
	var p fastjson.Parser
	v, err := p.ParseBytes(raw)
	if err != nil {
		return
	}
	var images int64
	for _, x := range v.GetArray() {
		n := count(x, "embeddings", "statistics", "token_count")
		h.call.Usage.InputTokens = addCounts(h.call.Usage.InputTokens, n)
		if x.Exists("bytesBase64Encoded") || x.Exists("gcsUri") {
			images++
		}
	}
	if images > 0 {
		h.call.Usage.Images = llm.Some(images)
	}
}
