// Package breakdown says where the time of a Call went: client, gateway,
// connection, network and queue, prefill, decode, stalls, tail.
//
// It owns the phases and the reasoning from evidence to bounds. It collects no
// evidence: whoever asks brings the Call, the span of its caller and what the
// model server's metrics say. It is pure.
//
// The entry point is Of. Invariants:
//
//   - A phase is a value where somebody measured it, and bounds otherwise: what
//     is true lies within them as long as the evidence is true.
//   - Phases do not overlap, and the duration lies between the sum of their
//     lower and the sum of their upper bounds.
//   - What cannot be told is said in words, never shown as 0.
package breakdown
