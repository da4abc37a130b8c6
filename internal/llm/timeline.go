package llm

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"iter"
	"time"
)

// TimelineUnit is the resolution of a Timeline. With 0.1 ms a gap of up to
// 12.7 ms takes one byte and one of up to 1.6 s two, so that a chunk with its
// content length costs two to three bytes.
const TimelineUnit = 100 * time.Microsecond

// MaxTimelineBytes bounds one Timeline: about 25,000 chunks. Later chunks are
// counted but have no tick.
const MaxTimelineBytes = 64 << 10

// timelineVersion is the first byte of the stored form.
const timelineVersion = 1

// Timeline is the arrival time of every chunk of a stream, stored compactly.
// The zero value is ready to use.
//
// Stored form, version 1: the version byte, then for each chunk two unsigned
// varints: the gap since the chunk before (since the start of the Call for the
// first) in TimelineUnits, and the bytes of content that the chunk brought (0
// for a chunk without content). As text it is base64url without padding.
type Timeline struct {
	buf    []byte
	last   int64 // units since start of the last tick stored
	chunks int   // all chunks, also those past the bound
}

// Tick is one chunk of a stream.
type Tick struct {
	At    time.Duration // since the start of the Call
	Bytes int           // content that it brought: text, reasoning, tool arguments
}

// Add appends a chunk that arrived at, since the start of the Call. Time does
// not go back: an earlier time counts as the last one.
func (t *Timeline) Add(at time.Duration, contentBytes int) {
	t.chunks++
	if len(t.buf) > MaxTimelineBytes-2*binary.MaxVarintLen64 {
		return
	}
	if len(t.buf) == 0 {
		t.buf = append(t.buf, timelineVersion)
	}
	// Gaps are differences of rounded absolute times, so that errors do not add up.
	u := max(int64((at+TimelineUnit/2)/TimelineUnit), t.last)
	t.buf = binary.AppendUvarint(t.buf, uint64(u-t.last))
	t.buf = binary.AppendUvarint(t.buf, uint64(max(contentBytes, 0)))
	t.last = u
}

// Chunks is the number of chunks added.
func (t *Timeline) Chunks() int { return t.chunks }

// Ticks yields the chunks in order. It holds at most the first ones that fit
// in MaxTimelineBytes.
func (t *Timeline) Ticks() iter.Seq[Tick] {
	return func(yield func(Tick) bool) {
		b := t.buf
		if len(b) > 0 {
			b = b[1:]
		}
		var at int64
		for len(b) > 0 {
			gap, n := binary.Uvarint(b)
			if n <= 0 {
				return
			}
			size, m := binary.Uvarint(b[n:])
			if m <= 0 {
				return
			}
			b = b[n+m:]
			at += int64(gap)
			if !yield(Tick{At: time.Duration(at) * TimelineUnit, Bytes: int(size)}) {
				return
			}
		}
	}
}

// AppendText appends the stored form as base64url.
func (t *Timeline) AppendText(dst []byte) []byte {
	return base64.RawURLEncoding.AppendEncode(dst, t.buf)
}

// ParseTimeline reads what AppendText wrote.
func ParseTimeline(s string) (Timeline, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Timeline{}, err
	}
	if len(b) == 0 {
		return Timeline{}, nil
	}
	if b[0] != timelineVersion {
		return Timeline{}, errors.New("timeline: unknown version: it was written by a newer Pitot")
	}
	if len(b) > MaxTimelineBytes {
		return Timeline{}, errors.New("timeline: too long")
	}
	t := Timeline{buf: b}
	for rest := b[1:]; len(rest) > 0; t.chunks++ {
		gap, n := binary.Uvarint(rest)
		if n <= 0 || gap > 1<<40 {
			return Timeline{}, errors.New("timeline: cut or corrupt")
		}
		size, m := binary.Uvarint(rest[n:])
		if m <= 0 || size > 1<<40 {
			return Timeline{}, errors.New("timeline: cut or corrupt")
		}
		rest = rest[n+m:]
		t.last += int64(gap)
	}
	return t, nil
}

// SetChunks sets the number of chunks of a Timeline read from its stored form,
// which holds only those that fit. It never makes it less.
func (t *Timeline) SetChunks(n int) { t.chunks = max(t.chunks, n) }
