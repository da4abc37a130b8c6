package explain

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// sized draws how many calls a scenario has: small and large samples.
func (w *world) sized() (perSecond float64, length time.Duration) {
	length = time.Duration(10+w.r.IntN(30)) * time.Minute
	calls := []float64{500, 900, 1500, 3000, 6000}[w.r.IntN(5)]
	return calls / length.Seconds(), length
}

// judgeTop compares the first cause with the truth.
func judgeTop(s *scenario, e *Explanation) (strict, equivalent bool) {
	var top []Condition
	if len(e.Causes) == 0 {
		return false, false
	}
	top = e.Causes[0].Conditions
	for _, truth := range s.truth {
		if sameConditions(top, truth) {
			return true, true
		}
	}
	// By another name: the calls that were hit, or those that the truth selects.
	sel := Selection{}.with(top...)
	hits := []func(*Row) bool{func(r *Row) bool { return s.affected[r.ID] }}
	for _, truth := range s.truth {
		hits = append(hits, Selection{}.with(truth...).Match)
	}
	win := s.req.Window.Ranges[0]
	for _, hit := range hits {
		both, either := 0, 0
		for i := range s.rows {
			r := &s.rows[i]
			if !win.contains(r.Time) || r.Time.Before(s.since) {
				continue
			}
			in, is := sel.Match(r), hit(r)
			if in && is {
				both++
			}
			if in || is {
				either++
			}
		}
		if either > 0 && float64(both) >= 0.95*float64(either) {
			return false, true
		}
	}
	return false, false
}

func sameConditions(a, b []Condition) bool {
	if len(a) != len(b) {
		return false
	}
	for _, c := range a {
		if !slices.Contains(b, c) {
			return false
		}
	}
	return true
}

type outcomeOf struct {
	s          *scenario
	e          *Explanation
	strict, eq bool
	size       int
	seed       uint64
}

// runScenarios explains n scenarios of kinds, in a fixed order.
func runScenarios(t *testing.T, n int, seed uint64, kinds []struct {
	name string
	make func(w *world, s *scenario, size float64, length time.Duration)
},
) []outcomeOf {
	t.Helper()
	out := make([]outcomeOf, n)
	var wg sync.WaitGroup
	sem := make(chan struct{}, 2)
	for i := range n {
		wg.Go(func() {
			sem <- struct{}{}
			defer func() { <-sem }()
			k := kinds[i%len(kinds)]
			s := &scenario{kind: k.name}
			w := newWorld(seed + uint64(i))
			size, length := w.sized()
			if w.r.IntN(2) == 0 {
				s.since = epoch.Add(length / 3)
			}
			k.make(w, s, size, length)
			e, err := Explain(t.Context(), s.req, s.rows)
			if err != nil {
				t.Error(err)
				return
			}
			o := outcomeOf{s: s, e: e, size: int(e.Window.Calls), seed: seed + uint64(i)}
			o.strict, o.eq = judgeTop(s, e)
			s.rows = nil
			out[i] = o
		})
	}
	wg.Wait()
	return out
}

// seedOffset lets other scenarios be drawn than those that the package was
// written with.
func seedOffset(t *testing.T) uint64 {
	t.Helper()
	v := os.Getenv("EXPLAIN_SEED")
	if v == "" {
		return 0
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestIncidentsAreExplained(t *testing.T) {
	n := 216
	if testing.Short() {
		n = 24
	}
	kinds := incidentKinds()
	if only := os.Getenv("EXPLAIN_KIND"); only != "" {
		kinds = slices.DeleteFunc(kinds, func(k struct {
			name string
			make func(w *world, s *scenario, size float64, length time.Duration)
		},
		) bool {
			return !strings.Contains(only, k.name)
		})
		n = 20 * len(kinds)
	}
	strict, eq := 0, 0
	byKind := map[string][2]int{}
	phases, times := map[string]int{}, map[string]int{}
	for _, o := range runScenarios(t, n, 1000+seedOffset(t), kinds) {
		if o.s.phase != "" {
			got := "none"
			if o.e.Phases != nil {
				got = o.e.Phases.Dominant
			}
			phases[o.s.phase+" is told as "+got]++
		}
		if o.strict && o.s.since.After(epoch) && o.e.Causes[0].Kind != Mix {
			switch since := o.e.Causes[0].Since; {
			case since == nil:
				times["unknown"]++
			case since.Sub(o.s.since).Abs() <= 2*time.Minute:
				times["within 2 minutes"]++
			case since.Sub(o.s.since).Abs() <= 5*time.Minute:
				times["within 5 minutes"]++
			default:
				times["wrong"]++
			}
		}
		k := byKind[o.s.kind]
		k[1]++
		if o.strict {
			strict++
		}
		if o.strict || o.eq {
			eq++
			k[0]++
		} else {
			var got []string
			for _, c := range o.e.Causes {
				got = append(got, fmt.Sprintf("%s %v new=%v score=%.0f contrib=%.2f", c.Kind, c.Conditions, c.New, c.Score, c.Contribution.Or(-1)))
			}
			t.Logf("seed %d %s %s calls=%d: want %v, got %s %s; change %v mix %v p=%v", o.seed, o.s.kind, o.s.metric, o.size, o.s.truth, o.e.Verdict, strings.Join(got, " | "), o.e.Change.Ratio.Or(0), o.e.Change.MixShare.Or(-1), o.e.Change.P.Or(-1))
		}
		byKind[o.s.kind] = k
	}
	t.Logf("the true cause is first in %d of %d (%.1f %%), by its own name in %d (%.1f %%); by kind %v", eq, n, 100*float64(eq)/float64(n), strict, 100*float64(strict)/float64(n), byKind)
	t.Logf("phases: %v; since when: %v", phases, times)
	if float64(eq) < 0.95*float64(n) {
		t.Errorf("the true cause is first in %d of %d only", eq, n)
	}
}

func TestNothingIsClaimedWhenNothingChanged(t *testing.T) {
	n := 120
	if testing.Short() {
		n = 10
	}
	quiet := 0
	byKind := map[string][2]int{}
	for _, o := range runScenarios(t, n, 5000+seedOffset(t), nullKinds()) {
		k := byKind[o.s.kind]
		k[1]++
		if len(o.e.Causes) == 0 {
			quiet++
			k[0]++
		} else {
			c := o.e.Causes[0]
			t.Logf("seed %d %s %s calls=%d: %s; p=%g score=%.1f change=%v", o.seed, o.s.kind, o.s.metric, o.size, o.e.Summary, c.P, c.Score, o.e.Change)
		}
		byKind[o.s.kind] = k
	}
	t.Logf("nothing is claimed in %d of %d (%.1f %%); by kind %v", quiet, n, 100*float64(quiet)/float64(n), byKind)
	if float64(quiet) < 0.95*float64(n) {
		t.Errorf("nothing is claimed in %d of %d only", quiet, n)
	}
}
