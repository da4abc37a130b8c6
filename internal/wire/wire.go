package wire

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Dialect is a provider's family of wire formats.
type Dialect string

// The dialects. Azure is OpenAI's under Azure's paths, Gemini is also Vertex'.
const (
	OpenAI    Dialect = "openai"
	Azure     Dialect = "azure"
	Anthropic Dialect = "anthropic"
	Gemini    Dialect = "gemini"
	Bedrock   Dialect = "bedrock"
	Cohere    Dialect = "cohere"
	Ollama    Dialect = "ollama"
)

// The values of Route.API.
const (
	apiChatCompletions    = "chat_completions"
	apiCompletions        = "completions"
	apiResponses          = "responses"
	apiEmbeddings         = "embeddings"
	apiImages             = "images"
	apiAudioSpeech        = "audio_speech"
	apiAudioTranscription = "audio_transcription"
	apiModerations        = "moderations"
	apiRerank             = "rerank"

	apiMessages = "messages" // Anthropic
	apiComplete = "complete" // Anthropic's legacy text completion

	apiGenerateContent = "generate_content" // Gemini, Vertex
	apiEmbedContent    = "embed_content"    // embedContent, batchEmbedContents
	apiPredict         = "predict"          // Vertex: embeddings and images of older models

	apiConverse = "converse" // Bedrock
	apiInvoke   = "invoke"   // Bedrock, a model's native body

	apiCohereChatV1   = "cohere_chat_v1"
	apiCohereChatV2   = "cohere_chat_v2"
	apiCohereGenerate = "cohere_generate"
	apiCohereEmbed    = "cohere_embed"

	apiOllamaChat     = "ollama_chat"
	apiOllamaGenerate = "ollama_generate"
	apiOllamaEmbed    = "ollama_embed"
)

// Route says what a request is.
type Route struct {
	Dialect   Dialect
	API       string // "chat_completions", "messages", "converse", ...
	Operation llm.Operation
	Model     string // from the path (Gemini, Bedrock, Azure's deployment), else ""
	Stream    bool   // the path itself says that the answer streams
}

// The defaults of Options.
const (
	DefaultMaxContent = 1 << 20
	DefaultMaxBody    = 8 << 20
)

// Options bound what a Decoder keeps. The zero value means the defaults.
type Options struct {
	MaxContent  int  // bytes of the answer's content that are kept; numbers stay exact past it
	MaxBody     int  // bytes of an unstreamed body that are kept for decoding
	SkipContent bool // count content, keep none of it
}

// tailSize is how much of the end of an oversized unary body is kept, because
// providers write usage last.
const tailSize = 64 << 10

// mode is how the body of a response is read.
type mode int

const (
	modeUnknown mode = iota // too few bytes seen yet
	modeUnary               // one document, decoded at the end
	modeStream              // frames, decoded as they arrive
	modeBinary              // media: only counted
	modeFailed              // not trusted any more: ignored
)

// Decoder consumes one response as it passes by and fills the Call.
// It is not for concurrent use. Close must be called, or a decompressor leaks.
type Decoder struct {
	rt     Route
	call   *llm.Call
	opts   Options
	status int
	header http.Header
	ctype  string

	acc     *content
	handler handler
	mode    mode
	framer  framer
	inflate *inflater

	at     time.Duration
	head   []byte // sniffed bytes while modeUnknown, the body while modeUnary
	tail   []byte // the last bytes of an oversized unary body
	size   int64  // decoded bytes of the body
	closed bool
}

