package wire

import (
	"archive/tar"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/llm"
)

// vcr is a recording in the form of go-vcr.
type vcr struct {
	Interactions []struct {
		Request struct {
			Body    string      `yaml:"body"`
			Headers http.Header `yaml:"headers"`
			URL     string      `yaml:"url"`
			Method  string      `yaml:"method"`
		} `yaml:"request"`
		Response struct {
			Body    string      `yaml:"body"`
			Headers http.Header `yaml:"headers"`
			Code    int         `yaml:"code"`
		} `yaml:"response"`
	} `yaml:"interactions"`
}

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
	f, err := os.Open(name)
	if err != nil {
		t.Skipf("shared data not found: %v", err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	cassettes, spans := map[string][]byte{}, map[string][]byte{}
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		base := filepath.Base(h.Name)
		switch filepath.Ext(base) {
		case ".yaml":
			cassettes[strings.TrimSuffix(base, ".yaml")] = b
		case ".json":
			spans[strings.TrimSuffix(base, ".json")] = b
		}
	}
	checked := 0
	for id, b := range cassettes {
		want, err := spanAttributes(spans[id])
		if err != nil {
			t.Errorf("%s: span: %v", id, err)
			continue
		}
		var v vcr
		if err := yaml.Unmarshal(b, &v); err != nil || len(v.Interactions) == 0 {
			t.Errorf("%s: %v", id, err)
			continue
		}
		in := v.Interactions[0]
		u, err := url.Parse(in.Request.URL)
		if err != nil {
			t.Fatal(err)
		}
		rt, ok := Match(OpenAI, in.Request.Method, u.Path)
		if !ok {
			t.Errorf("%s: %s is not matched", id, u.Path)
			continue
		}
		c := &llm.Call{}
		DecodeRequest(rt, in.Request.Headers, []byte(in.Request.Body), c)
		d := NewDecoder(rt, in.Response.Code, in.Response.Headers, c, Options{})
		d.Write([]byte(in.Response.Body), time.Second)
		d.Close(time.Second, nil)
		for _, diff := range spanDiffs(c, want) {
			t.Errorf("%s: %s", id, diff)
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
