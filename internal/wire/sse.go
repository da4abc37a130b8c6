package wire

import "bytes"

// sseFramer splits server-sent events. Lines end in LF, CR or CRLF; several
// data lines of one event are joined by LF; comments and unknown fields are
// ignored, as the HTML standard says.
type sseFramer struct {
	emit      func(frame)
	oversized func()
	line      []byte // a line whose end has not arrived
	data      []byte
	event     string
	hasData   bool
	skipLF    bool // the last byte was CR: an LF belongs to it
	started   bool // a byte order mark may stand only before the first line
	tooLong   bool // the event being read is over maxFrame
	skipLine  bool // the rest of the line being read is over it
}

func (s *sseFramer) write(p []byte) {
	for len(p) > 0 {
		if s.skipLF {
			s.skipLF = false
			if p[0] == '\n' {
				p = p[1:]
				continue
			}
		}
		i := indexEOL(p)
		if i < 0 {
			s.partial(p)
			return
		}
		s.skipLF = p[i] == '\r'
		if len(s.line) > 0 || s.skipLine {
			s.partial(p[:i])
			s.takeLine(s.line)
			s.line, s.skipLine = s.line[:0], false
		} else {
			s.takeLine(p[:i])
		}
		p = p[i+1:]
	}
}

// indexEOL finds the first CR or LF. LF is looked for first: CR is rare.
func indexEOL(p []byte) int {
	i := bytes.IndexByte(p, '\n')
	if i < 0 {
		return bytes.IndexByte(p, '\r')
	}
	if j := bytes.IndexByte(p[:i], '\r'); j >= 0 {
		return j
	}
	return i
}

// partial keeps the beginning of a line.
func (s *sseFramer) partial(p []byte) {
	if s.skipLine {
		return
	}
	if len(s.line)+len(p) > maxFrame {
		s.tooLong, s.skipLine = true, true
		s.line = nil
		return
	}
	s.line = append(s.line, p...)
}

func (s *sseFramer) takeLine(line []byte) {
	if !s.started {
		s.started = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if s.skipLine {
		return
	}
	if len(line) == 0 {
		s.dispatch()
		return
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data":
		if s.tooLong || len(s.data)+len(value) > maxFrame {
			s.tooLong = true
			s.data = nil
			return
		}
		if s.hasData {
			s.data = append(s.data, '\n')
		}
		s.data = append(s.data, value...)
		s.hasData = true
	case "event":
		// Events repeat their names: no new string for the same one.
		if s.event != string(value) {
			s.event = string(value)
		}
	}
}

func (s *sseFramer) dispatch() {
	if s.tooLong {
		s.oversized()
	} else if s.hasData {
		s.emit(frame{event: s.event, data: s.data})
	}
	s.data, s.hasData, s.tooLong = s.data[:0], false, false
	s.event = ""
}

// close emits the last event, which some servers do not end by a blank line.
func (s *sseFramer) close() {
	if len(s.line) > 0 {
		s.takeLine(s.line)
		s.line = nil
	}
	s.dispatch()
}
