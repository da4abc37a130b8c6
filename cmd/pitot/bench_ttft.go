package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// ttftStreams is how many streams the accuracy is measured on.
const ttftStreams = 100

// accuracy compares the time to first token as recorded with what a client saw,
// and reads how long pieces of streams stayed in the gateway.
func (b *bench) accuracy(ctx context.Context) (string, error) {
	const session = "bench-ttft"
	gw := b.sides[len(b.sides)-1].addr
	seen := make([]time.Duration, 0, ttftStreams)
	for range ttftStreams {
		d, err := firstToken(ctx, gw, session)
		if err != nil {
			return "", fmt.Errorf("time to first token: %w", err)
		}
		seen = append(seen, d)
	}
	calls, err := b.sessionCalls(ctx, session, ttftStreams)
	if err != nil {
		return "", err
	}
	off := make([]float64, 0, ttftStreams)
	for i, c := range calls {
		ttft, _ := c.TTFT.Get()
		off = append(off, (seen[i]-ttft).Abs().Seconds()*1e3)
	}
	slices.Sort(off)
	delay, err := b.chunkDelay(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("time to first token as recorded and as the client saw it differ by %.2f ms (p50) and %.2f ms (p95); the gateway keeps a piece of a stream for %s (p50) and %s (p99)",
		off[len(off)/2], off[len(off)*95/100], delay[0], delay[1]), nil
}

// firstToken sends a stream and returns when its first content arrived.
func firstToken(ctx context.Context, addr, session string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/openai/v1/chat/completions", strings.NewReader(benchStream))
	if err != nil {
		return 0, err
	}
	for k, v := range map[string]string{
		"Content-Type": "application/json", "X-Pitot-Session": session, "X-Fake-Status": "200", "X-Fake-Delay": "20ms", "X-Fake-Chunks": "5",
		"X-Fake-Chunk-Interval": "2ms", "X-Fake-Tool": "none",
	} {
		req.Header.Set(k, v)
	}
	from := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var first time.Duration
	sc := bufio.NewScanner(resp.Body)
	for sc.Scan() {
		data, ok := strings.CutPrefix(sc.Text(), "data: ")
		if !ok || first > 0 {
			continue
		}
		at := time.Since(from)
		var chunk struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if json.Unmarshal([]byte(data), &chunk) == nil && len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != "" {
			first = at
		}
	}
	return first, sc.Err()
}

// sessionCalls waits until the calls of a session are stored.
func (b *bench) sessionCalls(ctx context.Context, session string, n int) ([]*llm.Call, error) {
	r := remote{Server: "http://" + b.api}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var page struct{ Calls []*llm.Call }
		q := url.Values{"session": {session}, "order": {"oldest"}, "limit": {"1000"}}
		if err := r.getJSON(ctx, "/api/pitot/v1/calls", q, &page); err != nil {
			return nil, err
		}
		if len(page.Calls) == n {
			return page.Calls, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d calls were stored", len(page.Calls), n)
		}
	}
}

// chunkDelay reads the median and the 99th percentile from the gateway's own
// histogram.
func (b *bench) chunkDelay(ctx context.Context) (out [2]string, err error) {
	r := remote{Server: "http://" + b.api}
	for i, q := range []string{"0.5", "0.99"} {
		var a promAnswer
		expr := "1e6 * histogram_quantile(" + q + ", pitot_gateway_chunk_delay_seconds_bucket)"
		if err := r.getJSON(ctx, "/api/v1/query", url.Values{"query": {expr}}, &a); err != nil {
			return out, err
		}
		var series []promSeries
		if err := json.Unmarshal(a.Data.Result, &series); err != nil || len(series) == 0 {
			return out, fmt.Errorf("the gateway's histogram is not there: %w", err)
		}
		text := sampleText(series[0].Value[1])
		if cut := strings.IndexByte(text, '.'); cut >= 0 {
			text = text[:cut]
		}
		out[i] = text + " µs"
	}
	return out, nil
}
