package provider

import (
	"encoding/base64"
	"encoding/binary"
	"math"
)

// embeddingsFormat is OpenAI's embeddings.
type embeddingsFormat struct{ plainFormat }

func (embeddingsFormat) name() string { return "embeddings" }

func (embeddingsFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	p.output, p.finish = 0, ""
	dims := x.req.dimensions
	if dims == 0 {
		dims = 64 // short: nobody looks at the numbers
	}
	j.s(`{"object":"list","data":[`)
	for i := range x.req.inputs {
		if i > 0 {
			j.s(`,`)
		}
		j.s(`{"object":"embedding","index":`).i(int64(i)).s(`,"embedding":`)
		x.vector(dims, x.req.base64)
		j.s(`}`)
	}
	j.s(`],"model":`).q(x.model2)
	if p.reported {
		j.s(`,"usage":{"prompt_tokens":`).i(p.input).s(`,"total_tokens":`).i(p.input).s(`}`)
	}
	j.s(`}`)
	x.t.Output, x.t.CacheRead, x.t.ID, p.text = 0, 0, "", pieces{}
}

// vector appends a unit vector, as numbers or as OpenAI's base64 of little
// endian floats.
func (x *exchange) vector(dims int, encoded bool) {
	v := make([]float64, dims)
	var norm float64
	for i := range v {
		v[i] = x.rng.NormFloat64()
		norm += v[i] * v[i]
	}
	norm = math.Sqrt(max(norm, 1e-9))
	if encoded {
		raw := make([]byte, 0, 4*dims)
		for _, f := range v {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(f/norm)))
		}
		x.out.q(base64.StdEncoding.EncodeToString(raw))
		return
	}
	x.out.s(`[`)
	for i, f := range v {
		if i > 0 {
			x.out.s(`,`)
		}
		x.out.f(math.Round(f/norm*1e6) / 1e6)
	}
	x.out.s(`]`)
}

// noText clears what only text answers have.
func (x *exchange) noText() {
	x.plan.text, x.plan.finish = pieces{}, ""
	x.t.ID, x.t.Answered = "", ""
}

// imagesFormat is OpenAI's image generation.
type imagesFormat struct{ plainFormat }

func (imagesFormat) name() string { return "images" }

// pixel is a PNG of one transparent pixel.
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="

func (imagesFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	x.noText()
	j.s(`{"created":`).i(x.created).s(`,"data":[`)
	for i := range x.req.n {
		if i > 0 {
			j.s(`,`)
		}
		j.s(`{"b64_json":"`).s(pixel).s(`"}`)
	}
	j.s(`],"background":"opaque","output_format":"png","quality":"low","size":"1024x1024"`)
	if p.reported {
		p.output = int64(272 * x.req.n)
		x.t.Output, x.t.CacheRead = p.output, 0
		j.s(`,"usage":{"input_tokens":`).i(p.input).s(`,"input_tokens_details":{"image_tokens":0,"text_tokens":`).i(p.input)
		j.s(`},"output_tokens":`).i(p.output).s(`,"total_tokens":`).i(p.input + p.output).s(`}`)
	}
	j.s(`}`)
}

// speechFormat is OpenAI's text to speech: the answer is audio, not JSON.
type speechFormat struct{ plainFormat }

func (speechFormat) name() string { return "audio_speech" }

func (speechFormat) unary(x *exchange) {
	x.noText()
	x.t.Reported = false
	x.w.Header()["Content-Type"] = []string{"audio/wav"}
	const rate, samples = 8000, 800 // a tenth of a second of a 440 Hz tone
	x.out.s("RIFF")
	b := x.out.b
	b = binary.LittleEndian.AppendUint32(b, 36+samples)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // mono
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint16(b, 1)
	b = binary.LittleEndian.AppendUint16(b, 8)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, samples)
	for i := range samples {
		b = append(b, byte(128+100*math.Sin(2*math.Pi*440*float64(i)/rate)))
	}
	x.out.b = b
}

// transcriptionFormat is OpenAI's speech to text.
type transcriptionFormat struct{ plainFormat }

func (transcriptionFormat) name() string { return "audio_transcription" }

func (transcriptionFormat) unary(x *exchange) {
	p, j := &x.plan, &x.out
	p.finish, x.t.ID, x.t.Answered = "", "", ""
	x.t.CacheRead = 0
	j.s(`{"text":"`).s(p.text.escaped()).s(`"`)
	if p.reported {
		j.s(`,"usage":{"type":"tokens","total_tokens":`).i(p.input + p.output).s(`,"input_tokens":`).i(p.input)
		j.s(`,"input_token_details":{"text_tokens":0,"audio_tokens":`).i(p.input).s(`},"output_tokens":`).i(p.output).s(`}`)
	}
	j.s(`}`)
}

// moderationsFormat is OpenAI's moderations.
type moderationsFormat struct{ plainFormat }

func (moderationsFormat) name() string     { return "moderations" }
func (moderationsFormat) idPrefix() string { return "modr-" }

func (moderationsFormat) unary(x *exchange) {
	x.noText()
	x.t.ID, x.t.Answered, x.t.Reported = x.id, x.model2, false
	j := &x.out
	j.s(`{"id":`).q(x.id).s(`,"model":`).q(x.model2).s(`,"results":[`)
	for i := range x.req.inputs {
		if i > 0 {
			j.s(`,`)
		}
		j.s(`{"flagged":false,"categories":{"hate":false,"violence":false},"category_scores":{"hate":0.0001,"violence":0.0002}}`)
	}
	j.s(`]}`)
}
