package quality

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxSchemas bounds the compiled schemas that are kept.
const maxSchemas = 256

// schemas compiles JSON Schemas, once each.
type schemas struct {
	mu    sync.Mutex
	m     map[uint64]*jsonschema.Schema // nil: it is no schema
	order []uint64
}

// errNoLoad keeps a schema of a request from making Pitot fetch anything.
type noLoader struct{}

func (noLoader) Load(string) (any, error) {
	return nil, errors.New("references to other documents are not followed")
}

// get returns the compiled schema; nil where it is none that can be checked.
func (s *schemas) get(v any) *jsonschema.Schema {
	b, err := json.Marshal(v)
	if err != nil || len(b) > maxSchema {
		return nil
	}
	key := xxhash.Sum64(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.m[key]; ok {
		return c
	}
	if len(s.order) >= maxSchemas {
		delete(s.m, s.order[0])
		s.order = append(s.order[:0], s.order[1:]...)
	}
	if s.m == nil {
		s.m = map[uint64]*jsonschema.Schema{}
	}
	c := compile(b)
	s.m[key], s.order = c, append(s.order, key)
	return c
}

func compile(b []byte) (c *jsonschema.Schema) {
	defer func() {
		if recover() != nil { // a schema of a request must not end the process
			c = nil
		}
	}()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil
	}
	const url = "mem:schema"
	comp := jsonschema.NewCompiler()
	comp.UseLoader(noLoader{})
	comp.DefaultDraft(jsonschema.Draft2020)
	if comp.AddResource(url, dialect(doc, 0)) != nil {
		return nil
	}
	if c, err = comp.Compile(url); err != nil {
		return nil
	}
	return c
}

// dialect turns OpenAPI's spellings, which Gemini takes, into JSON Schema's:
// types in capitals, nullable.
func dialect(v any, depth int) any {
	if depth > 64 {
		return true
	}
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			switch k {
			case "enum", "const", "default", "example", "examples":
			case "$schema":
				delete(v, k) // all are read as one draft
			default:
				v[k] = dialect(e, depth+1)
			}
		}
		if typ, ok := v["type"].(string); ok {
			v["type"] = strings.ToLower(typ)
			if v["nullable"] == true {
				v["type"] = []any{strings.ToLower(typ), "null"}
				if enum, ok := v["enum"].([]any); ok {
					v["enum"] = append(enum, nil)
				}
			}
		}
		return v
	case []any:
		for i := range v {
			v[i] = dialect(v[i], depth+1)
		}
	}
	return v
}

// check says how JSON text fails a format: a label and where. It repeats no
// values.
func (s *schemas) check(text string, f format) (label, why string) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return "invalid_json", "the text is not JSON" + hint(text)
	}
	if f.schema == nil {
		return "", ""
	}
	c := s.get(f.schema)
	if c == nil {
		return "", "" // what the schema means nobody can say
	}
	return violation(c, doc)
}

func violation(c *jsonschema.Schema, doc any) (label, why string) {
	defer func() {
		if recover() != nil {
			label, why = "", ""
		}
	}()
	err := c.Validate(doc)
	if err == nil {
		return "", ""
	}
	wrong, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return "", ""
	}
	for len(wrong.Causes) > 0 {
		wrong = wrong.Causes[0]
	}
	keyword := strings.Join(wrong.ErrorKind.KeywordPath(), "/")
	return "schema_mismatch", fmt.Sprintf("%s fails at depth %d of the answer", prefix(keyword, 100), len(wrong.InstanceLocation))
}

// hint says what people need to know of text that is no JSON.
func hint(text string) string {
	switch t := strings.TrimSpace(text); {
	case t == "":
		return ": it is empty"
	case strings.HasPrefix(t, "```"):
		return ": it is in a code block"
	case t[0] != '{' && t[0] != '[':
		return ": it begins with other text"
	}
	return ": it is broken or cut"
}

// whole says whether all of the answer is there to be parsed.
func whole(c *llm.Call) bool {
	for _, t := range c.Truncated {
		if t == "output" || t == "response_body" {
			return false
		}
	}
	return !slices.ContainsFunc(c.Notes, func(n string) bool { return n == "client_gone" || n == "stream_cut" })
}

// validJSON says whether an answer is what its request asked for.
func (s *schemas) validJSON(c *llm.Call) (Judgement, bool) {
	const name = "json"
	f, ok := expectedFormat(c.Params)
	if !ok || !whole(c) {
		return Judgement{}, false
	}
	judged := false
	for i := range c.Output {
		m := &c.Output[i]
		text := textOf(m)
		// A tool's call or a refusal takes the place of the answer.
		if text == "" && len(m.Parts) > 0 || slices.ContainsFunc(m.Parts, func(p llm.Part) bool { return p.Type == llm.PartText && p.TruncatedChars > 0 }) {
			continue
		}
		judged = true
		if label, why := s.check(text, f); label != "" {
			return bad(name, label, why), true
		}
	}
	return good(name), judged
}

// toolArguments says whether the calls of tools have names and arguments that
// the request defined.
func (s *schemas) toolArguments(c *llm.Call) (Judgement, bool) {
	const name = "tool_arguments"
	if len(c.Tools) == 0 || !whole(c) {
		return Judgement{}, false
	}
	var tools map[string]any
	judged := false
	for i := range c.Output {
		for j := range c.Output[i].Parts {
			p := &c.Output[i].Parts[j]
			if p.Type != llm.PartToolCall || p.TruncatedChars > 0 {
				continue
			}
			if tools == nil {
				if tools = toolSchemas(c.Tools); len(tools) == 0 {
					return Judgement{}, false
				}
			}
			schema, known := tools[p.ToolName]
			if !known {
				return bad(name, "unknown_tool", fmt.Sprintf("the request defines %d tools, and none of the name that is called", len(tools))), true
			}
			judged = true
			args := p.Arguments
			if strings.TrimSpace(args) == "" {
				args = "{}"
			}
			if label, why := s.check(args, format{schema}); label != "" {
				return bad(name, label, why), true
			}
		}
	}
	return good(name), judged
}

// toolSchemas reads the definitions of tools, in the dialects of the providers.
// A tool without a schema takes anything; hosted tools have none.
func toolSchemas(raw json.RawMessage) map[string]any {
	var list []map[string]any
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	out := map[string]any{}
	add := func(m map[string]any) {
		name, _ := m["name"].(string)
		if name == "" {
			return
		}
		out[name] = nil
		for _, field := range [...]string{"parameters", "input_schema", "inputSchema", "parametersJsonSchema", "parameter_definitions"} {
			v := m[field]
			if json, ok := object(v)["json"]; ok && field == "inputSchema" { // Bedrock
				v = json
			}
			if field == "parameter_definitions" {
				v = nil // Cohere's first version: no JSON Schema
			}
			if v != nil {
				out[name] = v
				return
			}
		}
	}
	for _, t := range list {
		switch {
		case t["function"] != nil:
			add(object(t["function"]))
		case t["toolSpec"] != nil:
			add(object(t["toolSpec"]))
		case t["functionDeclarations"] != nil || t["function_declarations"] != nil:
			for _, field := range [...]string{"functionDeclarations", "function_declarations"} {
				if ds, ok := t[field].([]any); ok {
					for _, d := range ds {
						add(object(d))
					}
				}
			}
		default:
			add(t)
			if typ, _ := t["type"].(string); typ != "" && typ != "function" && typ != "custom" && t["name"] == nil {
				return nil // a hosted tool: which names it calls is not said
			}
		}
	}
	return out
}
