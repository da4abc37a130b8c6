package pipeline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestOpenEntrySaysWhatAJournalRecordIs(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)
	for _, c := range []struct {
		r    llm.Record
		want JournalEntry
	}{
		{llm.Record{Call: &llm.Call{ID: "c", Time: at, Source: llm.SourceGateway, TraceID: "t", ResponseID: "r"}}, JournalEntry{Kind: EntryCall, Source: "gateway", ID: "c"}},
		{llm.Record{Span: &llm.Span{ID: "s", Time: at, Source: llm.SourceOTLP}}, JournalEntry{Kind: EntrySpan, Source: "otlp", ID: "s"}},
		{llm.Record{Log: &llm.Log{ID: "l", Time: at, Source: llm.SourceOTLP}}, JournalEntry{Kind: EntryLog, Source: "otlp", ID: "l"}},
	} {
		b := append(appendEnvelope(nil, headerOf(c.r)), "the rows"...)
		got, err := OpenEntry(b)
		if err != nil {
			t.Fatal(err)
		}
		c.want.Time, c.want.Row = at, []byte("the rows")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
		for n := range len(b) - len("the rows") {
			if _, err := OpenEntry(b[:n]); err == nil {
				t.Errorf("%d of %d bytes are opened without an error", n, len(b))
			}
		}
	}
}
