package journal

import (
	"slices"
	"time"
)

// maxMarks bounds a marks.
const maxMarks = 1024

// mark says when the record with a number was appended.
type mark struct {
	seq      uint64
	unixNano int64
}

// marks remembers about when records were appended, one mark a second at most,
// so that the age of the oldest record that a cursor has not consumed is known
// without reading it. When there are too many, every second one goes.
type marks struct {
	list []mark
	step int64 // least time between two marks, nanoseconds
}

func (m *marks) add(seq uint64, unixNano int64) {
	if m.step == 0 {
		m.step = int64(time.Second)
	}
	if n := len(m.list); n > 0 && unixNano-m.list[n-1].unixNano < m.step {
		return
	}
	m.list = append(m.list, mark{seq, unixNano})
	if len(m.list) <= maxMarks {
		return
	}
	m.step *= 2
	half := m.list[:0]
	for i := 0; i < len(m.list); i += 2 {
		half = append(half, m.list[i])
	}
	m.list = half
}

// trim forgets what is not needed for numbers above seq.
func (m *marks) trim(seq uint64) {
	i := 0
	for i+1 < len(m.list) && m.list[i+1].seq <= seq+1 {
		i++
	}
	if i > 0 {
		m.list = m.list[:copy(m.list, m.list[i:])]
	}
	if len(m.list) <= maxMarks/4 {
		m.step = int64(time.Second)
	}
}

// time returns about when the record seq was appended, at most one step too early.
func (m *marks) time(seq uint64) (unixNano int64, ok bool) {
	for _, mk := range slices.Backward(m.list) {
		if mk.seq <= seq {
			return mk.unixNano, true
		}
	}
	return 0, false
}
