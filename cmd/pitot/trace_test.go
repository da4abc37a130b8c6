package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/llm"
)

func TestTraceSaysWhatItLacks(t *testing.T) {
	draw := func(tr *api.Trace) string {
		var out bytes.Buffer
		drawTrace(&streams{out: &out}, tr, 10)
		return out.String()
	}
	tr := &api.Trace{TraceID: "abc", Start: time.Now(), DurationSeconds: 1, Spans: []api.TraceSpan{{SpanID: "1", Name: "root", Kind: "agent", Status: llm.StatusOK, DurationSeconds: 1}}}
	if got := draw(tr); strings.Contains(got, "partial") || !strings.Contains(got, "tokens in –, out –") {
		t.Errorf("%s", got)
	}
	tr.Partial, tr.MissingRecords, tr.InputTokens = true, 12_345, llm.Some[int64](7)
	if got := draw(tr); !strings.Contains(got, "partial: 12345 more calls and spans") || !strings.Contains(got, "tokens in 7, out –") {
		t.Errorf("%s", got)
	}
}
