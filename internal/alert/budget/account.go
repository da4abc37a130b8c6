package budget

import (
	"slices"
	"time"
)

// slot is what was spent in a period, or in a granule of a rolling window.
type slot struct {
	Start    int64 `json:"t"` // Unix seconds
	Amount   int64 `json:"a,omitempty"`
	Calls    int64 `json:"c,omitempty"`
	Unpriced int64 `json:"u,omitempty"`
	// Notified has a bit for each notification of the period.
	Notified uint32 `json:"n,omitempty"`
}

// account is what one value of a budget's dimension, or a budget without one,
// has spent. The Engine's mutex guards it.
type account struct {
	key   string
	slots []slot // in order of time, only those with calls
	// reserved is what calls on their way may cost.
	reserved int64
	// notified are the notifications of a rolling window.
	notified uint32
	dirty    bool
}

// slot returns the slot that begins at start, making it.
func (a *account) slot(start int64) *slot {
	i, ok := slices.BinarySearchFunc(a.slots, start, func(s slot, t int64) int { return int(s.Start - t) })
	if !ok {
		a.slots = slices.Insert(a.slots, i, slot{Start: start})
	}
	return &a.slots[i]
}

// prune drops what is older than the first slot of use.
func (a *account) prune(oldest int64) {
	i := 0
	for i < len(a.slots) && a.slots[i].Start < oldest {
		i++
	}
	if i > 0 {
		a.slots = slices.Delete(a.slots, 0, i)
	}
}

// totals adds up what counts at a time.
func (a *account) totals(p *period, now time.Time) slot {
	if !p.rolling() {
		start := p.slotStart(now)
		for i := range a.slots {
			if a.slots[i].Start == start {
				return a.slots[i]
			}
		}
		return slot{Start: start}
	}
	return a.between(p.oldest(now), now.Unix())
}

// between adds up the slots from one time to another.
func (a *account) between(from, to int64) slot {
	sum := slot{Start: from}
	for i := range a.slots {
		if s := &a.slots[i]; s.Start >= from && s.Start <= to {
			sum.Amount = add(sum.Amount, s.Amount)
			sum.Calls += s.Calls
			sum.Unpriced += s.Unpriced
		}
	}
	return sum
}
