package api

import (
	"bytes"
	"encoding/json"

	"github.com/pitot-dev/pitot/internal/llm"
)

// What content is, for those who may not see it: whatever people, models, tools
// and programs said. That is prompts and answers, the inputs and outputs of
// spans, definitions of tools, the words of errors, attributes and events of
// senders (which may hold all of that), settings of requests that are text,
// comments on judgements and what was sent beside them, and logs as a whole.
// What stays is who called what, when, how long, how much, at what cost and
// whether it worked.
//
// The rule is kept twice: records lose their content before anything is made of
// them, and answers that could hold some lose their members of these names.

// textMembers are the members that hold content. A number or a boolean under such
// a name is a count or a flag and stays.
var textMembers = map[string]bool{
	"input": true, "output": true, "tools": true, "error_message": true, "attributes": true, "resource": true, "events": true, "links": true,
	"params": true, "comment": true, "metadata": true, "message": true, "preview": true, "text": true, "content": true, "_msg": true,
}

// withhold takes the content out of an answer.
func withhold(b []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return encode(withholdValue(v))
}

func withholdValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			switch x.(type) {
			case json.Number, bool, nil:
				continue
			}
			if textMembers[k] {
				delete(v, k)
				continue
			}
			v[k] = withholdValue(x)
		}
	case []any:
		for i := range v {
			v[i] = withholdValue(v[i])
		}
	}
	return v
}

// withholdCall is a copy of a Call without content.
func withholdCall(c *llm.Call) *llm.Call {
	light := *c
	light.Params, light.Input, light.Output, light.Tools, light.Attributes = nil, nil, nil, nil, nil
	light.Resource, light.Events, light.Links, light.ErrorMessage = nil, nil, nil, ""
	return &light
}

// withholdRecords are copies of records without content.
func withholdRecords(records []llm.Record) []llm.Record {
	out := make([]llm.Record, 0, len(records))
	for _, r := range records {
		switch {
		case r.Call != nil:
			out = append(out, llm.Record{Call: withholdCall(r.Call)})
		case r.Span != nil:
			light := *r.Span
			light.Input, light.Output, light.ErrorMessage = "", "", ""
			light.Attributes, light.Resource, light.Events, light.Links, light.Aggregate = nil, nil, nil, nil, nil
			out = append(out, llm.Record{Span: &light})
		case r.Feedback != nil:
			light := *r.Feedback
			light.Comment, light.Metadata = "", nil
			out = append(out, llm.Record{Feedback: &light})
		} // a log is all content
	}
	return out
}
