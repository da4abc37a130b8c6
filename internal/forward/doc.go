// Package forward sends what Pitot records on to stores of others: logs, calls
// and spans to Elasticsearch or OpenSearch (`_bulk`) and to any OTLP endpoint.
//
// It owns the `forward:` section, the form of the documents in Elasticsearch,
// the requests, their retries, and one cursor in the journal for each
// destination, named forward-NAME. It does not own the journal, the form of the
// records in it (it asks Options.Decode) or the form of OTLP (it asks
// Options.AppendTraces and Options.AppendLogs).
//
// The entry type is Forwarder: New, Run, any number of Reloads.
//
// # The way of a record
//
//	journal ─► cursor ─► decode, choose ─► batch ─► request ─► acknowledged ─► commit
//
// A destination gets what is stored in Pitot, as it is stored: after sampling,
// with its content masked and cut by the policy of `capture:`.
//
// # Invariants
//
//   - At least once: a cursor moves past a record when its destination has
//     acknowledged or refused it, not before. After a crash the last batch is
//     sent again. In Elasticsearch that makes no duplicates: the document's id is
//     the record's, and it is only ever created.
//   - A destination holds at most max_backlog of the journal. Past that the
//     oldest records are skipped, for this destination alone, and counted: a
//     destination that is down never makes the journal refuse records.
//   - A new destination begins at the oldest record that the journal still has,
//     which is seconds old where the event store is well. The cursor of a
//     destination that is configured no more is removed.
//   - What a destination refuses for what it is (4xx of one record) is dropped and
//     counted. Answers that speak of the destination rather than of the records
//     (down, busy, wrong password, wrong address) are tried again for as long as
//     the backlog allows.
//   - Requests go to the configured URL and nowhere else: redirects are not
//     followed.
package forward
