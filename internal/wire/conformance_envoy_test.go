package wire

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/replay"
)

// spanAttributes reads the attributes of an expected span as text.
func spanAttributes(b []byte) (map[string]string, error) {
	var s struct {
		Attributes []struct {
			Key   string `json:"key"`
			Value struct {
				String *string `json:"stringValue"`
				Int    *string `json:"intValue"`
			} `json:"value"`
		} `json:"attributes"`
		Status struct {
			Code string `json:"code"`
		} `json:"status"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	m := map[string]string{"status": s.Status.Code}
	for _, a := range s.Attributes {
		switch {
		case a.Value.String != nil:
			m[a.Key] = *a.Value.String
		case a.Value.Int != nil:
			m[a.Key] = *a.Value.Int
		}
	}
	return m, nil
}

// TestConformanceSpans compares the Calls of an independent gateway's recorded
// traffic with the OpenInference spans which that gateway makes of it.
func TestConformanceSpans(t *testing.T) {
	name := filepath.Join(sharedData(t), "cassettes", "envoy-ai-gateway", "envoy.tar.zst")
	exchanges, err := replay.Exchanges(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("shared data not found: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, x := range exchanges {
		want, err := spanAttributes(x.Span)
		if err != nil {
			t.Errorf("%s: span: %v", x.ID, err)
			continue
		}
		rt, ok := Match(OpenAI, x.Method, x.URL.Path)
		if !ok {
			t.Errorf("%s: %s is not matched", x.ID, x.URL.Path)
			continue
		}
		c := &llm.Call{}
		DecodeRequest(rt, x.RequestHeader, x.RequestBody, c)
		d := NewDecoder(rt, x.Status, x.Header, c, Options{})
		d.Write(x.Body, time.Second)
		d.Close(time.Second, nil)
		for _, diff := range spanDiffs(c, want) {
			t.Errorf("%s: %s", x.ID, diff)
		}
		checked++
	}
	if checked < 43 {
		t.Errorf("%d exchanges checked, want 43", checked)
	}
}

func spanDiffs(c *llm.Call, want map[string]string) []string {
	var out []string
	check := func(key, got string) {
		if w, ok := want[key]; ok && w != got {
			out = append(out, fmt.Sprintf("%s = %q, want %q", key, got, w))
		}
	}
	number := func(key string, n llm.Opt[int64]) {
		if v, ok := n.Get(); ok {
			check(key, strconv.FormatInt(v, 10))
		} else {
			check(key, "unknown")
		}
	}
	check("llm.model_name", cmp.Or(c.ResponseModel, c.RequestModel))
	check("embedding.model_name", cmp.Or(c.ResponseModel, c.RequestModel))
	number("llm.token_count.prompt", c.Usage.InputTokens)
	number("llm.token_count.completion", c.Usage.OutputTokens)
	number("llm.token_count.prompt_details.cache_read", c.Usage.CacheReadTokens)
	number("llm.token_count.prompt_details.audio", c.Usage.InputAudioTokens)
	number("llm.token_count.completion_details.audio", c.Usage.OutputAudioTokens)
	number("llm.token_count.completion_details.reasoning", c.Usage.ReasoningTokens)
	if failed := want["status"] == "STATUS_CODE_ERROR"; failed != (c.Status == llm.StatusError) {
		out = append(out, fmt.Sprintf("status = %s, want failed = %v", c.Status, failed))
	}
	messages := func(prefix string, ms []llm.Message) {
		for i, m := range ms {
			p := fmt.Sprintf("%s.%d.message.", prefix, i)
			if want[p+"role"] != "developer" || m.Role != "system" { // a Call has one name for both
				check(p+"role", m.Role)
			}
			text, call := "", 0
			for j, part := range m.Parts {
				switch part.Type {
				case llm.PartText:
					text += part.Content
					check(fmt.Sprintf("%scontents.%d.message_content.text", p, j), part.Content)
				case llm.PartToolCallResponse:
					var s string
					if json.Unmarshal(part.Response, &s) == nil {
						text += s
					}
				case llm.PartURI:
					check(fmt.Sprintf("%scontents.%d.message_content.image.image.url", p, j), part.URI)
				case llm.PartToolCall:
					t := fmt.Sprintf("%stool_calls.%d.tool_call.", p, call)
					check(t+"id", part.ID)
					check(t+"function.name", part.ToolName)
					check(t+"function.arguments", part.Arguments)
					call++
				}
			}
			check(p+"content", text)
		}
		if _, more := want[fmt.Sprintf("%s.%d.message.content", prefix, len(ms))]; more {
			out = append(out, fmt.Sprintf("%s: only %d messages", prefix, len(ms)))
		}
	}
	messages("llm.input_messages", c.Input)
	messages("llm.output_messages", c.Output)
	for i, m := range c.Output {
		for _, p := range m.Parts {
			check(fmt.Sprintf("llm.choices.%d.completion.text", i), p.Content)
		}
	}
	for i, m := range c.Input {
		for j, p := range m.Parts {
			check(fmt.Sprintf("llm.prompts.%d.prompt.text", i+j), p.Content)
			check(fmt.Sprintf("embedding.embeddings.%d.embedding.text", i+j), p.Content)
		}
	}
	return out
}
