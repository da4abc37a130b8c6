package pipeline

import (
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestSlotsAreAMap has keys come and go at random, and compares with a map.
func TestSlotsAreAMap(t *testing.T) {
	for name, hash := range map[string]func(uint64) uint64{
		"hashes that are well spread":        func(k uint64) uint64 { return k * 0xD6E8FEB86659FD93 },
		"small numbers":                      func(k uint64) uint64 { return k },
		"three places for all":               func(k uint64) uint64 { return k % 3 },
		"one place for all, the table's end": func(uint64) uint64 { return 0xFFFFFFFFFFFFFFFF },
	} {
		t.Run(name, func(t *testing.T) {
			const most = 200
			list := make([]uint64, most)
			s := slots[uint64]{hash: hash, key: func(slot uint32) uint64 { return list[slot] }}
			want := map[uint64]uint32{}
			free := make([]uint32, most)
			for i := range free {
				free[i] = uint32(i)
			}
			r := rand.New(rand.NewPCG(1, uint64(len(name))))
			for step := range 20_000 {
				k := r.Uint64N(2 * most)
				slot, there := want[k]
				switch got, ok := s.get(k); {
				case ok != there || got != slot:
					t.Fatalf("step %d: key %d is in slot %d (%v), want %d (%v)", step, k, got, ok, slot, there)
				case there:
					s.remove(k)
					delete(want, k)
					free = append(free, slot)
				case len(free) > 0:
					slot, free = free[len(free)-1], free[:len(free)-1]
					list[slot], want[k] = k, slot
					s.put(k, slot)
				}
				if s.remove(3 * most); s.len() != len(want) {
					t.Fatalf("step %d: %d keys, want %d", step, s.len(), len(want))
				}
			}
			for k, slot := range want {
				if got, ok := s.get(k); !ok || got != slot {
					t.Errorf("key %d is in slot %d (%v), want %d", k, got, ok, slot)
				}
			}
		})
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What is remembered of the recent past must not take more with each record that
// comes: a built-in map of this many keys allocates some megabytes here, when
// its tables split after about eight times as many keys as it holds.
func TestTheRecentPastTakesNoMoreMemoryOnceFull(t *testing.T) {
	const window, slack = 1 << 16, 64 << 10
	r := rand.New(rand.NewPCG(1, 2))
	d := newDedupe(window)
	records := func(n int) func() {
		return func() {
			for range n {
				d.put(key{r.Uint64(), r.Uint64()}, claim{})
			}
		}
	}
	if first := allocated(records(window)); first < window*40 {
		t.Fatalf("%d keys took %d bytes: nothing is measured", window, first)
	}
	if more := allocated(records(20 * window)); more > slack {
		t.Errorf("a full dedupe window took %d bytes more for further keys", more)
	}
	if len(d.ring) != window || cap(d.ring) != window || d.index.len() != window || len(d.index.table) != 2*window {
		t.Errorf("ring %d of %d, index %d in %d places", len(d.ring), cap(d.ring), d.index.len(), len(d.index.table))
	}

	tr := newSpanTree(window)
	spans := func(n int) func() {
		return func() {
			for range n {
				tr.link(spanKey(r.Uint64()), spanKey(r.Uint64()), true)
			}
		}
	}
	if first := allocated(spans(window)); first < window*28 {
		t.Fatalf("%d spans took %d bytes: nothing is measured", window, first)
	}
	if more := allocated(spans(10 * window)); more > slack {
		t.Errorf("a full tree took %d bytes more for further spans", more)
	}
	checkTree(t, tr)
}

func BenchmarkDedupePut(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	d := newDedupe(defaultWindow)
	for range defaultWindow {
		d.put(key{r.Uint64(), r.Uint64()}, claim{})
	}
	b.ReportAllocs()
	for b.Loop() {
		d.put(key{r.Uint64(), r.Uint64()}, claim{})
	}
}
