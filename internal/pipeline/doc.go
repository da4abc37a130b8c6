// Package pipeline is the one way of a record from whoever saw it to the event
// store: normalise, deduplicate, price, observe, sample, redact, encode,
// journal, store. It keeps the ledger.
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
//		Offer ─► queue ─► workers ─┐  normalise, deduplicate, price, observe,
//		Submit ────────────────────┴─► sample, redact, encode ─► journal ─► writer ─► store
//
//	  - Metrics are observed of every call that is not a duplicate, before
//	    sampling, before redaction, and whether or not the journal then takes it.
//	  - A record that was refused and is sent again is not observed twice.
//	  - Nothing of a record reaches a disk or a subscriber before the Redactor
//	    has seen it.
//	  - The journal's cursor moves only past records whose insert the store
//	    acknowledged at least SafeAge ago and that survived it: the same run of the
//	    store ([Store.Epoch]) still answers. After a restart of either side the
//	    writer reads again from the cursor and leaves out the records that
//	    [Store.Present] knows.
//
// # The ledger
//
// For every source, at every moment and not only at rest:
//
//	received = stored + dropped (by reason) + in flight
//
// A record is in flight from its receipt until the journal's cursor has passed
// it; "stored" therefore means surely on the store's disk, and traffic of the
// last SafeAge is in flight on a healthy system. The reasons:
//
//	queue_full      offered while the queue was full
//	shutting_down   offered while Pitot stopped
//	duplicate       seen before, by id, or by trace and response id from another source
//	sampled         left out by the configured sampling
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
// # Format of the journal's records, version 1
//
//	version (1 byte, 1) | kind (1 byte: c call, s span, l log) | source, id, pair
//	(each: unsigned varint length, bytes) | time (Unix nanoseconds, 8 bytes, big
//	endian) | the row as the Encoder made it
//
// pair is trace id "/" response id of a call that has both, else empty; it and the
// id rebuild the memory of duplicates at start.
package pipeline
