package pipeline

// slots finds the slot of a key in a list that its owner holds, four bytes a
// place. A built-in map would do the same, but not in bounded memory: where
// keys come and go without end it splits its tables and never joins them, and
// takes twice as much after some millions of keys. Here what is removed leaves
// nothing behind.
//
// Keys are hashes with a secret seed, so nobody can choose where they go.
type slots[K comparable] struct {
	hash func(K) uint64
	key  func(slot uint32) K // the key in a slot of the owner's list

	table []uint32 // slot + 1 at the key's place or after it; 0: nothing
	shift uint8    // of a hash, to its place
	n     int
}

// minPlaces is the size of the smallest table, a power of two.
const minPlaces = 16

func (s *slots[K]) len() int { return s.n }

// place is where the search for a key begins.
func (s *slots[K]) place(k K) int {
	return int(s.hash(k) * 0x9E3779B97F4A7C15 >> s.shift) // its upper bits depend on all of the hash
}

// get returns the slot of a key.
func (s *slots[K]) get(k K) (slot uint32, ok bool) {
	if s.n == 0 {
		return 0, false
	}
	for i := s.place(k); s.table[i] != 0; i = s.after(i) {
		if slot = s.table[i] - 1; s.key(slot) == k {
			return slot, true
		}
	}
	return 0, false
}

func (s *slots[K]) after(i int) int { return (i + 1) & (len(s.table) - 1) }

// put adds a key that is not there. The owner's list must have it already.
func (s *slots[K]) put(k K, slot uint32) {
	if 2*(s.n+1) > len(s.table) {
		s.grow()
	}
	i := s.place(k)
	for s.table[i] != 0 {
		i = s.after(i)
	}
	s.table[i] = slot + 1
	s.n++
}

// grow doubles the table, so that half of its places are empty at least.
func (s *slots[K]) grow() {
	old := s.table
	s.table = make([]uint32, max(minPlaces, 2*len(old)))
	s.shift = 64
	for n := len(s.table); n > 1; n /= 2 {
		s.shift--
	}
	s.n = 0
	for _, at := range old {
		if at != 0 {
			s.put(s.key(at-1), at-1)
		}
	}
}

// remove forgets a key. The owner's list must have it still.
func (s *slots[K]) remove(k K) {
	if s.n == 0 {
		return
	}
	free := s.place(k)
	for ; ; free = s.after(free) {
		if s.table[free] == 0 {
			return
		}
		if s.key(s.table[free]-1) == k {
			break
		}
	}
	s.n--
	// Those after it move up, or a search would end at the gap before it finds them.
	for i := s.after(free); s.table[i] != 0; i = s.after(i) {
		mask := len(s.table) - 1
		home := s.place(s.key(s.table[i] - 1))
		if (i-home)&mask >= (i-free)&mask {
			s.table[free], free = s.table[i], i
		}
	}
	s.table[free] = 0
}
