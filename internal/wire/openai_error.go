package wire

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// openAIError reads an error body of OpenAI's family. Compatible servers put
// the same facts in many places; a page of a proxy is none of them.
func openAIError(status int, _ http.Header, body []byte) (typ, msg string) {
	if len(body) > 1<<20 {
		body = body[:1<<20]
	}
	var p fastjson.Parser
	v, err := p.ParseBytes(body)
	if err != nil {
		return "", plainError(body)
	}
	typ, msg, code := openAIErrorValue(v)
	if typ == "" && code != 0 && code != status {
		typ = classOf(code)
	}
	return typ, msg
}

// openAIErrorValue finds type, message and HTTP-like code of an error document.
func openAIErrorValue(v *fastjson.Value) (typ, msg string, code int) {
	if v != nil && v.Type() == fastjson.TypeArray && len(v.GetArray()) > 0 {
		v = v.GetArray()[0] // Google wraps the errors of its compatible API in an array
	}
	e := v.Get("error")
	switch {
	case e != nil && e.Type() == fastjson.TypeString:
		// Hugging Face, Ollama, Cloudflare: the error is its message.
		return firstString(v, "error_type", "type", "code"), string(e.GetStringBytes()), httpCode(v)
	case e != nil && e.Type() == fastjson.TypeObject:
	default:
		e = v
		if errs := v.GetArray("errors"); len(errs) > 0 {
			e = errs[0]
		}
	}
	msg = firstString(e, "message", "msg", "detail", "error_description")
	if msg == "" {
		msg = detail(e.Get("detail"))
	}
	for _, key := range [...]string{"code", "type", "status"} {
		s := str(e, key)
		if key == "status" {
			s = strings.ToLower(s) // Google: RESOURCE_EXHAUSTED
		}
		if isIdentifier(s) && !isNumber(s) {
			typ = s
			break
		}
	}
	return typ, msg, httpCode(e)
}

// detail reads FastAPI's validation errors.
func detail(v *fastjson.Value) string {
	if v == nil {
		return ""
	}
	switch v.Type() {
	case fastjson.TypeString:
		return string(v.GetStringBytes())
	case fastjson.TypeArray, fastjson.TypeObject:
		raw := v.MarshalTo(nil)
		return string(raw[:min(len(raw), llm.MaxErrorMessage)])
	default:
		return ""
	}
}

func firstString(v *fastjson.Value, keys ...string) string {
	for _, k := range keys {
		if s := str(v, k); s != "" {
			return s
		}
	}
	return ""
}

// httpCode reads a code that is an HTTP status, as number or text.
func httpCode(v *fastjson.Value) int {
	for _, key := range [...]string{"code", "status", "status_code"} {
		x := v.Get(key)
		if x == nil {
			continue
		}
		n, err := x.Int()
		if err != nil {
			n, err = strconv.Atoi(string(x.GetStringBytes()))
		}
		if err == nil && n >= 400 && n < 600 {
			return n
		}
	}
	return 0
}

// setOpenAIError records an error that came inside a successful response.
func setOpenAIError(c *llm.Call, v *fastjson.Value) {
	typ, msg, code := openAIErrorValue(v)
	if code == 0 {
		code = http.StatusInternalServerError
	}
	c.SetError(errorType(typ, code), msg)
}
