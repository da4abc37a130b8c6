package breakdown

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

var infinity = math.Inf(1)

// truth is a request of the benchmark: what vLLM itself logged.
type truth struct {
	Arrival   float64 `json:"arrival_time"` // Unix
	Queued    float64 `json:"queued_ts"`    // the others: monotonic
	Scheduled float64 `json:"scheduled_ts"`
	First     float64 `json:"first_token_ts"`
	Last      float64 `json:"last_token_ts"`
	Output    int     `json:"output_toks"`
}

// scrape is what the server's histograms had counted at a time.
type scrape struct {
	at             float64
	queue, prefill []Bucket
}

func readShared(t *testing.T, path ...string) []byte {
	t.Helper()
	f, err := os.Open(filepath.Join(append([]string{testkit.SharedDir(t)}, path...)...))
	if err != nil {
		t.Skip("shared data not found: ", err)
	}
	defer f.Close()
	d, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readTruth(t *testing.T) map[string][]truth {
	t.Helper()
	out := map[string][]truth{}
	tr := tar.NewReader(bytes.NewReader(readShared(t, "traces", "vllm-bench", "vllm_bench.tar.zst")))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		run, ok := strings.CutSuffix(h.Name, "__requests.jsonl")
		if !ok {
			continue
		}
		dec := json.NewDecoder(tr)
		for {
			var r truth
			if err := dec.Decode(&r); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			out[run] = append(out[run], r)
		}
	}
}

var bucketLine = regexp.MustCompile(`^vllm:request_(queue|prefill)_time_seconds_bucket\{.*le="([^"]+)"\} (\S+)`)

func readScrapes(t *testing.T, run string) []scrape {
	t.Helper()
	var out []scrape
	sc := bufio.NewScanner(bytes.NewReader(readShared(t, "prom-samples", "vllm-scrapes", run+".prom.zst")))
	for sc.Scan() {
		if at, ok := strings.CutPrefix(sc.Text(), "# SCRAPE "); ok {
			n, err := strconv.ParseFloat(at, 64)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, scrape{at: n / 1000})
			continue
		}
		m := bucketLine.FindStringSubmatch(sc.Text())
		if m == nil {
			continue
		}
		le, _ := strconv.ParseFloat(m[2], 64)
		n, _ := strconv.ParseFloat(m[3], 64)
		s := &out[len(out)-1]
		if m[1] == "queue" {
			s.queue = append(s.queue, Bucket{le, n})
		} else {
			s.prefill = append(s.prefill, Bucket{le, n})
		}
	}
	return out
}

// around returns the scrapes before and after the end of a request; nil where
// there is none.
func around(scrapes []scrape, end, every float64) (before, after *scrape) {
	const margin = 1.5
	last := -infinity
	for i := range scrapes {
		s := &scrapes[i]
		if s.at-last < every {
			continue // a server that is scraped less often
		}
		last = s.at
		if s.at <= end-margin {
			before = s
		}
		if s.at >= end+margin && after == nil {
			after = s
		}
	}
	return before, after
}

// gatewayCall is what a gateway in front of the server would have recorded.
func gatewayCall(r truth) *llm.Call {
	c := &llm.Call{
		Source: llm.SourceGateway, Stream: true, Status: llm.StatusOK,
		Duration: seconds(r.Last - r.Queued), TTFT: some(seconds(r.First - r.Queued)),
		GatewayOverhead: some(60 * time.Microsecond), Phases: llm.Phases{Connect: some(0)},
	}
	step := (r.Last - r.First) / float64(max(r.Output-1, 1))
	for i := range r.Output {
		c.Timeline.Add(seconds(r.First-r.Queued+step*float64(i)), 4)
	}
	return c
}

// TestBoundsHoldTheTruth breaks down 1,200 requests of real vLLM runs of which
// the server logged when they were queued and scheduled and when the first and
// the last token came. The gateway sees neither the queue nor the prefill.
func TestBoundsHoldTheTruth(t *testing.T) {
	runs := readTruth(t)
	for _, c := range []struct {
		name  string
		every float64 // seconds between scrapes; 0: none
	}{{"no metrics", 0}, {"scraped every second", 1}, {"scraped every 15 s", 15}} {
		t.Run(c.name, func(t *testing.T) {
			n, tight, named := 0, 0, 0
			var widths []float64
			for run, requests := range runs {
				scrapes := readScrapes(t, run)
				for _, r := range requests {
					e := Evidence{Call: gatewayCall(r)}
					if c.every > 0 {
						if before, after := around(scrapes, r.Arrival+r.Last-r.Queued, c.every); after != nil {
							if before == nil {
								before = &scrape{}
							}
							e.Queue = Observe("vllm:request_queue_time_seconds", before.queue, after.queue)
							e.Prefill = Observe("vllm:request_prefill_time_seconds", before.prefill, after.prefill)
						}
					}
					b := Of(e)
					check(t, e, &b)
					got := map[string]Phase{}
					for _, p := range b.Phases {
						got[p.Name] = p
					}
					for phase, want := range map[string]float64{
						PhaseWait: r.Scheduled - r.Queued, PhasePrefill: r.First - r.Scheduled, PhaseDecode: r.Last - r.First,
					} {
						const rounding = 200 * time.Microsecond // of the timeline, and the overhead that the truth has not
						p := got[phase]
						if w := seconds(want); w < p.Min-rounding || w > p.Max+rounding {
							t.Fatalf("%s: %s lasted %v and is said to last %v to %v\n%+v", run, phase, w, p.Min, p.Max, e)
						}
					}
					n++
					wait, prefill := got[PhaseWait], got[PhasePrefill]
					if wait.Tight(b.Total) && prefill.Tight(b.Total) {
						tight++
					}
					if b.Dominant != "" {
						named++
					}
					widths = append(widths, (wait.Max-wait.Min).Seconds()/b.Total.Seconds())
				}
			}
			if n != 1200 {
				t.Fatalf("%d requests", n)
			}
			slices.Sort(widths)
			t.Logf("%d requests: queue and prefill known to 2 %% of the duration for %.1f %%, longest phase named for %.1f %%; width of the queue's bounds p50 %.2f %%, p95 %.2f %% of the duration",
				n, 100*float64(tight)/float64(n), 100*float64(named)/float64(n), 100*widths[n/2], 100*widths[n*95/100])
			if least := map[string]int{"scraped every second": 900, "scraped every 15 s": 800}[c.name]; tight < least {
				t.Errorf("bounds are tight for %d requests, once for %d", tight, least)
			}
		})
	}
}
