// Package gateway is the transparent proxy between LLM clients and providers.
//
// A request for /{upstream}/rest goes to that upstream's base URL with the same
// bytes, and the answer comes back with the same bytes, order, timing and
// errors. A copy of what passes is decoded on the side, after it has been
// forwarded, into a Call that is handed to a Sink.
//
// The package owns routing, forwarding, the streaming tee and upstream errors.
// It does not own what becomes of a Call: pricing, redaction, storage and
// metrics of calls are behind Sink.
//
// Invariants: nothing here waits for the Sink; a failure to decode or to record
// never changes what the client sees; memory a request takes is bounded by
// Config.MaxBody whatever its length; a header that starts with X-Pitot- is
// never forwarded.
package gateway
