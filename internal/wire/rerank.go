package wire

import (
	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// rerank decodes the answers of Cohere, Jina, Voyage and vLLM: results with
// scores, and tokens or search units.
type rerank struct {
	call *llm.Call
	acc  *content
}

func newRerank(_ Route, c *llm.Call, acc *content) handler {
	return &rerank{call: c, acc: acc}
}

func (h *rerank) unary(body []byte) {
	v := h.acc.parse(body)
	if v == nil {
		return
	}
	if isSet(v.Get("error")) {
		setOpenAIError(h.call, v)
		return
	}
	c := h.call
	c.ResponseID = str(v, "id")
	c.ResponseModel = str(v, "model")
	inputOnlyUsage(v.Get("usage"), c)
	if b := object(v, "meta", "billed_units"); b != nil {
		if n := count(b, "search_units"); n.Known() {
			c.Usage.Searches = n
			c.Usage.Source = llm.UsageReported
		}
		if n := count(b, "input_tokens"); n.Known() {
			c.Usage.InputTokens, c.Usage.OutputTokens = n, llm.Some[int64](0)
		}
	}
	results := v.Get("results")
	if results == nil || results.Type() != fastjson.TypeArray {
		results = v.Get("data")
	}
	if raw := rawJSON(results); raw != nil {
		h.acc.at(0).append(llm.Part{Type: llm.PartOther, Response: raw})
	}
}

func (h *rerank) event(frame) int { return 0 }
func (h *rerank) finish(bool)     {}
