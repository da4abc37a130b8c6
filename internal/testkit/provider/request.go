package provider

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
)

// maxBody bounds what is read of a request.
const maxBody = 64 << 20

// request is what the answer depends on, read from the body in any format.
type request struct {
	model        string
	stream       bool
	streamSet    bool   // stream was said, one way or the other
	includeUsage bool   // OpenAI's stream_options
	think        bool   // reasoning was asked for
	thoughts     bool   // and shall be shown
	tool         string // the first tool of the request
	toolResult   bool   // the conversation holds a tool's result
	chinese      bool
	system       []byte // raw, alias of the body
	prompt       []byte // raw messages, contents, prompt or input, alias of the body
	cacheMark    bool   // Anthropic's cache_control
	maxTokens    int
	n            int
	inputs       int // texts to embed, documents to rank
	dimensions   int
	base64       bool
	anthropic    bool // Bedrock invoke with a body in Anthropic's format
	valid        bool
}

// parse reads a JSON body.
func (q *request) parse(body []byte) {
	q.n = 1
	q.valid = eachKey(body, func(key, v []byte) {
		switch string(key) {
		case "model":
			q.model = text(v)
		case "stream":
			q.stream, q.streamSet = string(v) == "true", true
		case "stream_options":
			q.includeUsage = string(member(v, "include_usage")) == "true"
		case "messages", "contents", "prompt", "input", "inputText", "texts", "query", "content":
			q.prompt = v
		case "requests": // Gemini's batch of embeddings
			q.prompt, q.inputs = v, count(v)
		case "system", "systemInstruction", "system_instruction", "instructions", "preamble":
			q.system = v
		case "documents":
			q.inputs = count(v)
		case "tools":
			q.tool = toolName(v)
		case "toolConfig":
			q.tool = toolName(member(v, "tools"))
		case "max_tokens", "max_completion_tokens", "max_output_tokens", "max_gen_len", "max_tokens_to_sample":
			q.maxTokens = number(v)
		case "generationConfig", "generation_config":
			q.maxTokens = number(member(v, "maxOutputTokens"))
			if t := member(v, "thinkingConfig"); t != nil {
				q.thoughts = string(member(t, "includeThoughts")) == "true"
			}
		case "inferenceConfig":
			q.maxTokens = number(member(v, "maxTokens"))
		case "textGenerationConfig":
			q.maxTokens = number(member(v, "maxTokenCount"))
		case "options":
			q.maxTokens = number(member(v, "num_predict"))
		case "thinking":
			typ := text(member(v, "type"))
			q.think = typ == "enabled" || typ == "adaptive"
			q.thoughts = q.think
		case "think":
			q.think = string(v) != "false"
			q.thoughts = q.think
		case "reasoning":
			q.think = len(v) > 2
			q.thoughts = member(v, "summary") != nil
		case "n":
			q.n = min(max(number(v), 1), 8)
		case "dimensions", "outputDimensionality":
			q.dimensions = min(number(v), 8192)
		case "encoding_format":
			q.base64 = text(v) == "base64"
		case "anthropic_version":
			q.anthropic = true
		}
	})
	if q.inputs == 0 {
		q.inputs = max(count(q.prompt), 1)
	}
	q.toolResult = hasToolResult(q.prompt)
	q.chinese = isChinese(q.prompt)
	q.cacheMark = bytes.Contains(body, []byte(`"cache_control"`)) || bytes.Contains(body, []byte(`"cachePoint"`))
}

// parseForm reads the fields of a multipart body: audio and file uploads.
func (q *request) parseForm(body []byte, h http.Header) {
	q.n = 1
	_, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return
	}
	mr := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := mr.NextPart()
		if err != nil {
			q.valid = err == io.EOF //nolint:errorlint // a wrapped EOF is a form that was cut
			return
		}
		v, err := io.ReadAll(p)
		if err != nil {
			return
		}
		switch p.FormName() {
		case "model":
			q.model = string(v)
		case "stream":
			q.stream = string(v) == "true"
		case "file":
			q.prompt = v
		}
	}
}

// inputTokens is the length of the prompt: about four bytes a token.
func (q *request) inputTokens() int64 {
	return max(int64(len(q.prompt)+len(q.system))/4, 1)
}

func text(v []byte) string {
	if len(v) < 2 || v[0] != '"' {
		return ""
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1])
	}
	s, err := strconv.Unquote(string(v))
	if err != nil {
		return string(v[1 : len(v)-1])
	}
	return s
}

func number(v []byte) int {
	n := 0
	for _, c := range v {
		if c < '0' || c > '9' || n > 1<<30 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

func count(v []byte) int {
	n := 0
	elements(v, func([]byte) { n++ })
	return n
}

// toolName finds the name of the first tool in OpenAI's, Anthropic's, Gemini's
// or Bedrock's list.
func toolName(tools []byte) string {
	name := ""
	elements(tools, func(t []byte) {
		if name != "" {
			return
		}
		for _, wrap := range [...]string{"function", "toolSpec"} {
			if f := member(t, wrap); f != nil {
				name = text(member(f, "name"))
				return
			}
		}
		if list := member(t, "functionDeclarations"); list != nil {
			elements(list, func(f []byte) {
				if name == "" {
					name = text(member(f, "name"))
				}
			})
			return
		}
		name = text(member(t, "name"))
	})
	return name
}

func hasToolResult(prompt []byte) bool {
	for _, mark := range [...]string{`"tool_result"`, `"functionResponse"`, `"toolResult"`, `"function_call_output"`, `"tool_call_id"`} {
		if bytes.Contains(prompt, []byte(mark)) {
			return true
		}
	}
	return false
}

// isChinese looks for Chinese characters in the last part of the prompt, as
// UTF-8 or escaped.
func isChinese(prompt []byte) bool {
	if len(prompt) > 512 {
		prompt = prompt[len(prompt)-512:]
	}
	for i, c := range prompt {
		if c >= 0xE4 && c <= 0xE9 {
			return true
		}
		if c == '\\' && i+2 < len(prompt) && prompt[i+1] == 'u' && prompt[i+2] >= '4' && prompt[i+2] <= '9' {
			return true
		}
	}
	return false
}
