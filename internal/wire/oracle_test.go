package wire

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The oracle reads what a Call must say out of a recorded body by walking
// generic JSON. It shares no code with the decoders: not their framers, not
// their parser, not their helpers.

// oracle is what a recorded answer says, taken mechanically.
type oracle struct {
	input, output, cacheRead, cacheWrite, reasoning *int64
	model, id                                       string
	finish                                          []string // as the provider spells them
	text                                            string   // of the answer, all choices, without reasoning
}

// node is a JSON value with lenient access.
type node struct{ v any }

func parseNode(b []byte) (node, bool) {
	var v any
	err := json.Unmarshal(b, &v)
	return node{v}, err == nil
}

// at walks keys and, for arrays, decimal indexes.
func (n node) at(path ...string) node {
	for _, p := range path {
		switch x := n.v.(type) {
		case map[string]any:
			n = node{x[p]}
		case []any:
			i, err := strconv.Atoi(p)
			if err != nil || i >= len(x) {
				return node{}
			}
			n = node{x[i]}
		default:
			return node{}
		}
	}
	return n
}

func (n node) str() string { s, _ := n.v.(string); return s }
func (n node) list() []node {
	x, _ := n.v.([]any)
	out := make([]node, len(x))
	for i := range x {
		out[i] = node{x[i]}
	}
	return out
}

func (n node) num() *int64 {
	f, ok := n.v.(float64)
	if !ok {
		return nil
	}
	i := int64(f)
	return &i
}

// sum adds what is there; nil if nothing is.
func sum(ns ...*int64) *int64 {
	var out *int64
	for _, n := range ns {
		if n == nil {
			continue
		}
		if out == nil {
			out = new(int64)
		}
		*out += *n
	}
	return out
}

func last(dst **int64, n *int64) {
	if n != nil {
		*dst = n
	}
}

// leaves calls visit for every value under n with the key it stands under.
func (n node) leaves(visit func(key string, v node)) {
	switch x := n.v.(type) {
	case map[string]any:
		for k, v := range x {
			visit(k, node{v})
			node{v}.leaves(visit)
		}
	case []any:
		for _, v := range x {
			node{v}.leaves(visit)
		}
	}
}

// oracleOf reads the documents of an answer of the given API.
func oracleOf(api string, h http.Header, docs []node) oracle {
	if isOpenAIFamily(api) {
		return openAIOracle(api, docs)
	}
	o := countsOf(api, h, docs)
	o.text = answerText(api, docs)
	return o
}

func countsOf(api string, h http.Header, docs []node) oracle {
	switch api {
	case apiMessages, apiComplete:
		return anthropicOracle(docs)
	case apiGenerateContent, apiEmbedContent, apiPredict:
		return geminiOracle(docs)
	case apiConverse:
		return converseOracle(docs)
	case apiInvoke:
		return invokeOracle(h, docs)
	case apiCohereChatV1, apiCohereChatV2, apiCohereGenerate, apiCohereEmbed, apiRerank:
		return cohereOracle(api, docs)
	case apiOllamaChat, apiOllamaGenerate, apiOllamaEmbed:
		return ollamaOracle(api, docs)
	}
	return oracle{}
}

func anthropicOracle(docs []node) oracle {
	var o oracle
	counts := map[string]*int64{}
	var passes []node
	merge := func(u node, provisional bool) {
		for _, k := range []string{"input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"} {
			if n := u.at(k).num(); n != nil && (!provisional || k != "output_tokens") {
				counts[k] = n
			}
		}
		if n := u.at("output_tokens_details", "thinking_tokens").num(); n != nil {
			o.reasoning = n
		}
		if l := u.at("iterations").list(); len(l) > 0 {
			passes = l
		}
	}
	stop := ""
	for _, d := range docs {
		m := d
		provisional := false
		switch d.at("type").str() {
		case "message_start":
			m = d.at("message")
			provisional = m.at("stop_reason").v == nil
		case "message_delta":
			if s := d.at("delta", "stop_reason").str(); s != "" {
				stop = s
			}
		case "content_block_start":
			if to := d.at("content_block", "to", "model").str(); to != "" {
				o.model = to
			}
		}
		for _, b := range d.at("content").list() {
			if to := b.at("to", "model").str(); to != "" {
				o.model = to
			}
		}
		if o.id == "" {
			o.id = m.at("id").str()
		}
		if o.model == "" {
			o.model = m.at("model").str()
		}
		if s := m.at("stop_reason").str(); s != "" {
			stop = s
		}
		merge(m.at("usage"), provisional)
	}
	if stop != "" {
		o.finish = []string{stop}
	}
	compacted := false
	sums := map[string]int64{}
	for _, p := range passes {
		typ := p.at("type").str()
		compacted = compacted || typ == "compaction"
		if typ == "compaction" || typ == "message" {
			for k := range counts {
				if n := p.at(k).num(); n != nil {
					sums[k] += *n
				}
			}
		}
	}
	if compacted {
		for k := range counts {
			n := max(*counts[k], sums[k])
			counts[k] = &n
		}
	}
	o.output = counts["output_tokens"]
	o.cacheRead = counts["cache_read_input_tokens"]
	o.cacheWrite = counts["cache_creation_input_tokens"]
	if counts["input_tokens"] != nil {
		o.input = sum(counts["input_tokens"], o.cacheRead, o.cacheWrite)
	}
	return o
}

