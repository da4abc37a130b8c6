package wire

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// openAIEmbeddings decodes embeddings. Vectors are the bulk of the body and
// are skipped, never parsed.
type openAIEmbeddings struct {
	call *llm.Call
	acc  *content
}

func newOpenAIEmbeddings(_ Route, c *llm.Call, acc *content) handler {
	return &openAIEmbeddings{call: c, acc: acc}
}

func (h *openAIEmbeddings) unary(body []byte) {
	ok := topLevel(body, func(key, raw []byte) {
		switch string(key) {
		case "id", "model":
			v := h.acc.parse(raw)
			if v == nil || v.Type() != fastjson.TypeString {
				return
			}
			if string(key) == "id" {
				h.call.ResponseID = string(v.GetStringBytes())
			} else {
				h.call.ResponseModel = string(v.GetStringBytes())
			}
		case "usage":
			inputOnlyUsage(h.acc.parse(raw), h.call)
		case "error":
			if v := h.acc.parse(body); isSet(v.Get("error")) {
				setOpenAIError(h.call, v)
			}
		}
	})
	if !ok {
		h.call.Note("malformed_response")
	}
}

func (h *openAIEmbeddings) event(frame) int { return 0 }
func (h *openAIEmbeddings) finish(bool)     {}

// openAIImages decodes generated and edited images, also as a stream of
// partial images.
type openAIImages struct {
	call *llm.Call
	acc  *content
}

func newOpenAIImages(_ Route, c *llm.Call, acc *content) handler {
	return &openAIImages{call: c, acc: acc}
}

func (h *openAIImages) unary(body []byte) {
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
	openAIUsage(v.Get("usage"), c)
	format := str(v, "output_format")
	images := v.GetArray("data")
	for i, img := range images {
		h.image(i, img, format)
	}
	if v.Get("data") != nil {
		// The unit that images without token usage are priced by.
		c.Usage.Images = llm.Some(int64(len(images)))
		c.Usage.Source = llm.UsageReported
	}
}

func (h *openAIImages) image(i int, v *fastjson.Value, format string) int {
	m := h.acc.at(0)
	n := 0
	if s := v.GetStringBytes("revised_prompt"); len(s) > 0 && !h.acc.skip {
		m.part(2*i, llm.PartText).write(s)
	}
	if u := v.GetStringBytes("url"); len(u) > 0 {
		return m.append(urlPart(u, "image"))
	}
	if data := v.GetStringBytes("b64_json"); len(data) > 0 {
		p := m.part(2*i+1, llm.PartBlob)
		p.meta.Modality = "image"
		if format != "" {
			p.meta.MIMEType = "image/" + format
		}
		n += p.blob(data)
	}
	return n
}

func (h *openAIImages) event(f frame) int {
	if bytes.HasPrefix(f.data, done) {
		h.acc.ended = true
		return -1
	}
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	if isSet(v.Get("error")) {
		setOpenAIError(h.call, v)
		h.acc.ended = true
		return 0
	}
	switch typ := str(v, "type"); {
	case strings.HasSuffix(typ, ".partial_image"):
		return len(v.GetStringBytes("b64_json")) / 4 * 3
	case strings.HasSuffix(typ, ".completed"):
		h.acc.ended = true
		u := &h.call.Usage
		i := u.Images.Or(0)
		u.Images = llm.Some(i + 1)
		openAIUsage(v.Get("usage"), h.call)
		return h.image(int(i), v, str(v, "output_format"))
	}
	return 0
}

func (h *openAIImages) finish(bool) {}

// openAIAudio decodes speech and transcriptions.
type openAIAudio struct {
	rt   Route
	call *llm.Call
	acc  *content
}

func newOpenAIAudio(rt Route, c *llm.Call, acc *content) handler {
	return &openAIAudio{rt: rt, call: c, acc: acc}
}

func (h *openAIAudio) unary(body []byte) {
	defer h.spoken()
	if b := bytes.TrimSpace(body); len(b) == 0 || b[0] != '{' {
		// response_format text, srt or vtt.
		h.acc.at(0).text(body)
		return
	}
	v := h.acc.parse(body)
	if v == nil {
		return
	}
	if isSet(v.Get("error")) {
		setOpenAIError(h.call, v)
		return
	}
	c := h.call
	c.ResponseModel = str(v, "model")
	h.acc.at(0).text(v.GetStringBytes("text"))
	openAIUsage(v.Get("usage"), c)
	if !c.Usage.AudioSeconds.Known() {
		c.Usage.AudioSeconds = amount(v, "duration")
	}
	if c.Usage.AudioSeconds.Known() {
		c.Usage.Source = llm.UsageReported
	}
	if g := v.Get("x_groq"); g != nil {
		c.ResponseID = str(g, "id")
	}
}

func (h *openAIAudio) event(f frame) int {
	if bytes.HasPrefix(f.data, done) {
		h.acc.ended = true
		return -1
	}
	v := h.acc.parse(f.data)
	if v == nil {
		return 0
	}
	switch str(v, "type") {
	case "transcript.text.delta":
		return h.acc.at(0).text(v.GetStringBytes("delta"))
	case "speech.audio.delta":
		return len(v.GetStringBytes("audio")) / 4 * 3
	case "transcript.text.done", "speech.audio.done":
		h.acc.ended = true
		openAIUsage(v.Get("usage"), h.call)
		return 0
	}
	if isSet(v.Get("error")) {
		setOpenAIError(h.call, v)
		h.acc.ended = true
	}
	return 0
}

func (h *openAIAudio) finish(bool) { h.spoken() }

// spoken counts the characters that were to be spoken: speech is priced by them.
func (h *openAIAudio) spoken() {
	if h.rt.API != apiAudioSpeech || h.call.Status == llm.StatusError {
		return
	}
	n := 0
	for _, m := range h.call.Input {
		if m.Role != "user" {
			continue
		}
		for _, p := range m.Parts {
			n += utf8.RuneCountInString(p.Content)
		}
	}
	if n > 0 {
		h.call.Usage.Characters = llm.Some(int64(n))
	}
}

// openAIModeration decodes moderations; the verdicts are kept as JSON.
type openAIModeration struct {
	call *llm.Call
	acc  *content
}

func newOpenAIModeration(_ Route, c *llm.Call, acc *content) handler {
	return &openAIModeration{call: c, acc: acc}
}

func (h *openAIModeration) unary(body []byte) {
	v := h.acc.parse(body)
	if v == nil {
		return
	}
	if isSet(v.Get("error")) {
		setOpenAIError(h.call, v)
		return
	}
	h.call.ResponseID = str(v, "id")
	h.call.ResponseModel = str(v, "model")
	openAIUsage(v.Get("usage"), h.call)
	for i, r := range v.GetArray("results") {
		h.acc.at(i).append(llm.Part{Type: llm.PartOther, Response: rawJSON(r)})
	}
}

func (h *openAIModeration) event(frame) int { return 0 }
func (h *openAIModeration) finish(bool)     {}
