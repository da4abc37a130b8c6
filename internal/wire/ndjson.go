package wire

import "bytes"

// lineFramer splits newline-delimited JSON.
type lineFramer struct {
	emit      func(frame)
	oversized func()
	line      []byte
	skip      bool // the rest of the line being read is over maxFrame
}

func (l *lineFramer) write(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.partial(p)
			return
		}
		if len(l.line) > 0 || l.skip {
			l.partial(p[:i])
			l.take(l.line)
			l.line = l.line[:0]
		} else {
			l.take(p[:i])
		}
		p = p[i+1:]
	}
}

func (l *lineFramer) partial(p []byte) {
	if l.skip {
		return
	}
	if len(l.line)+len(p) > maxFrame {
		l.skip, l.line = true, nil
		return
	}
	l.line = append(l.line, p...)
}

func (l *lineFramer) take(line []byte) {
	if l.skip {
		l.skip = false
		l.oversized()
		return
	}
	if line = bytes.TrimSpace(line); len(line) > 0 {
		l.emit(frame{data: line})
	}
}

func (l *lineFramer) close() {
	if len(l.line) > 0 || l.skip {
		l.take(l.line)
		l.line = nil
	}
}

// arrayFramer splits a JSON array into its elements as they arrive: Gemini
// streams one without alt=sse.
type arrayFramer struct {
	emit      func(frame)
	oversized func()
	elem      []byte // the element being read, as far as it came in earlier writes
	inArray   bool
	inElem    bool
	done      bool // the array has ended
	inString  bool
	escaped   bool
	tooLong   bool
	depth     int
}

func (a *arrayFramer) write(p []byte) {
	start := 0 // where the element being read begins in p
	for i, c := range p {
		if a.done {
			return
		}
		if !a.inElem {
			switch c {
			case ' ', '\t', '\r', '\n', ',':
			case '[':
				if a.inArray {
					a.begin(c)
					start = i
				}
				a.inArray = true
			case ']':
				a.done = a.inArray
			default:
				if a.inArray {
					a.begin(c)
					start = i
				}
			}
			continue
		}
		if ended := a.step(c); ended {
			end := i + 1
			if a.depth < 0 || c == ',' { // a scalar: its end mark is not part of it
				end = i
			}
			a.take(p[start:end])
			a.done = a.depth < 0
			a.inElem = false
		}
	}
	if a.inElem {
		a.grow(p[start:])
	}
}

func (a *arrayFramer) begin(c byte) {
	a.inElem, a.inString, a.escaped, a.tooLong, a.depth = true, false, false, false, 0
	a.elem = a.elem[:0]
	switch c {
	case '{', '[':
		a.depth = 1
	case '"':
		a.inString = true
	}
}

// step follows one byte of an element and reports whether it ends there.
func (a *arrayFramer) step(c byte) bool {
	if a.inString {
		switch {
		case a.escaped:
			a.escaped = false
		case c == '\\':
			a.escaped = true
		case c == '"':
			a.inString = false
		}
		return false
	}
	switch c {
	case '"':
		a.inString = true
	case '{', '[':
		a.depth++
	case '}', ']':
		a.depth--
		return a.depth <= 0
	case ',':
		return a.depth == 0
	}
	return false
}

func (a *arrayFramer) grow(p []byte) {
	if a.tooLong {
		return
	}
	if len(a.elem)+len(p) > maxFrame {
		a.tooLong, a.elem = true, nil
		return
	}
	a.elem = append(a.elem, p...)
}

func (a *arrayFramer) take(rest []byte) {
	elem := rest
	if len(a.elem) > 0 || a.tooLong {
		a.grow(rest)
		elem = a.elem
	}
	if a.tooLong {
		a.oversized()
		return
	}
	if elem = bytes.TrimSpace(elem); len(elem) > 0 {
		a.emit(frame{data: elem})
	}
}

// close drops an element that did not end: half of one has no meaning.
func (a *arrayFramer) close() {
	a.inElem, a.elem = false, nil
}
