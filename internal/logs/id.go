package logs

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"
)

// derivedID returns the ULID that follows from a time and the parts: the same
// line has the same id each time that it is read.
func derivedID(t time.Time, parts ...string) string {
	h := sha256.New()
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	u := newULID(t)
	copy(u[6:], h.Sum(sum[:0]))
	return u.String()
}

// randomID returns a ULID. Its randomness tells records apart and guards nothing.
func randomID(t time.Time) string {
	u := newULID(t)
	binary.BigEndian.PutUint16(u[6:], uint16(rand.Uint32()))
	binary.BigEndian.PutUint64(u[8:], rand.Uint64())
	return u.String()
}

func newULID(t time.Time) (u ulid.ULID) {
	ms := uint64(max(t.UnixMilli(), 0))
	if u.SetTime(min(ms, ulid.MaxTime())) != nil {
		return u // cannot be: the time is within bounds
	}
	return u
}
