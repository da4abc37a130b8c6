package pipeline

import "time"

// The kinds of a JournalEntry.
const (
	EntryCall byte = kindCall
	EntrySpan byte = kindSpan
	EntryLog  byte = kindLog

	EntryFeedback byte = kindFeedback
)

// JournalEntry is one record in the journal, for consumers of the journal besides the
// pipeline's own writer: what says where it belongs, and its rows.
type JournalEntry struct {
	Kind   byte // EntryCall, EntrySpan, EntryLog, EntryFeedback, or that of a newer Pitot
	Source string
	ID     string
	Time   time.Time
	Row    []byte // as the Encoder made it; aliases the journal record
}

// OpenEntry takes a journal record apart without decoding its rows.
func OpenEntry(b []byte) (JournalEntry, error) {
	h, row, err := openEnvelope(b)
	if err != nil {
		return JournalEntry{}, err
	}
	return JournalEntry{Kind: h.kind, Source: h.source, ID: h.id, Time: h.time, Row: row}, nil
}