// NewDecoder returns a Decoder for one response to the request that rt and c describe.
func NewDecoder(rt Route, status int, h http.Header, c *llm.Call, o Options) *Decoder {
	if o.MaxContent <= 0 {
		o.MaxContent = DefaultMaxContent
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	d := &Decoder{rt: rt, call: c, opts: o, status: status, header: h}
	d.ctype = mediaType(h.Get("Content-Type"))
	d.acc = newContent(c, o)
	d.handler = newHandler(rt, c, d.acc)
	c.HTTPStatus = status
	if encodings := h.Values("Content-Encoding"); len(encodings) > 0 {
		d.inflate = newInflater(encodings, d.feed)
	}
	headersBefore(rt, h, c)
	return d
}

// Write takes the next bytes of the response body as they came off the wire,
// at `at` since the start of the Call. It does not retain p.
func (d *Decoder) Write(p []byte, at time.Duration) {
	if d.closed || len(p) == 0 || d.mode == modeFailed {
		return
	}
	defer d.guard()
	d.at = at
	if d.inflate != nil {
		d.inflate.write(p)
		return
	}
	d.feed(p)
}

// Ended reports whether the answer has said all: what follows, if anything, is
// the end of the connection. A client that leaves then leaves nothing.
func (d *Decoder) Ended() bool { return d.acc.ended }

// Close ends the response at `at` since the start of the Call and completes
// the Call. err says why the body ended early; nil means that it ended normally.
func (d *Decoder) Close(at time.Duration, err error) {
	if d.closed {
		return
	}
	d.at = at
	d.call.Duration = at
	d.finishBody(err)
	d.closed = true
	d.finishCall(err)
	d.acc.release()
}

// guard keeps a defect of a decoder from harming the call that it watches.
func (d *Decoder) guard() {
	if r := recover(); r != nil {
		d.mode = modeFailed
		d.call.Note("decoder_failed")
	}
}

// feed takes decoded bytes of the body.
func (d *Decoder) feed(p []byte) {
	d.size += int64(len(p))
	switch d.mode {
	case modeUnknown:
		d.head = append(d.head, p...)
		m := d.sniff(d.head, false)
		if m == modeUnknown {
			if len(d.head) > sniffLimit && len(bytes.TrimLeft(d.head, " \t\r\n")) == 0 {
				d.head = d.head[:0] // keep-alives before a slow answer
			}
			return
		}
		d.start(m)
	case modeUnary:
		d.keep(p)
	case modeStream:
		d.framer.write(p)
	case modeBinary:
		d.firstMedia(len(p))
	case modeFailed:
	}
}

// start enters a mode with the bytes sniffed so far.
func (d *Decoder) start(m mode) {
	head := d.head
	d.mode, d.head = m, nil
	switch m {
	case modeStream:
		d.call.Stream = true
		d.framer.write(head)
	case modeUnary:
		d.keep(head)
	case modeBinary:
		d.firstMedia(len(head))
	case modeUnknown, modeFailed:
	}
}

// keep collects a unary body: its beginning up to MaxBody, and its last bytes.
func (d *Decoder) keep(p []byte) {
	room := d.opts.MaxBody - len(d.head)
	if n := min(room, len(p)); n > 0 {
		d.head = append(d.head, p[:n]...)
		p = p[n:]
	}
	if len(p) == 0 {
		return
	}
	d.tail = append(d.tail, p...)
	if over := len(d.tail) - tailSize; over > tailSize {
		d.tail = append(d.tail[:0], d.tail[over:]...)
	}
	// A bomb that inflates far past anything a model answers is not followed.
	if d.inflate != nil && d.size > 8*int64(d.opts.MaxBody) {
		d.inflate.abandon()
	}
}

// firstMedia notes when media began to arrive. It has no frames, so it has no
// timeline either: where the network cuts it means nothing.
func (d *Decoder) firstMedia(n int) {
	if n > 0 && !d.call.TTFT.Known() {
		d.call.TTFT = llm.Some(d.at)
	}
}

func (d *Decoder) tick(n int) {
	d.call.Timeline.Add(d.at, n)
	if n > 0 && !d.call.TTFT.Known() {
		d.call.TTFT = llm.Some(d.at)
	}
}

// onFrame decodes one frame of a stream.
func (d *Decoder) onFrame(f frame) {
	if d.mode == modeFailed {
		return
	}
	if len(f.data) == 0 && f.headers == nil {
		return
	}
	if d.status >= 400 {
		d.failWith(f.data)
		return
	}
	n := d.handler.event(f)
	if n < 0 {
		return
	}
	d.tick(n)
}

// failWith records the error of a response of a failed request.
func (d *Decoder) failWith(body []byte) {
	typ, msg := parseError(d.rt, d.status, d.header, body)
	if msg == "" {
		msg = http.StatusText(d.status)
	}
	d.call.SetError(errorType(typ, d.status), msg)
}

// finishBody decodes what is left when the body has ended.
func (d *Decoder) finishBody(err error) {
	defer d.guard()
	if d.inflate != nil {
		if !d.inflate.close() && err == nil {
			d.call.Note("malformed_response")
		}
	}
	if d.mode == modeUnknown {
		m := d.sniff(d.head, true)
		d.start(m)
	}
	switch d.mode {
	case modeStream:
		d.acc.quiet = true
		d.framer.close()
		d.acc.quiet = false
		if d.status < 400 {
			d.handler.finish(!d.acc.ended)
			// finish may still recognise an end that has no mark of its own.
			if !d.acc.ended && d.call.Status != llm.StatusError {
				d.call.Note("stream_cut")
			}
		}
	case modeUnary:
		d.finishUnary(err)
	case modeBinary:
		d.acc.ended = err == nil
		if d.size > 0 && !d.opts.SkipContent {
			modality, _, _ := strings.Cut(d.ctype, "/")
			if modality == "application" || modality == "" {
				modality = "audio"
			}
			d.acc.at(0).append(llm.Part{Type: llm.PartBlob, Modality: modality, MIMEType: d.ctype, Size: d.size})
		}
		d.handler.finish(err != nil)
	case modeUnknown, modeFailed:
	}
}

func (d *Decoder) finishUnary(err error) {
	body := d.head
	if len(d.tail) > 0 {
		d.call.MarkTruncated("response_body")
		body = salvage(d.head, d.tail)
	}
	switch {
	case d.status >= 400:
		d.failWith(body)
	case len(body) == 0:
		if err == nil {
			d.call.Note("empty_response")
		}
	case err != nil:
		// A document that broke off has no numbers that could be trusted.
		d.call.Note("response_cut")
	default:
		d.handler.unary(body)
		d.acc.ended = true
	}
}

// finishCall settles what all dialects have in common.
func (d *Decoder) finishCall(err error) {
	c := d.call
	defer d.guard()
	d.acc.finish()
	if d.status >= 400 && c.Status != llm.StatusError {
		c.SetError(classOf(d.status), http.StatusText(d.status))
	}
	if err != nil && !d.acc.ended {
		closeError(c, err)
	}
	headersAfter(d.rt, d.header, c)
	settleUsage(&c.Usage)
	if c.Status == "" {
		c.Status = llm.StatusOK
	}
	if !c.Stream && d.mode != modeBinary {
		c.TTFT = llm.Opt[time.Duration]{}
		c.Timeline = llm.Timeline{}
	}
}

// settleUsage says where the numbers come from.
func settleUsage(u *llm.Usage) {
	if u.Source == llm.UsageReported {
		return
	}
	u.Source = llm.UsageUnknown
	if u.InputTokens.Known() || u.OutputTokens.Known() {
		u.Source = llm.UsageReported
	}
}
