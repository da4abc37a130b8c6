//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// planFactor is by how much a prediction may miss, either way: docs/data.md
// says so.
const planFactor = 2

// prose is text with the statistics of a language: words of two to four
// syllables, a few of them very common.
func prose(r *rand.Rand, words int) string {
	syllables := strings.Fields("ba ce di fo gu ha je ki lo mu na pe qui ro su ta ve wi xo yu zan ter ing est ion ous men lar")
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		n := rand.NewZipf(r, 1.15, 3, 8000).Uint64()
		for range 2 + n%3 {
			b.WriteString(syllables[n%uint64(len(syllables))])
			n = n*2654435761 + 7
			n >>= 3
		}
	}
	return b.String()
}

// TestPlanAgainstARealRun sends calls with text through a real server and
// compares what they took with what the plan said before, and with what it says
// from what the server has seen.
//
// PITOT_PLAN_CALLS sends more of them.
func TestPlanAgainstARealRun(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"content with its call": "",
		"content apart":         "storage: {events: {ages: {content: {retention: 20d}}}}\n",
	} {
		t.Run(name, func(t *testing.T) { planAgainstRun(t, config) })
	}
}

func planAgainstRun(t *testing.T, config string) {
	up := simulate(t, provider.Config{TruthSize: 1 << 14})
	s := serve(t, setup{config: upstreamConfig(up.url) + config}).ready()
	const workers, words = 6, 300
	calls := times(t, "PITOT_PLAN_CALLS", 2400) / workers * workers
	var wg sync.WaitGroup
	var text [workers]int
	for w := range workers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 9))
			for i := range calls / workers {
				p := prose(r, words)
				text[w] += len(p)
				status, b, err := s.try(http.MethodPost, s.gateway+"/openai/v1/chat/completions", strings.NewReader(fmt.Sprintf(`{"model":"gpt-4o-mini","messages":[{"role":"user","content":%q}]}`, p)),
					"X-Pitot-Service", fmt.Sprint("svc", i%4), "X-Pitot-User", fmt.Sprint("u", i%50), "X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "1ms", "X-Fake-Chunk-Interval", "100us", "X-Fake-Tokens", "60")
				if err != nil || status != http.StatusOK {
					t.Errorf("%v %d %s", err, status, b)
					return
				}
			}
		})
	}
	wg.Wait()
	testkit.Eventually(t, "all is stored", func() bool { a := s.ledger("gateway"); return a.InFlight == 0 && a.Stored == uint64(calls) })
	total := 0
	for _, n := range text {
		total += n
	}
	var stats struct {
		Days []struct {
			Bytes float64 `json:"bytes"`
		} `json:"days"`
	}
	s.getJSON("/api/pitot/v1/admin/data", nil, &stats)
	var disk float64
	for _, d := range stats.Days {
		disk += d.Bytes
	}
	plan := func(args ...string) (p struct {
		Events float64 `json:"event_bytes_per_day"`
		Series float64 `json:"series"`
		Memory float64 `json:"memory_bytes"`
	},
	) {
		t.Helper()
		out, stderr, code := pitot(t, nil, append([]string{"plan", "--json"}, args...)...)
		if code != 0 {
			t.Fatalf("plan: %s", stderr)
		}
		if err := json.Unmarshal([]byte(out), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	near := func(what string, predicted, real float64) {
		t.Helper()
		t.Logf("%s: predicted %.0f, real %.0f", what, predicted, real)
		if predicted > real*planFactor || predicted < real/planFactor {
			t.Errorf("%s is off by more than a factor of %d", what, planFactor)
		}
	}
	tokens := float64(total) / float64(calls) / 4
	p := plan("--calls-per-day", fmt.Sprint(calls), "--input-tokens", fmt.Sprint(tokens), "--output-tokens", "60", "--spans", "0", "--combinations", "4", "--streams", fmt.Sprint(workers))
	near("bytes of events", p.Events, disk)
	var ts struct {
		Data struct {
			Head struct {
				Series float64 `json:"numSeries"`
			} `json:"headStats"`
		} `json:"data"`
	}
	s.getJSON("/api/v1/status/tsdb", nil, &ts)
	near("series", p.Series, ts.Data.Head.Series)
	near("bytes of memory, at most", p.Memory, float64(peakMemory(t, s.PID())+peakMemory(t, enginePID(t, s))))
	seen := plan("--server", s.api, "--calls-per-day", fmt.Sprint(calls))
	near("bytes of events, from what was seen", seen.Events, disk)
	if _, stderr, code := pitot(t, nil, "plan"); code != 2 || !strings.Contains(stderr, "--calls-per-day") {
		t.Errorf("without traffic: exit %d: %s", code, stderr)
	}
	s.stop()
}

// peakMemory is the most memory that a process has held.
func peakMemory(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		var kb int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Fatal("the kernel does not say how much memory a process has held")
	return 0
}
