package traffic

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/dist"
)

// printFit prints the parameters as Go source, for params.go.
var printFit = flag.Bool("print-fit", false, "print the parameters fit from the traces as Go source")

func unzstd(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	out, err := d.DecodeAll(raw, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return out
}

// azure reads one trace: arrivals in seconds, tokens in, tokens out.
func azure(t *testing.T, kind string) (at, in, out []float64) {
	t.Helper()
	dir := testkit.SharedDir(t, "traces", "azure-llm-2023")
	r := csv.NewReader(bytes.NewReader(unzstd(t, filepath.Join(dir, "AzureLLMInferenceTrace_"+kind+".csv.zst"))))
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		when, err := time.Parse("2006-01-02 15:04:05.9999999", row[0])
		if err != nil {
			t.Fatal(err)
		}
		at = append(at, float64(when.UnixNano())/1e9)
		in = append(in, parse(t, row[1]))
		out = append(out, parse(t, row[2]))
	}
	slices.Sort(at)
	return at, in, out
}

func parse(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// fitArrivals finds the spread of the rate from minute to minute beyond
// Poisson noise, its persistence, and the mean size of the clumps that explain
// the rest of the noise within a second.
func fitArrivals(at []float64) arrivals {
	counts := func(width float64) []float64 {
		c := make([]float64, int((at[len(at)-1]-at[0])/width))
		for _, x := range at {
			if i := int((x - at[0]) / width); i < len(c) {
				c[i]++
			}
		}
		return c
	}
	minutes, secs := counts(60), counts(1)
	m, v := moments(minutes)
	cv := math.Sqrt(max(0, v-m)) / m
	sm, sv := moments(secs)
	return arrivals{spread: cv, memory: correlation(minutes[:len(minutes)-1], minutes[1:]), clump: max(1, (sv/sm-sm*cv*cv+1)/2)}
}

func moments(xs []float64) (mean, variance float64) {
	for _, x := range xs {
		mean += x
	}
	mean /= float64(len(xs))
	for _, x := range xs {
		variance += (x - mean) * (x - mean)
	}
	return mean, variance / float64(len(xs))
}

func correlation(a, b []float64) float64 {
	ma, va := moments(a)
	mb, vb := moments(b)
	var c float64
	for i := range a {
		c += (a[i] - ma) * (b[i] - mb)
	}
	return c / float64(len(a)) / math.Sqrt(va*vb)
}

// cachedShares replays a Mooncake trace through a prefix cache that forgets
// nothing: the share of each prompt that was seen before.
func cachedShares(t *testing.T) []float64 {
	t.Helper()
	dir := testkit.SharedDir(t, "traces", "mooncake-fast25")
	s := bufio.NewScanner(bytes.NewReader(unzstd(t, filepath.Join(dir, "conversation_trace.jsonl.zst"))))
	s.Buffer(nil, 1<<20)
	seen := map[int]bool{}
	var shares []float64
	for s.Scan() {
		var row struct {
			Input float64 `json:"input_length"`
			IDs   []int   `json:"hash_ids"`
		}
		if err := json.Unmarshal(s.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		hit := 0
		for hit < len(row.IDs) && seen[row.IDs[hit]] {
			hit++
		}
		for _, id := range row.IDs {
			seen[id] = true
		}
		shares = append(shares, min(float64(hit)*512/row.Input, 1))
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return shares
}

type vllmRow struct {
	Input     float64 `json:"input_toks"`
	Output    float64 `json:"output_toks"`
	Queued    float64 `json:"queued_ts"`
	Scheduled float64 `json:"scheduled_ts"`
	First     float64 `json:"first_token_ts"`
	Last      float64 `json:"last_token_ts"`
}

func vllmRuns(t *testing.T) map[string][]vllmRow {
	t.Helper()
	dir := testkit.SharedDir(t, "traces", "vllm-bench")
	runs := map[string][]vllmRow{}
	tr := tar.NewReader(bytes.NewReader(unzstd(t, filepath.Join(dir, "vllm_bench.tar.zst"))))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return runs
		}
		if err != nil {
			t.Fatal(err)
		}
		name, ok := strings.CutSuffix(h.Name, "__requests.jsonl")
		if !ok {
			continue
		}
		d := json.NewDecoder(tr)
		for d.More() {
			var row vllmRow
			if err := d.Decode(&row); err != nil {
				t.Fatal(err)
			}
			runs[name] = append(runs[name], row)
		}
	}
}

// fitServing finds the shape of the times of model servers, each run in terms
// of its own median so that runs on different hardware can be pooled, and the
// queue of the run that was saturated.
func fitServing(t *testing.T) (prefill, tpot, queue dist.Table, perToken float64) {
	var pre, dec, que, slopes []float64
	for name, rows := range vllmRuns(t) {
		var p, d, in []float64
		for _, r := range rows {
			in = append(in, r.Input)
			p = append(p, r.First-r.Scheduled)
			if r.Output > 1 {
				d = append(d, (r.Last-r.First)/(r.Output-1))
			}
			if name == "RTXPRO6000_Llama-3.1-8B" {
				que = append(que, r.Scheduled-r.Queued)
			}
		}
		mi, vi := moments(in)
		mp, _ := moments(p)
		var cov float64
		for i := range in {
			cov += (in[i] - mi) * (p[i] - mp) / float64(len(in))
		}
		slope := cov / vi
		base := mp - slope*mi
		slopes = append(slopes, slope)
		for i := range p {
			pre = append(pre, p[i]/(base+slope*in[i]))
		}
		for _, part := range [...]struct {
			from []float64
			to   *[]float64
		}{{d, &dec}} {
			f := dist.Fit(slices.Clone(part.from))
			for _, v := range part.from {
				*part.to = append(*part.to, v/f.At(0.5))
			}
		}
	}
	s := dist.Fit(slopes)
	return dist.Fit(pre), dist.Fit(dec), dist.Fit(que), s.At(0.5)
}

func TestParametersFitTheTraces(t *testing.T) {
	table := func(name string, got *dist.Table, sample []float64) {
		t.Helper()
		want := dist.Fit(sample)
		if *printFit {
			fmt.Printf("%s: %s\n", name, source(&want))
			return
		}
		for i, p := range dist.Grid() {
			if !near(got[i], want[i], 0.01) {
				t.Errorf("%s at %v: %v, the trace says %v", name, p, got[i], want[i])
			}
		}
	}
	ps := parameters()
	for _, k := range []struct {
		name    string
		in, out *dist.Table
		arr     arrivals
	}{{"conv", &ps.convInput, &ps.convOutput, ps.conv}, {"code", &ps.codeInput, &ps.codeOutput, ps.code}} {
		at, in, out := azure(t, k.name)
		table(k.name+"Input", k.in, in)
		table(k.name+"Output", k.out, out)
		a := fitArrivals(at)
		if *printFit {
			fmt.Printf("%s: %+v\n", k.name, a)
		} else if !near(a.spread, k.arr.spread, 0.02) || !near(a.memory, k.arr.memory, 0.02) || !near(a.clump, k.arr.clump, 0.02) {
			t.Errorf("%s arrivals: %+v, the trace says %+v", k.name, k.arr, a)
		}
	}
	table("cached", &ps.cached, cachedShares(t))
	prefill, tpot, queue, perToken := fitServing(t)
	for _, k := range []struct {
		name      string
		got, want *dist.Table
	}{{"prefill", &ps.prefill, &prefill}, {"tpot", &ps.tpot, &tpot}, {"queue", &ps.queue, &queue}} {
		if *printFit {
			fmt.Printf("%s: %s\n", k.name, source(k.want))
			continue
		}
		for i, p := range dist.Grid() {
			if !near(k.got[i], k.want[i], 0.02) {
				t.Errorf("%s at %v: %v, the traces say %v", k.name, p, k.got[i], k.want[i])
			}
		}
	}
	if *printFit {
		fmt.Printf("prefillPerToken: %.3g\n", perToken)
	} else if !near(ps.prefillPerToken, perToken, 0.02) {
		t.Errorf("prefill per token: %v, the traces say %v", ps.prefillPerToken, perToken)
	}
}

// near compares with a relative tolerance and an absolute one for small values.
func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))+0.002
}

func source(t *dist.Table) string {
	var b strings.Builder
	b.WriteString("dist.Table{")
	for i, v := range t {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.FormatFloat(v, 'g', 5, 64))
	}
	b.WriteString("}")
	return b.String()
}
