package logs

import (
	"bytes"
	"regexp"
	"time"

	"github.com/valyala/fastjson"
)

// line is a line as its application wrote it.
type line struct {
	file      *tailFile
	from, to  int64 // the bytes of the file that it was made of
	text      []byte
	time      time.Time // from the wrapper; zero is none
	stream    string
	truncated bool
	partial   bool
}

// assembler makes lines of the bytes of one file, in order: it finds their
// ends, takes off the wrappers of container runtimes, and joins pieces and
// lines that belong together. What it gives out depends on the bytes alone, but
// for what flush gives out.
type assembler struct {
	max   int            // longest line
	start *regexp.Regexp // of the first line of a record; nil joins nothing
	emit  func(line)     // text is valid during the call
	onCut func()

	docker fastjson.Parser

	at   int64  // offset of the next byte to come
	raw  []byte // of the line whose end has not come
	from int64  // where raw starts
	skip bool   // the rest of a line that was cut is passed over

	unended bool // the line at hand has no end

	groups [3]group // by stream: none, stdout, stderr
	last   time.Time
}

// group is what is held back because more may belong to it.
type group struct {
	line
	held  bool
	piece bool // the last piece said that its line goes on
}

func groupOf(stream string) int {
	switch stream {
	case "stdout":
		return 1
	case "stderr":
		return 2
	}
	return 0
}

// reset starts at an offset.
func (a *assembler) reset(at int64, skip bool) {
	a.at, a.from, a.skip, a.raw = at, at, skip, a.raw[:0]
	a.groups = [3]group{}
}

// safe is the offset up to which all has been given out, and whether it is
// within a line that was cut.
func (a *assembler) safe() (int64, bool) {
	if a.skip { // nothing was held back when the line was cut
		return a.at, true
	}
	return a.groupsFrom(a.at - int64(len(a.raw))), false
}

func (a *assembler) groupsFrom(at int64) int64 {
	for i := range a.groups {
		if g := &a.groups[i]; g.held {
			at = min(at, g.from)
		}
	}
	return at
}

// holding reports whether anything waits for more.
func (a *assembler) holding() bool {
	return len(a.raw) > 0 || a.groups[0].held || a.groups[1].held || a.groups[2].held
}

// write takes the next bytes.
func (a *assembler) write(p []byte, now time.Time) {
	if len(p) > 0 {
		a.last = now
	}
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if a.skip {
			if i < 0 {
				a.at += int64(len(p))
				return
			}
			a.at += int64(i) + 1
			p, a.skip = p[i+1:], false
			continue
		}
		if len(a.raw) == 0 {
			// Zeros: the file was truncated under a writer that kept its place.
			for len(p) > 0 && p[0] == 0 {
				p = p[1:]
				a.at++
			}
			if a.from = a.at; len(p) == 0 {
				return
			}
			i = bytes.IndexByte(p, '\n')
		}
		if i >= 0 && len(a.raw)+i <= a.max { // a whole line
			text := p[:i]
			if len(a.raw) > 0 {
				a.raw = append(a.raw, text...)
				text = a.raw
			}
			a.at += int64(i) + 1
			p = p[i+1:]
			a.whole(text, a.from, a.at)
			a.empty()
			continue
		}
		if i < 0 && len(a.raw)+len(p) <= a.max { // no end yet
			a.raw = append(a.raw, p...)
			a.at += int64(len(p))
			return
		}
		room := a.max - len(a.raw) // longer than a line may be
		a.raw = append(a.raw, p[:room]...)
		a.at += int64(room)
		p, a.skip = p[room:], true
		a.flushGroups(false)
		a.emit(line{from: a.from, to: a.at, text: a.raw, truncated: true})
		a.onCut()
		a.empty()
	}
}

// empty forgets the raw line, and its memory where that is large.
func (a *assembler) empty() {
	const keep = 64 << 10
	if cap(a.raw) > keep {
		a.raw = nil
	}
	a.raw = a.raw[:0]
}

// whole takes one line of the file.
func (a *assembler) whole(text []byte, from, to int64) {
	text = bytes.TrimSuffix(text, []byte("\r"))
	w, ok := unwrapCRI(text)
	if !ok {
		w, ok = unwrapDocker(&a.docker, text)
	}
	if !ok {
		w = wrapped{text: text}
	}
	g := &a.groups[groupOf(w.stream)]
	switch {
	case g.held && g.piece: // a piece of the same line
		a.join(g, w.text, to, false)
		g.piece = w.more
	case g.held && a.start != nil && !a.starts(w.text):
		a.join(g, w.text, to, true)
		g.piece = w.more
	default:
		a.give(g, false)
		if len(bytes.TrimSpace(w.text)) == 0 && !w.more {
			return // an empty line says nothing
		}
		l := line{from: from, to: to, text: w.text, time: w.time, stream: w.stream, partial: a.unended}
		if !w.more && (a.start == nil || w.text[0] == '{') {
			a.emit(l)
			return
		}
		l.text = append([]byte(nil), w.text...)
		*g = group{line: l, held: true, piece: w.more}
		return
	}
	if !g.piece && (a.start == nil || len(g.text) > 0 && g.text[0] == '{') {
		a.give(g, false)
	}
}

// starts reports whether a line is the first of a record.
func (a *assembler) starts(text []byte) bool {
	return len(text) > 0 && text[0] == '{' && looksLikeObject(text) || a.start.Match(text)
}

func (a *assembler) join(g *group, text []byte, to int64, newline bool) {
	if newline {
		text = append([]byte{'\n'}, text...)
	}
	if room := a.max - len(g.text); len(text) > room {
		text = text[:max(room, 0)]
		if !g.truncated {
			g.truncated = true
			a.onCut()
		}
	}
	g.text, g.to = append(g.text, text...), to
}

// give gives out what a group holds.
func (a *assembler) give(g *group, partial bool) {
	if !g.held {
		return
	}
	l := g.line
	l.partial = l.partial || partial && g.piece
	*g = group{}
	if len(l.text) > 0 {
		a.emit(l)
	}
}

func (a *assembler) flushGroups(partial bool) {
	for i := range a.groups {
		a.give(&a.groups[i], partial)
	}
}

// flush gives out all that is held: no more will come, or not soon.
func (a *assembler) flush() {
	if len(a.raw) > 0 {
		raw := a.raw
		a.raw, a.unended = nil, true
		a.whole(raw, a.from, a.at)
		a.unended = false
	}
	a.flushGroups(true)
}
