package wire

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

// sniffLimit is how many bytes may pass before the body's form must be known.
const sniffLimit = 64

// mediaType is the media type of a Content-Type in lower case, without
// parameters.
func mediaType(ct string) string {
	ct, _, _ = strings.Cut(ct, ";")
	return strings.ToLower(strings.TrimSpace(ct))
}

// sniff decides how the body is read and prepares its framer. The first bytes
// decide rather than the header, because servers mislabel both errors and
// streams; the header decides where the bytes are ambiguous. modeUnknown means
// that more bytes are needed; final that there are none.
func (d *Decoder) sniff(head []byte, final bool) mode {
	if d.isMedia() {
		return modeBinary
	}
	if d.ctype == "application/vnd.amazon.eventstream" || len(head) > 0 && head[0] == 0 {
		if len(head) < awsPrelude && !final {
			return modeUnknown
		}
		if isAWSPrelude(head) || d.ctype == "application/vnd.amazon.eventstream" && len(head) > 0 && head[0] != '{' {
			d.framer = &awsFramer{emit: d.onAWSFrame, oversized: d.oversized, corrupt: d.corrupt}
			return modeStream
		}
		return modeUnary
	}
	b := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(b) == 0 {
		if !final && (len(head) < sniffLimit || d.ctype == "application/json") {
			return modeUnknown // keep-alive white space before a slow answer
		}
		if d.ctype == "text/event-stream" {
			return d.stream(modeStream)
		}
		return modeUnary
	}
	switch b[0] {
	case '{':
		if d.linesExpected() && d.status < 400 {
			d.framer = &lineFramer{emit: d.onFrame, oversized: d.oversized}
			return modeStream
		}
		return modeUnary
	case '[':
		if d.rt.API == apiGenerateContent && (d.rt.Stream || d.call.Stream) && d.status < 400 {
			d.framer = &arrayFramer{emit: d.onFrame, oversized: d.oversized}
			return modeStream
		}
		return modeUnary
	}
	if d.ctype == "text/event-stream" {
		return d.stream(modeStream)
	}
	switch m := sseShape(b); {
	case m == shapeYes:
		return d.stream(modeStream)
	case m == shapeMaybe && !final:
		return modeUnknown
	}
	return modeUnary
}

func (d *Decoder) stream(m mode) mode {
	d.framer = &sseFramer{emit: d.onFrame, oversized: d.oversized}
	return m
}

// isMedia reports whether the answer is media that is only counted.
func (d *Decoder) isMedia() bool {
	if d.status >= 400 {
		return false
	}
	if strings.HasPrefix(d.ctype, "audio/") || strings.HasPrefix(d.ctype, "image/") || strings.HasPrefix(d.ctype, "video/") {
		return true
	}
	return d.rt.API == apiAudioSpeech && (d.ctype == "" || d.ctype == "application/octet-stream")
}

// linesExpected reports whether a body that begins with an object is a stream
// of lines.
func (d *Decoder) linesExpected() bool {
	switch d.ctype {
	case "application/x-ndjson", "application/ndjson", "application/stream+json", "application/jsonl", "application/x-jsonlines":
		return true
	}
	switch d.rt.API {
	case apiOllamaChat, apiOllamaGenerate, apiCohereChatV1, apiCohereGenerate:
		return d.call.Stream
	}
	return false
}

type shape int

const (
	shapeNo shape = iota
	shapeMaybe
	shapeYes
)

// sseShape reports whether b begins like server-sent events.
func sseShape(b []byte) shape {
	if b[0] == ':' {
		return shapeYes
	}
	for _, field := range [...]string{"data:", "event:", "id:", "retry:"} {
		if bytes.HasPrefix(b, []byte(field)) {
			return shapeYes
		}
		if len(b) < len(field) && strings.HasPrefix(field, string(b)) {
			return shapeMaybe
		}
	}
	return shapeNo
}

func isAWSPrelude(b []byte) bool {
	return len(b) >= awsPrelude && crc32.ChecksumIEEE(b[:8]) == binary.BigEndian.Uint32(b[8:])
}

func (d *Decoder) oversized() { d.call.Note("oversized_event") }

func (d *Decoder) corrupt() {
	d.call.Note("crc_mismatch")
}

// onAWSFrame takes Amazon's exceptions out of the stream before the dialect.
func (d *Decoder) onAWSFrame(f frame) {
	switch f.headers[":message-type"] {
	case "exception", "error":
		typ := f.headers[":exception-type"]
		if typ == "" {
			typ = f.headers[":error-code"]
		}
		_, msg := bedrockError(d.status, d.header, f.data)
		if m := f.headers[":error-message"]; msg == "" && m != "" {
			msg = m
		}
		d.call.SetError(errorType(typ, 500), msg)
		d.acc.ended = true
		d.tick(0)
		return
	}
	d.onFrame(f)
}
