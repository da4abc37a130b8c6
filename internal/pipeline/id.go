package pipeline

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// setID gives a record an id unless it has one. A record of telemetry gets the
// same id each time it is sent: from its trace and span, else from its
// provider's response id. All others get a random one. The id's time is the
// record's.
func setID(r llm.Record) {
	switch {
	case r.Call != nil && r.Call.ID == "":
		c := r.Call
		switch {
		case c.Source == llm.SourceGateway:
			c.ID = randomID(c.Time)
		case c.TraceID != "" && c.SpanID != "":
			c.ID = derivedID(c.Time, "span", c.TraceID, c.SpanID)
		case c.ResponseID != "":
			c.ID = derivedID(c.Time, "response", c.Provider, c.ResponseID)
		default:
			c.ID = randomID(c.Time)
		}
	case r.Span != nil && r.Span.ID == "":
		s := r.Span
		if s.TraceID != "" && s.SpanID != "" {
			s.ID = derivedID(s.Time, "span", s.TraceID, s.SpanID)
		} else {
			s.ID = randomID(s.Time)
		}
	case r.Log != nil && r.Log.ID == "":
		// Two equal lines at one time are two lines: nothing to derive an id from.
		r.Log.ID = randomID(r.Log.Time)
	case r.Feedback != nil:
		f := r.Feedback
		if f.ID == "" {
			f.ID = randomID(f.Time)
		}
		if f.RowID == "" {
			f.RowID = f.ID
		}
	}
}

// randomID returns a ULID. Its randomness tells records apart and guards nothing.
func randomID(t time.Time) string {
	var u ulid.ULID
	setTime(&u, t)
	binary.BigEndian.PutUint16(u[6:], uint16(rand.Uint32()))
	binary.BigEndian.PutUint64(u[8:], rand.Uint64())
	return u.String()
}

// derivedID returns the ULID that follows from the parts.
func derivedID(t time.Time, parts ...string) string {
	var u ulid.ULID
	setTime(&u, t)
	h := hashParts(parts)
	copy(u[6:], h[:])
	return u.String()
}

// derivedSpanID returns the span id, 16 hex digits, that follows from the parts.
func derivedSpanID(parts ...string) string {
	h := hashParts(parts)
	return hex.EncodeToString(h[:8])
}

// hashParts hashes parts so that where one ends and the next begins matters.
func hashParts(parts []string) [sha256.Size]byte {
	var space [256]byte
	b := space[:0]
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	return sha256.Sum256(b)
}

func setTime(u *ulid.ULID, t time.Time) {
	ms := uint64(max(t.UnixMilli(), 0))
	if u.SetTime(min(ms, ulid.MaxTime())) != nil {
		return // cannot be: the time is within bounds
	}
}