func geminiOracle(docs []node) oracle {
	var o oracle
	finish := map[int]string{}
	for _, d := range docs {
		if s := d.at("responseId").str(); s != "" && o.id == "" {
			o.id = s
		}
		if s := d.at("modelVersion").str(); s != "" && o.model == "" {
			o.model = s
		}
		for i, c := range d.at("candidates").list() {
			if n := c.at("index").num(); n != nil {
				i = int(*n)
			}
			switch r := c.at("finishReason").v.(type) {
			case string:
				finish[i] = r
			case float64:
				finish[i] = []string{"", "STOP", "MAX_TOKENS", "SAFETY"}[int(r)]
			}
		}
		if u := d.at("usageMetadata"); u.at("promptTokenCount").num() != nil || u.at("candidatesTokenCount").num() != nil {
			o.cacheRead, o.reasoning = u.at("cachedContentTokenCount").num(), u.at("thoughtsTokenCount").num()
			o.input = sum(u.at("promptTokenCount").num(), u.at("toolUsePromptTokenCount").num())
			o.output = sum(u.at("candidatesTokenCount").num(), u.at("responseTokenCount").num(), o.reasoning)
		}
		x := d
		if i := d.at("interaction"); i.v != nil {
			x = i
		}
		if x.at("object").str() == "interaction" {
			o.id, o.model = x.at("id").str(), x.at("model").str()
			switch s := x.at("status").str(); s {
			case "in_progress":
			case "requires_action":
				finish[0] = "tool_call"
			default:
				finish[0] = s
			}
			if u := x.at("usage"); u.v != nil {
				o.cacheRead, o.reasoning = u.at("total_cached_tokens").num(), u.at("total_thought_tokens").num()
				o.input = sum(u.at("total_input_tokens").num(), u.at("total_tool_use_tokens").num())
				o.output = sum(u.at("total_output_tokens").num(), o.reasoning)
			}
		}
		for _, p := range d.at("predictions").list() {
			o.input = sum(o.input, p.at("embeddings", "statistics", "token_count").num())
			o.output = new(int64)
		}
	}
	for i := range len(finish) {
		o.finish = append(o.finish, finish[i])
	}
	return o
}

func converseOracle(docs []node) oracle {
	var o oracle
	for _, d := range docs {
		d.leaves(func(key string, v node) {
			switch key {
			case "stopReason":
				o.finish = []string{v.str()}
			case "usage":
				if v.at("inputTokens").num() == nil && v.at("outputTokens").num() == nil {
					return // a guardrail's usage
				}
				o.cacheRead = v.at("cacheReadInputTokens").num()
				last(&o.cacheRead, v.at("cacheReadInputTokenCount").num())
				o.cacheWrite = v.at("cacheWriteInputTokens").num()
				last(&o.cacheWrite, v.at("cacheWriteInputTokenCount").num())
				if in := v.at("inputTokens").num(); in != nil {
					o.input = sum(in, o.cacheRead, o.cacheWrite)
				}
				o.output = v.at("outputTokens").num()
			}
		})
	}
	return o
}

