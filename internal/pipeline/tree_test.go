package pipeline

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// checkTree checks what holds of a tree whatever happened to it.
func checkTree(t *testing.T, tr *spanTree) {
	t.Helper()
	if tr.index.len() != len(tr.nodes) || len(tr.nodes) > tr.max {
		t.Fatalf("%d in the index, %d nodes, at most %d", tr.index.len(), len(tr.nodes), tr.max)
	}
	for i := range tr.nodes {
		if at, ok := tr.index.get(tr.nodes[i].key); !ok || at != uint32(i) {
			t.Fatalf("the index says that %d is in slot %d (%v), it is in %d", tr.nodes[i].key, at, ok, i)
		}
	}
	for i := range tr.nodes {
		at, ok := uint32(i), true
		for steps := 0; ok; steps++ {
			if steps > len(tr.nodes) {
				t.Fatalf("a cycle above slot %d", i)
			}
			at, ok = tr.up(at)
		}
	}
}

func TestTreeForgetsLeavesBeforeParents(t *testing.T) {
	tr := newSpanTree(100)
	root := spanKey(1)
	tr.link(2, root, true)
	for n := range 1000 {
		tr.link(spanKey(1000+n), root, false)
	}
	checkTree(t, tr)
	if v := tr.decide(root, 0, "otlp"); v != overCall {
		t.Errorf("a root that is used all the time is forgotten: %v", v)
	}
	if len(tr.nodes) != 100 {
		t.Errorf("%d nodes", len(tr.nodes))
	}
}

func TestTreeKeepsContainersThatWait(t *testing.T) {
	tr := newSpanTree(100)
	tr.link(1, 0, false)
	tr.setHeld(1, true)
	for n := range 1000 {
		tr.link(spanKey(1000+n), 0, true)
	}
	checkTree(t, tr)
	if _, ok := tr.index.get(1); !ok {
		t.Error("a container whose usage waits is forgotten")
	}
	tr.setHeld(1, false)
	for n := range 1000 {
		tr.link(spanKey(5000+n), 0, true)
	}
	if _, ok := tr.index.get(1); ok {
		t.Error("a container is remembered for ever")
	}
}

func TestTreeMakesNoCycles(t *testing.T) {
	f := func(links ...[2]spanKey) {
		t.Helper()
		tr := newSpanTree(100)
		for _, l := range links {
			tr.link(l[0], l[1], true)
			checkTree(t, tr)
		}
		n := 0
		for _, l := range links {
			if tr.decide(l[0], l[1], "otlp") == counted {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%v: %d counted", links, n)
		}
	}
	f([2]spanKey{1, 1})
	f([2]spanKey{1, 2}, [2]spanKey{2, 1})
	f([2]spanKey{2, 1}, [2]spanKey{1, 2})
	f([2]spanKey{1, 2}, [2]spanKey{2, 3}, [2]spanKey{3, 1})
	f([2]spanKey{3, 1}, [2]spanKey{1, 2}, [2]spanKey{2, 3})
}

func TestTreeTakesChainsOfAnyDepth(t *testing.T) {
	for _, down := range []bool{false, true} {
		tr := newSpanTree(10_000)
		const depth = 5000
		for n := range depth {
			k := spanKey(depth - n)
			if down {
				k = spanKey(n + 1)
			}
			tr.link(k, k-1, k == depth) // the deepest is the Call
		}
		checkTree(t, tr)
		if v := tr.decide(depth, depth-1, "otlp"); v != counted {
			t.Errorf("the leaf: %v", v)
		}
		if v := tr.decide(depth-100, depth-101, "otlp"); v != overCall {
			t.Errorf("a hundred above it: %v", v)
		}
	}
}

func TestTreeNotesLinksThatComeTooLate(t *testing.T) {
	tr := newSpanTree(100)
	tr.link(1, 0, true)
	tr.decide(1, 0, "otlp")
	tr.link(3, 2, true)
	tr.decide(3, 2, "gateway")
	if tr.late != 0 {
		t.Fatal("too early")
	}
	tr.link(2, 1, false)
	if tr.late != 1 {
		t.Errorf("late = %d", tr.late)
	}
}

// FuzzTree lets any links come in any order: nothing hangs, and of all Calls of
// one chain that is known from the start one alone is counted.
func FuzzTree(f *testing.F) {
	f.Add([]byte{1, 2, 1, 2, 3, 0, 3, 1, 1})
	f.Add([]byte{9, 9, 1, 0, 9, 1, 9, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := newSpanTree(64)
		for ; len(b) >= 3; b = b[3:] {
			k, parent := spanKey(b[0]), spanKey(b[1])
			tr.link(k, parent, b[2]&1 != 0)
			switch b[2] >> 1 & 3 {
			case 1:
				tr.decide(k, parent, "otlp")
			case 2:
				tr.decideContainer(k, parent)
			case 3:
				tr.countContainer(k, parent, spanKey(1000+int(b[0])), "otlp")
			}
		}
		checkTree(t, tr)
	})
}

func TestTreeUnderRandomLoad(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	tr := newSpanTree(500)
	for range 200_000 {
		k := spanKey(1 + rng.IntN(5000))
		p := spanKey(rng.IntN(5000))
		tr.link(k, p, rng.IntN(3) == 0)
		if rng.IntN(10) == 0 {
			tr.setHeld(k, rng.IntN(4) == 0)
		}
		if rng.IntN(3) == 0 {
			tr.decide(k, p, fmt.Sprint(rng.IntN(4)))
		}
	}
	checkTree(t, tr)
}

func BenchmarkTree(b *testing.B) {
	// A trace of a root, an agent, and eight calls each under a span, children first.
	tr := newSpanTree(defaultSpans)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		root := spanKey(n * 0x9E3779B97F4A7C15)
		for i := range spanKey(8) {
			tr.link(root+100+i, root+10+i, true)
			tr.link(root+10+i, root+1, false)
			tr.decide(root+100+i, root+10+i, "otlp")
		}
		tr.link(root+1, root, false)
		tr.link(root, 0, false)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(18*n), "ns/span")
}
