package wire

import (
	"bytes"

	"github.com/valyala/fastjson"
)

// maxHeld is the longest frame that UsageFilter may hold back. The usage chunk
// is a few hundred bytes.
const maxHeld = 64 << 10

// UsageFilter takes the usage chunk that AskUsage caused out of a stream of
// server-sent events: the frame with one line of data that is an object with
// empty choices and a usage object. Every other byte goes through unchanged
// and without delay; of a frame that has not ended only so much is held back
// as could still be that chunk. The zero value is ready to use.
//
// The Decoder must see the stream before the filter does: the chunk is where
// usage comes from.
//
// Comments (keep-alives) before the first field of a frame are not part of it
// and always go through. It works on decoded bodies: the gateway must not let
// upstream compress a stream that it filters.
type UsageFilter struct {
	out     []byte
	held    []byte // the frame being read, while it could be the chunk
	passing bool   // the frame being read is known not to be the chunk
	inLine  bool   // some of a line has been seen
	comment bool   // that line is a comment before the frame's first field
	cr      crFate // the last byte was CR: an LF after it shares its fate
	removed int
	parser  fastjson.Parser
}

// crFate says what became of a CR that may be half of a CRLF.
type crFate int

const (
	crNone crFate = iota
	crForwarded
	crInFrame
	crDropped
)

// Removed is how many frames were taken out.
func (f *UsageFilter) Removed() int { return f.removed }

// Filter takes the next bytes of the stream and returns what to forward now.
// The result is valid until the next call.
func (f *UsageFilter) Filter(p []byte) []byte {
	f.out = f.out[:0]
	for len(p) > 0 {
		if fate := f.cr; fate != crNone {
			f.cr = crNone
			if p[0] == '\n' {
				switch fate {
				case crForwarded:
					f.out = append(f.out, '\n')
				case crInFrame:
					f.put(p[:1])
				case crDropped, crNone:
				}
				p = p[1:]
				continue
			}
		}
		if !f.inLine && len(f.held) == 0 && !f.passing && p[0] == ':' {
			f.comment = true
		}
		i := indexEOL(p)
		if i < 0 {
			f.inLine = true
			f.put(p)
			break
		}
		isCR := p[i] == '\r'
		blank := !f.inLine && i == 0
		f.inLine = false
		f.put(p[:i+1])
		p = p[i+1:]
		fate := crInFrame
		switch {
		case f.comment:
			f.comment = false
			fate = crForwarded
		case blank && f.endFrame():
			fate = crDropped
		case blank:
			fate = crForwarded
		}
		if isCR {
			f.cr = fate
		}
	}
	if len(f.held) > 0 && !f.couldBe() {
		f.release()
	}
	return f.out
}

// Flush returns what is still held when the stream has ended. A last frame
// without its blank line is still a frame.
func (f *UsageFilter) Flush() []byte {
	f.out = f.out[:0]
	if len(f.held) > 0 {
		f.endFrame()
	}
	return f.out
}

// put forwards bytes or holds them.
func (f *UsageFilter) put(p []byte) {
	if f.passing || f.comment {
		f.out = append(f.out, p...)
		return
	}
	f.held = append(f.held, p...)
	if len(f.held) > maxHeld {
		f.release()
	}
}

// release forwards what is held and lets the rest of the frame through.
func (f *UsageFilter) release() {
	f.out = append(f.out, f.held...)
	f.held = f.held[:0]
	f.passing = true
}

// endFrame decides on the frame that has just ended and reports whether it
// was taken out.
func (f *UsageFilter) endFrame() (removed bool) {
	if len(f.held) > 0 {
		if removed = f.isChunk() && f.couldBe(); removed {
			f.removed++
		} else {
			f.out = append(f.out, f.held...)
		}
		f.held = f.held[:0]
	}
	f.passing = false
	return removed
}

// data is the value of the held frame's last data line, and how many such
// lines there are. The last line may be unfinished.
func (f *UsageFilter) data() (data []byte, lines int) {
	for b := f.held; len(b) > 0; {
		line := b
		if i := indexEOL(b); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		name, value, _ := bytes.Cut(line, []byte{':'})
		if string(name) == "data" {
			lines++
			data = bytes.TrimPrefix(value, []byte{' '})
		}
	}
	return data, lines
}

// isChunk reports whether the held frame is the chunk.
func (f *UsageFilter) isChunk() bool {
	data, lines := f.data()
	if lines != 1 || !emptyChoices(data) {
		return false
	}
	v, err := f.parser.ParseBytes(data)
	if err != nil || v.Type() != fastjson.TypeObject {
		return false
	}
	choices := v.Get("choices")
	return choices != nil && choices.Type() == fastjson.TypeArray && len(choices.GetArray()) == 0 &&
		object(v, "usage") != nil && !isSet(v.Get("error"))
}

// emptyChoices is a quick look for "choices":[] that spares parsing the chunks
// with content, which are nearly all.
func emptyChoices(b []byte) bool {
	for {
		i := bytes.Index(b, []byte(`"choices"`))
		if i < 0 {
			return false
		}
		b = b[i+len(`"choices"`):]
		j := skipSpace(b, 0)
		if j >= len(b) || b[j] != ':' {
			continue
		}
		if j = skipSpace(b, j+1); j >= len(b) || b[j] != '[' {
			continue
		}
		if j = skipSpace(b, j+1); j < len(b) && b[j] == ']' {
			return true
		}
	}
}

// couldBe reports whether the unfinished held frame could still become the
// chunk: as soon as a choice or a null usage shows, it cannot.
func (f *UsageFilter) couldBe() bool {
	data, lines := f.data()
	switch lines {
	case 0:
		return true
	case 1:
	default:
		return false
	}
	i := skipSpace(data, 0)
	if i >= len(data) {
		return true
	}
	if data[i] != '{' {
		return false
	}
	could := true
	partialMembers(data[i+1:], func(key, rest []byte) {
		switch string(key) {
		case "choices":
			if rest[0] != '[' {
				could = false
			} else if j := skipSpace(rest, 1); j < len(rest) && rest[j] != ']' {
				could = false
			}
		case "usage":
			could = could && rest[0] == '{'
		case "error":
			could = could && (rest[0] == 'n' || rest[0] == 'f')
		}
	})
	return could
}

// partialMembers visits the members of an unfinished object whose value has at
// least begun, with all that follows the colon.
func partialMembers(b []byte, visit func(key, rest []byte)) {
	i := 0
	for {
		for i = skipSpace(b, i); i < len(b) && b[i] == ','; i = skipSpace(b, i+1) {
		}
		if i >= len(b) || b[i] != '"' {
			return
		}
		n := valueLen(b[i:])
		if n < 2 {
			return
		}
		key := b[i+1 : i+n-1]
		if i = skipSpace(b, i+n); i >= len(b) || b[i] != ':' {
			return
		}
		if i = skipSpace(b, i+1); i >= len(b) {
			return
		}
		visit(key, b[i:])
		n = valueLen(b[i:])
		if n <= 0 {
			return
		}
		i += n
	}
}
