// Package pipeline is the one way of a record from whoever saw it to the event
// store: join, normalise, deduplicate, price, observe, redact, encode, journal,
// sample, store. It keeps the ledger.
//
// It owns the order of these steps, the queue before the journal, the writer
// behind it, and the accounts of what became of every record. It does not know
// prices, policies, rows or the store: it asks the [Pricer], the [Redactor],
// the [Encoder] and the [Store] that it is given.
//
// [New] gives a [Pipeline]. [Pipeline.Offer] takes a record from the gateway and
// never waits. [Pipeline.Submit] takes records from senders that can be told
// "again, please", and returns nil only when they are durable.
//
// # The way of a record
//
//		Offer ─► queue ─► workers ─┐  join, normalise, deduplicate, price,
//		Submit ────────────────────┴─► observe, redact, encode ─► journal ─► writer: sample ─► store
//
//	  - Metrics are observed of every call that is counted, before sampling, before
//	    redaction, and whether or not the journal then takes it.
//	  - A record that was refused and is sent again is not observed twice.
//	  - Nothing of a record reaches a disk or a subscriber before the Redactor
//	    has seen it.
//	  - The journal's cursor moves only past records whose insert the store
//	    acknowledged at least SafeAge ago and that survived it: the same run of the
//	    store ([Store.Epoch]) still answers. After a restart of either side the
//	    writer reads again from the cursor and leaves out the records that
//	    [Store.Present] knows. Of a store that does not tell of its restarts, a
//	    cluster (Options.Settled), the cursor moves only past records that
//	    [Store.Present] knew at least SafeAge after they were sent.
//
// # Who is counted
//
// One call of a model is often seen several times: by a framework, by the
// provider's library under it, by the gateway. The first to be counted of those
// is the only one; the others are stored as Spans of kind llm, with the
// attribute pitot.counted_by:
//
//	descendant     a Call beneath it is counted. Records that come together (one
//	               Submit) are looked at together, whatever their order; children
//	               end, and come, before their parents, so the leaf is counted
//	ancestor       the Call above it was counted before this one came
//	same_response  another source's Call with the same response id, in the same
//	               trace or at about the same time, is counted. The gateway, which
//	               sees the end first, comes first
//	enclosed       it is a framework's, and the Call of a provider's library that
//	               it encloses in time is counted, though nothing links the two
//
// The Call of a span that another source's Call is counted for is a duplicate.
// What a counted Call does not say of user, session, agent and tags is taken
// from the demoted ones above it in the same batch.
//
// Which spans belong together is remembered of the last JoinWindow spans, each
// about 60 bytes, by hashes of trace and span id; parents in use are forgotten
// last. Cycles, parents that never come and ids used again in other traces do
// no harm. A link between two calls that comes after both were counted is too
// late: pitot_join_late_links_total counts them.
//
// A container (agent, workflow, chain) that states usage of its own (Span.
// Aggregate) is stored at once. Its usage is dropped when a Call beneath it is
// known or comes within Settle, or one above it is counted; else it becomes a
// Call of its own with the note container_usage, whose parent is the container.
// Of nested containers that are decided on together the innermost is counted.
// Until then it is in the journal with the container's span, and the cursor
// stays before that.
//
// # Sampling
//
// Everything is journaled. The writer decides: with a rate below 1 it reads
// records that are Wait old, and keeps those of traces of which something is
// worth keeping (an error, a slow part, a costly call, a rare model,
// [Pipeline.KeepTrace]), all logs, and the share of the others that the hash of
// their trace id draws. Of a Call that is left out Options.Tally makes what keeps
// totals true; the ledger counts it as sampled. What comes later of a kept trace
// is kept. Decisions are remembered until the cursor has passed, so that a
// replay does not turn a tally into a second, whole record. When Pitot stops, it
// decides with what it knows. Subscribers see all calls.
//
// # The ledger
//
// For every source, at every moment and not only at rest:
//
//	received = stored + dropped (by reason) + in flight
//
// A record is in flight from its receipt until the journal's cursor has passed
// it; "stored" therefore means surely on the store's disk, and traffic of the
// last SafeAge is in flight on a healthy system. The usage of a container is
// received when it becomes a Call. The reasons:
//
//	queue_full      offered while the queue was full
//	shutting_down   offered while Pitot stopped
//	duplicate       seen before: the same id, or another source's view of a call that has no span of its own
//	sampled         left out by the configured sampling, but for its tally
//	too_old         older than the retention: the store would not keep it
//	too_large       larger than a row can be, even without its content
//	encode_error    could not be encoded
//	internal_error  a bug: a step panicked on the record
//	journal_full    offered while the journal was full
//	journal_error   offered while the journal could not be written
//	refused         submitted, not taken, and the sender was told to send it again
//	rejected        the store refused the row for good
//	journal_lost    was durable and could not be read back: the disk is bad
//
// "refused" is not a loss when the sender does as told: the next attempt is
// received anew.
//
// The counts are of this process. At start, what the journal holds behind the
// cursor is counted as received and, for sums over restarts, as restored: the
// process before had counted it as received and never as stored. So
//
//	received − restored, summed over all processes = stored + dropped, summed + in flight now
//
// up to records that a crash took between receipt and journal.
//
// # Format of the journal's records, version 2
//
//	version (1 byte, 2) | kind (1 byte: c call, s span, l log,
//	f feedback) | flags (1 byte)
//	| time (Unix nanoseconds, 8 bytes, big endian) | source, id, trace id, span id,
//	parent span id, response id, held (each: unsigned varint length, bytes) |
//	the row as the Encoder made it
//
// The flags: 1 a model call, though a span may stand for it; 2 the Call that is
// counted; 4 it states the usage of its parent, a container; 8 it is kept, and
// its trace. held is the usage that a container states, as a Call in JSON
// without content. These rebuild the memory of duplicates, of who is counted and
// of what is kept at start, from what is behind the cursor.
//
// Version 1 is still read. Its records were sampled before they were journaled:
//
//	version (1 byte, 1) | kind | source, id, trace id "/" response id | time | row
package pipeline
