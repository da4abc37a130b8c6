package wire

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Bounds of what a request's settings may bring into a Call.
const (
	maxParamJSON = 2 << 10
	maxTags      = 32
	maxTagKey    = 64
	maxTagValue  = 512
	maxToolsJSON = 256 << 10
	maxRequest   = 32 << 20 // of a compressed request, inflated
)

// DecodeRequest fills the Call from the body of a request: model, stream,
// settings, input messages, tools, user, session and tags. It sets only what
// is not set yet where a header may have said it before. It never fails: what
// is malformed is noted.
func DecodeRequest(rt Route, h http.Header, body []byte, c *llm.Call) {
	if c.Operation == "" {
		c.Operation = rt.Operation
	}
	if c.RequestModel == "" {
		c.RequestModel = rt.Model
	}
	c.Stream = c.Stream || rt.Stream
	defer func() {
		if r := recover(); r != nil {
			c.Note("decoder_failed")
		}
	}()
	body = inflateRequest(h, body, c)
	if len(bytes.TrimSpace(body)) == 0 {
		return
	}
	if ct := h.Get("Content-Type"); strings.HasPrefix(strings.ToLower(ct), "multipart/") {
		decodeMultipart(rt, ct, body, c)
		return
	}
	p := borrowParser()
	defer returnParser(p, len(body))
	v, err := p.ParseBytes(body)
	if err != nil || v.Type() != fastjson.TypeObject {
		c.Note("malformed_request")
		return
	}
	decodeBody(rt, v, c)
}

// inflateRequest undoes the request's content encoding.
func inflateRequest(h http.Header, body []byte, c *llm.Call) []byte {
	encodings := h.Values("Content-Encoding")
	if len(encodings) == 0 {
		return body
	}
	var out []byte
	var in *inflater
	in = newInflater(encodings, func(p []byte) {
		if len(out)+len(p) > maxRequest {
			c.MarkTruncated("request_body")
			in.abandon()
			return
		}
		out = append(out, p...)
	})
	if in == nil {
		return body
	}
	in.write(body)
	if !in.close() {
		c.Note("malformed_request")
	}
	return out
}

// decodeMultipart takes the fields of a form; files are only counted.
func decodeMultipart(rt Route, contentType string, body []byte, c *llm.Call) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		c.Note("malformed_request")
		return
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := r.NextPart()
		if err == io.EOF { //nolint:errorlint // a wrapped EOF is a form that was cut
			return
		}
		if err != nil {
			c.Note("malformed_request")
			return
		}
		name := part.FormName()
		if part.FileName() != "" {
			n, _ := io.Copy(io.Discard, part)
			addInputFile(rt, part.Header.Get("Content-Type"), n, c)
			continue
		}
		b, err := io.ReadAll(io.LimitReader(part, 64<<10))
		if err != nil {
			c.Note("malformed_request")
			return
		}
		formField(name, string(b), c)
	}
}

func formField(name, value string, c *llm.Call) {
	switch name {
	case "model":
		c.RequestModel = value
	case "stream":
		c.Stream = c.Stream || value == "true" || value == "1"
	case "prompt":
		c.Input = append(c.Input, llm.Text("user", value))
	case "user":
		if c.User == "" {
			c.User = value
		}
	case "language", "response_format", "size", "quality", "n", "temperature", "background", "output_format":
		if len(value) <= maxTagValue {
			setParam(c, name, value)
		}
	}
}

// addInputFile notes a file of a form by its type and size.
func addInputFile(rt Route, mimeType string, size int64, c *llm.Call) {
	modality := "image"
	if rt.API == apiAudioTranscription {
		modality = "audio"
	}
	c.Input = append(c.Input, llm.Message{Role: "user", Parts: []llm.Part{{
		Type: llm.PartBlob, Modality: modality, MIMEType: mimeType, Size: size,
	}}})
}

func setParam(c *llm.Call, name string, value any) {
	if value == nil {
		return
	}
	if c.Params == nil {
		c.Params = make(map[string]any, 8)
	}
	c.Params[name] = value
}

// setParams takes the named settings of a request. Names are listed rather
// than everything taken, because some clients put secrets in bodies.
func setParams(c *llm.Call, v *fastjson.Value, names ...string) {
	o, err := v.Object()
	if err != nil {
		return
	}
	for _, name := range names {
		x := o.Get(name)
		if x == nil || x.Type() == fastjson.TypeNull {
			continue
		}
		switch x.Type() {
		case fastjson.TypeObject, fastjson.TypeArray:
			if len(x.MarshalTo(nil)) > maxParamJSON {
				continue
			}
		case fastjson.TypeString:
			if len(x.GetStringBytes()) > maxParamJSON {
				continue
			}
		default:
		}
		setParam(c, name, goValue(x))
	}
}

// setTools keeps the array of tool definitions as the request had it.
func setTools(c *llm.Call, v *fastjson.Value) {
	if v == nil || v.Type() != fastjson.TypeArray || len(v.GetArray()) == 0 {
		return
	}
	raw := v.MarshalTo(nil)
	if len(raw) > maxToolsJSON {
		c.MarkTruncated("input")
		return
	}
	c.Tools = raw
}

// setMetadata takes who and what for from a request's free-form metadata.
func setMetadata(c *llm.Call, v *fastjson.Value) {
	if v == nil {
		return
	}
	o, err := v.Object()
	if err != nil {
		return
	}
	o.Visit(func(k []byte, x *fastjson.Value) {
		var value string
		switch x.Type() {
		case fastjson.TypeString:
			value = string(x.GetStringBytes())
		case fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
			value = string(x.MarshalTo(nil))
		default:
			return
		}
		switch string(k) {
		case "user_id", "user", "trace_user_id", "langfuse_user_id":
			setOnce(&c.User, value)
			return
		case "session_id", "session", "conversation_id", "thread_id", "langfuse_session_id":
			setOnce(&c.Session, value)
			return
		case "feature":
			setOnce(&c.Feature, value)
			return
		}
		if len(k) == 0 || len(k) > maxTagKey || len(value) > maxTagValue || len(c.Tags) >= maxTags {
			return
		}
		if c.Tags == nil {
			c.Tags = make(map[string]string, 4)
		}
		if _, taken := c.Tags[string(k)]; !taken {
			c.Tags[string(k)] = value
		}
	})
}

// setOnce keeps what is already known, as from a header.
func setOnce(dst *string, value string) {
	if *dst == "" && len(value) <= maxTagValue {
		*dst = value
	}
}
