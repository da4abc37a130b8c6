// Package redact decides what content of a record may be kept. It is the last
// step before the journal, on every way in: what it removes is never on disk,
// in a query's answer or in an export.
//
// It owns the content modes (full, summary, metrics), the limits on each part,
// the replacement of inline media by type, size and hash, the masking of
// secrets and personal data, and the hashing of user ids. It does not own the
// limits on how much of a body is captured (the gateway's) or how long content
// is kept (the event store's).
//
// The entry type is [Policy], built by [New] from a [Config]; its methods Call,
// Span and Log change a record in place.
//
// Invariants:
//   - What was valid JSON stays valid JSON; what was valid UTF-8 stays so.
//   - Applying a Policy twice gives what applying it once gives.
//   - Maps are never written to, they are replaced: senders share resource maps
//     between the records of a batch.
//   - A record in which there is nothing to mask costs no allocation.
//   - A Policy is immutable: any number of goroutines may use one.
package redact
