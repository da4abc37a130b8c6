package pipeline

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

const envelopeVersion = 1

// The kinds of a record in the journal.
const (
	kindCall = 'c'
	kindSpan = 's'
	kindLog  = 'l'
)

// header is what the pipeline needs to know of a record to route and account
// for it without decoding its row.
type header struct {
	kind   byte
	source string
	id     string
	pair   string // trace id "/" response id; empty if not both are known
	time   time.Time
}

// headerOf reads the header of a normalised record.
func headerOf(r llm.Record) header {
	switch {
	case r.Call != nil:
		h := header{kind: kindCall, source: string(r.Call.Source), id: r.Call.ID, time: r.Call.Time}
		if r.Call.TraceID != "" && r.Call.ResponseID != "" {
			h.pair = r.Call.TraceID + "/" + r.Call.ResponseID
		}
		return h
	case r.Span != nil:
		return header{kind: kindSpan, source: string(r.Span.Source), id: r.Span.ID, time: r.Span.Time}
	case r.Log != nil:
		return header{kind: kindLog, source: string(r.Log.Source), id: r.Log.ID, time: r.Log.Time}
	}
	return header{}
}

// appendEnvelope appends the header; the row follows it.
func appendEnvelope(dst []byte, h header) []byte {
	dst = append(dst, envelopeVersion, h.kind)
	for _, s := range [...]string{h.source, h.id, h.pair} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(h.time.UnixNano()))
}

// openEnvelope takes a journal record apart; row aliases b.
func openEnvelope(b []byte) (h header, row []byte, err error) {
	if len(b) < 2 {
		return header{}, nil, errors.New("journal record: cut short")
	}
	if b[0] != envelopeVersion {
		return header{}, nil, fmt.Errorf("journal record: unknown version %d", b[0])
	}
	h.kind, b = b[1], b[2:]
	for _, s := range []*string{&h.source, &h.id, &h.pair} {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return header{}, nil, errors.New("journal record: cut short")
		}
		*s, b = string(b[w:w+int(n)]), b[w+int(n):]
	}
	if len(b) < 8 {
		return header{}, nil, errors.New("journal record: cut short")
	}
	h.time = time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
	return h, b[8:], nil
}
