package wire

import (
	"slices"
	"strings"
)

// The oracle for OpenAI's family: see oracle_test.go.

func isOpenAIFamily(api string) bool {
	switch api {
	case apiChatCompletions, apiCompletions, apiResponses, apiEmbeddings, apiImages, apiAudioSpeech, apiAudioTranscription, apiModerations, apiRerank:
		return true
	}
	return false
}

func openAIOracle(api string, docs []node) oracle {
	var o oracle
	switch api {
	case apiResponses:
		responsesOracle(&o, docs)
	case apiEmbeddings:
		for _, d := range docs {
			o.id, o.model = d.at("id").str(), d.at("model").str()
			if o.input = d.at("usage", "prompt_tokens").num(); o.input == nil {
				o.input = d.at("usage", "total_tokens").num()
			}
			if o.input != nil {
				o.output = new(int64)
			}
			o.cacheRead = d.at("usage", "prompt_tokens_details", "cached_tokens").num()
		}
	case apiRerank:
		for _, d := range docs {
			o.id, o.model = d.at("id").str(), d.at("model").str()
			o.input = d.at("usage", "total_tokens").num()
			last(&o.input, d.at("meta", "billed_units", "input_tokens").num())
			if o.input != nil {
				o.output = new(int64)
			}
		}
	case apiImages, apiAudioTranscription:
		for _, d := range docs {
			o.model = d.at("model").str()
			openAICounts(&o, d.at("usage"))
			o.text = d.at("text").str()
			for _, img := range d.at("data").list() {
				o.text += img.at("revised_prompt").str()
			}
		}
	default:
		chatOracle(&o, docs)
	}
	return o
}

func chatOracle(o *oracle, docs []node) {
	finish, text := map[int]string{}, map[int]string{}
	for _, d := range docs {
		if o.id == "" {
			o.id = d.at("id").str()
		}
		if o.model == "" {
			o.model = d.at("model").str()
		}
		text[0] += d.at("value").str()
		usages := []node{d.at("x_groq", "usage"), d.at("usage")}
		for _, c := range d.at("choices").list() {
			i := 0
			if n := c.at("index").num(); n != nil {
				i = int(*n)
			}
			if s := c.at("finish_reason").str(); s != "" {
				finish[i] = s
			}
			m := c.at("delta")
			if m.v == nil {
				m = c.at("message")
			}
			if content, ok := m.at("content").v.(string); ok {
				text[i] += content
			} else {
				text[i] += c.at("text").str()
			}
			for _, p := range m.at("content").list() {
				text[i] += p.at("text").str()
			}
			if t := m.at("audio", "transcript").str(); t != "" {
				text[i] += t
			}
			usages = append(usages, c.at("usage"))
		}
		for _, u := range usages {
			if _, ok := u.v.(map[string]any); ok {
				openAICounts(o, u)
			}
		}
	}
	o.finish = inOrder(finish)
	o.text = strings.Join(inOrder(text), "")
}

func inOrder(m map[int]string) []string {
	var keys []int
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out []string
	for _, k := range keys {
		out = append(out, m[k])
	}
	return out
}

// openAICounts follows the names that the recordings have.
func openAICounts(o *oracle, u node) {
	in, out := u.at("prompt_tokens").num(), u.at("completion_tokens").num()
	if in == nil {
		in = u.at("input_tokens").num()
	}
	if out == nil {
		out = u.at("output_tokens").num()
	}
	var reasoning, read, write *int64
	for _, k := range []string{"completion_tokens_details", "output_tokens_details", "completion_token_details"} {
		last(&reasoning, u.at(k, "reasoning_tokens").num())
	}
	last(&reasoning, u.at("reasoning_tokens").num())
	for _, k := range []string{"prompt_tokens_details", "input_tokens_details", "prompt_token_details"} {
		last(&read, u.at(k, "cached_tokens").num())
		last(&write, u.at(k, "cache_write_tokens").num())
	}
	if read == nil {
		last(&read, u.at("cached_tokens").num())
		last(&read, u.at("prompt_cache_hit_tokens").num())
	}
	// The total tells whether reasoning is counted within output.
	if total := u.at("total_tokens").num(); total != nil && in != nil && out != nil && reasoning != nil && *reasoning > 0 {
		if *in+*out != *total && *in+*out+*reasoning == *total {
			out = sum(out, reasoning)
		}
	}
	last(&o.input, in)
	last(&o.output, out)
	last(&o.reasoning, reasoning)
	last(&o.cacheRead, read)
	last(&o.cacheWrite, write)
}

func responsesOracle(o *oracle, docs []node) {
	deltas := ""
	ended := false
	for _, d := range docs {
		r := d
		if d.at("response").v != nil {
			r = d.at("response")
		}
		if d.at("type").str() == "response.output_text.delta" {
			deltas += d.at("delta").str()
		}
		_, isResponse := r.at("output").v.([]any)
		if s := r.at("id").str(); s != "" && isResponse {
			o.id = s
			last := r.at("model").str()
			if last != "" {
				o.model = last
			}
		}
		if u := r.at("usage"); u.v != nil {
			openAICounts(o, u)
		}
		status := r.at("status").str()
		if !isResponse || status == "in_progress" || status == "queued" || d.at("type").str() == "response.created" {
			continue
		}
		ended = true
		calls := false
		for _, item := range r.at("output").list() {
			switch item.at("type").str() {
			case "function_call", "custom_tool_call":
				calls = true
			case "message":
				for _, c := range item.at("content").list() {
					o.text += c.at("text").str()
				}
			}
		}
		switch {
		case status == "incomplete":
			o.finish = []string{r.at("incomplete_details", "reason").str()}
		case status == "completed" && calls:
			o.finish = []string{"tool_calls"}
		case status == "completed":
			o.finish = []string{"stop"}
		case status != "":
			o.finish = []string{status}
		}
	}
	if !ended {
		o.text = deltas
	}
}
