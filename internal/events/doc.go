// Package events is the event store: Calls, Spans, Logs and Feedback, their
// queries, and the rollups that answer for long ranges.
//
// It owns the form of the stored rows (see row.go), the queries over them, the
// rollup job and the reverse proxy for LogsQL clients. It does not own the
// engine: it speaks to it over HTTP alone, so that the embedded engine and a
// VictoriaLogs cluster are one code path, and it does not own the journal: a
// row that Insert accepted may be lost when the engine crashes within about
// two seconds, and the pipeline replays it then, skipping what Present finds.
//
// The entry type is Store. Invariants:
//
//   - Every query has a time range, names its fields before it sorts, and reads
//     content (prompts and answers) only where one record, or a page of one
//     session, is asked for.
//   - Values of users reach LogsQL through quote alone, and filters of users
//     through the engine's extra_filters argument, which cannot leave its place.
//   - Rows without a status or an id are not records: the engine's deletions
//     leave such ghosts behind.
//   - A number that is not known is left out of answers, never 0.
package events
