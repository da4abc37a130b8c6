package budget

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"
)

// maxRecent is how many calls are remembered as counted.
const maxRecent = 100_000

// recent remembers which calls were counted, by a hash of their id, so that none
// counts twice: not when it is seen twice, and not when it is replayed from the
// store after a crash.
type recent struct {
	limit   int
	next    uint64            // number of the next call
	numbers map[uint64]uint64 // number by hash
	ring    []counted         // by number modulo limit
	// floor is the latest start of a call that was forgotten: what started after
	// it is remembered for sure.
	floor int64
}

type counted struct {
	hash uint64
	at   int64 // Unix nanoseconds
}

func newRecent(limit int) *recent {
	return &recent{limit: limit, numbers: map[uint64]uint64{}}
}

func (r *recent) seen(id string) (number uint64, ok bool) {
	if id == "" {
		return 0, false
	}
	number, ok = r.numbers[xxhash.Sum64String(id)]
	return number, ok
}

func (r *recent) add(id string, at time.Time) {
	if id != "" {
		r.put(counted{xxhash.Sum64String(id), at.UnixNano()})
	}
}

func (r *recent) put(c counted) {
	if len(r.ring) < r.limit {
		r.ring = append(r.ring, c)
	} else {
		i := r.next % uint64(r.limit)
		old := r.ring[i]
		if r.numbers[old.hash] == r.next-uint64(r.limit) {
			delete(r.numbers, old.hash)
		}
		r.floor = max(r.floor, old.at)
		r.ring[i] = c
	}
	r.numbers[c.hash] = r.next
	r.next++
}

// recentState is what a snapshot has of it: 16 bytes a call, oldest first.
type recentState struct {
	Calls []byte `json:"calls"`
	Floor int64  `json:"floor,omitempty"`
}

func (r *recent) save() recentState {
	out := recentState{Calls: make([]byte, 0, 16*len(r.ring)), Floor: r.floor}
	first := r.next - uint64(len(r.ring))
	for n := first; n < r.next; n++ {
		c := r.ring[n%uint64(r.limit)]
		out.Calls = binary.LittleEndian.AppendUint64(out.Calls, c.hash)
		out.Calls = binary.LittleEndian.AppendUint64(out.Calls, uint64(c.at))
	}
	return out
}

func (r *recent) restore(s recentState) {
	r.floor = s.Floor
	for b := s.Calls; len(b) >= 16; b = b[16:] {
		r.put(counted{binary.LittleEndian.Uint64(b), int64(binary.LittleEndian.Uint64(b[8:]))})
	}
}
