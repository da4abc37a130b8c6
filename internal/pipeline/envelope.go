package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The versions of the envelope. Version 1 is read, not written.
const (
	envelopeV1 = 1
	envelopeV2 = 2
	// envelopeV3 is version 2 with a tenant. It is written for those of tenants other
	// than the default one alone, so that an older Pitot reads what it knows.
	envelopeV3 = 3
)

// The kinds of a record in the journal.
const (
	kindCall = 'c'
	kindSpan = 's'
	kindLog  = 'l'

	kindFeedback = 'f'
)

// The flags of a record in the journal.
const (
	flagCall      = 1 << iota // a model call, though a span may stand for it
	flagCounted               // the Call that is counted
	flagContainer             // it states the usage of the span above it
	flagKeep                  // never sampled, and keeps its trace
)

// header is what the pipeline needs to know of a record to route and account
// for it without decoding its row.
type header struct {
	kind     byte
	flags    byte
	source   string
	id       string
	trace    string
	span     string
	parent   string
	response string
	tenant   string
	held     string // the usage that a container states, as a Call in JSON
	time     time.Time
}

// pair is what two sources that have seen one call have in common; empty unless
// both ids are known.
func (h header) pair() string {
	if h.trace == "" || h.response == "" {
		return ""
	}
	return h.trace + "/" + h.response
}

// headerOf reads the header of a normalised record.
func headerOf(r llm.Record) header {
	h := plainHeader(r)
	h.tenant = r.Tenant()
	return h
}

func plainHeader(r llm.Record) header {
	switch {
	case r.Call != nil:
		c := r.Call
		return header{
			kind: kindCall, flags: flagCall | flagCounted, source: string(c.Source), id: c.ID, time: c.Time,
			trace: c.TraceID, span: c.SpanID, parent: c.ParentSpanID, response: c.ResponseID,
		}
	case r.Span != nil:
		s := r.Span
		return header{
			kind: kindSpan, source: string(s.Source), id: s.ID, time: s.Time,
			trace: s.TraceID, span: s.SpanID, parent: s.ParentSpanID,
		}
	case r.Log != nil:
		return header{kind: kindLog, source: string(r.Log.Source), id: r.Log.ID, time: r.Log.Time, trace: r.Log.TraceID}
	case r.Feedback != nil:
		f := r.Feedback
		return header{kind: kindFeedback, source: string(llm.SourceFeedback), id: f.RowID, time: f.Time, trace: f.TraceID}
	}
	return header{}
}

// appendEnvelope appends the header; the row follows it.
func appendEnvelope(dst []byte, h header) []byte {
	version := byte(envelopeV2)
	if h.tenant != llm.DefaultTenant {
		version = envelopeV3
	}
	dst = append(dst, version, h.kind, h.flags)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.time.UnixNano()))
	for _, s := range [...]string{h.source, h.id, h.trace, h.span, h.parent, h.response, h.held} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	if version == envelopeV3 {
		dst = binary.AppendUvarint(dst, uint64(len(h.tenant)))
		dst = append(dst, h.tenant...)
	}
	return dst
}

var errCutShort = errors.New("journal record: cut short")

// openEnvelope takes a journal record apart; row aliases b.
func openEnvelope(b []byte) (h header, row []byte, err error) {
	if len(b) < 2 {
		return header{}, nil, errCutShort
	}
	switch b[0] {
	case envelopeV1:
		return openV1(b)
	case envelopeV2, envelopeV3:
	default:
		return header{}, nil, fmt.Errorf("journal record: unknown version %d", b[0])
	}
	if len(b) < 11 {
		return header{}, nil, errCutShort
	}
	h = header{kind: b[1], flags: b[2], time: time.Unix(0, int64(binary.BigEndian.Uint64(b[3:]))).UTC()}
	var parts [8]string
	n := 7
	if b[0] == envelopeV3 {
		n = 8
	}
	if row, err = openStrings(b[11:], parts[:n]); err != nil {
		return header{}, nil, err
	}
	h.tenant = parts[7]
	h.source, h.id, h.trace, h.span, h.parent, h.response, h.held = parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]
	return h, row, nil
}

// openV1 reads the envelope of version 1: kind, source, id, pair, time. Its
// records were sampled before they were journaled.
func openV1(b []byte) (h header, row []byte, err error) {
	h = header{kind: b[1], flags: flagKeep}
	if h.kind == kindCall {
		h.flags |= flagCall | flagCounted
	}
	var parts [3]string
	if b, err = openStrings(b[2:], parts[:]); err != nil {
		return header{}, nil, err
	}
	if len(b) < 8 {
		return header{}, nil, errCutShort
	}
	h.source, h.id = parts[0], parts[1]
	for i := range len(parts[2]) {
		if parts[2][i] == '/' {
			h.trace, h.response = parts[2][:i], parts[2][i+1:]
			break
		}
	}
	h.time = time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
	return h, b[8:], nil
}

// openStrings reads as many strings as there are parts, with one allocation.
func openStrings(b []byte, parts []string) (rest []byte, err error) {
	var from, to [8]int
	rest = b
	for i := range parts {
		n, w := binary.Uvarint(rest)
		if w <= 0 || n > uint64(len(rest)-w) {
			return nil, errCutShort
		}
		from[i] = len(b) - len(rest) + w
		to[i] = from[i] + int(n)
		rest = rest[w+int(n):]
	}
	s := string(b[:len(b)-len(rest)])
	for i := range parts {
		parts[i] = s[from[i]:to[i]]
	}
	return rest, nil
}