// invokeOracle does not ask whose model it was: it takes the counts by the
// names they have anywhere.
func invokeOracle(h http.Header, docs []node) oracle {
	var o oracle
	for _, d := range docs {
		switch {
		case d.at("content").v != nil, strings.HasPrefix(d.at("type").str(), "message"), d.at("completion").v != nil:
			o = anthropicOracle(docs)
		case d.at("messageStart").v != nil, d.at("output", "message").v != nil:
			o = converseOracle(docs)
		case d.at("event_type").v != nil, d.at("generations").v != nil, d.at("chat_history").v != nil:
			o = cohereOracle(apiCohereChatV1, docs)
		default:
			continue
		}
		break
	}
	if o.input == nil && o.output == nil && o.finish == nil {
		o = namedOracle(docs)
	}
	var metricIn, metricOut *int64
	for _, d := range docs {
		if d.at("amazon-bedrock-guardrailAction").str() == "INTERVENED" && o.finish == nil {
			o.finish = []string{"guardrail_intervened"}
		}
		last(&metricIn, d.at("amazon-bedrock-invocationMetrics", "inputTokenCount").num())
		last(&metricOut, d.at("amazon-bedrock-invocationMetrics", "outputTokenCount").num())
	}
	header := func(k string) *int64 {
		n, err := strconv.ParseInt(h.Get(k), 10, 64)
		if err != nil {
			return nil
		}
		return &n
	}
	first := func(dst **int64, ns ...*int64) {
		for _, n := range ns {
			if *dst == nil {
				*dst = n
			}
		}
	}
	first(&o.input, header("X-Amzn-Bedrock-Input-Token-Count"), metricIn)
	first(&o.output, header("X-Amzn-Bedrock-Output-Token-Count"), metricOut)
	first(&o.cacheRead, header("X-Amzn-Bedrock-Cache-Read-Input-Token-Count"))
	first(&o.cacheWrite, header("X-Amzn-Bedrock-Cache-Write-Input-Token-Count"))
	return o
}

func namedOracle(docs []node) oracle {
	var o oracle
	for _, d := range docs {
		var results *int64
		d.leaves(func(key string, v node) {
			switch key {
			case "inputTextTokenCount", "prompt_token_count", "prompt_tokens":
				last(&o.input, v.num())
			case "tokenCount":
				results = sum(results, v.num())
			case "totalOutputTextTokenCount", "generation_token_count", "completion_tokens":
				last(&o.output, v.num())
			case "completionReason", "stop_reason", "finish_reason", "reason":
				if s := v.str(); s == "endoftext" {
					o.finish = []string{"stop"}
				} else if s != "" {
					o.finish = []string{s}
				}
			}
		})
		last(&o.output, results)
		if d.at("choices").v != nil {
			o.model = d.at("model").str()
		}
		if s := d.at("id").str(); s != "" {
			o.id = s
		}
	}
	return o
}

func cohereOracle(api string, docs []node) oracle {
	var o oracle
	for _, d := range docs {
		r := d
		switch {
		case d.at("response").v != nil:
			r = d.at("response")
		case d.at("delta").v != nil:
			r = d.at("delta")
		}
		meta := r.at("meta")
		if u := r.at("usage"); u.v != nil {
			meta = u
		}
		last(&o.input, meta.at("billed_units", "input_tokens").num())
		last(&o.output, meta.at("billed_units", "output_tokens").num())
		for _, k := range []string{"response_id", "generation_id", "id"} {
			if s := r.at(k).str(); s != "" && (o.id == "" || d.at("event_type").str() == "stream-end") {
				o.id = s
				break
			}
		}
		for _, s := range []string{d.at("finish_reason").str(), r.at("finish_reason").str(), r.at("generations", "0", "finish_reason").str()} {
			if s != "" {
				o.finish = []string{s}
			}
		}
		if d.at("type").str() == "message-start" {
			o.id = d.at("id").str()
		}
	}
	if api == apiCohereEmbed && o.input != nil {
		o.output = new(int64)
	}
	return o
}

func ollamaOracle(api string, docs []node) oracle {
	var o oracle
	for _, d := range docs {
		if s := d.at("model").str(); s != "" {
			o.model = s
		}
		if s := d.at("done_reason").str(); s != "" {
			o.finish = []string{s}
		}
		last(&o.input, d.at("prompt_eval_count").num())
		last(&o.output, d.at("eval_count").num())
	}
	switch {
	case api == apiOllamaEmbed && o.input != nil:
		o.output = new(int64)
	case o.input == nil && o.output != nil:
		o.input = new(int64) // the whole prompt was cached
	}
	return o
}

// normalised is the finish reasons in the vocabulary of a Call.
func (o oracle) normalised() []string {
	var out []string
	for _, f := range o.finish {
		out = append(out, llm.FinishReason(f))
	}
	return out
}
