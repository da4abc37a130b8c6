// Package doctor says of every sender of telemetry what it delivers, what it
// does not, and which setting of the sender would change that; and of a view
// without data, why it may have none.
//
// It owns the knowledge of the instrumentations (knowledge.go) and the rules by
// which counts become findings. It counts nothing itself: the event store
// supplies Sender, the metric store Histogram. It is pure: no input or output,
// no clock.
//
// The entry points are Diagnose and Causes. Invariants:
//
//   - A finding rests on what was received, never on the instrumentation's name
//     alone: what arrives is delivered, whatever the knowledge says.
//   - Nothing is called missing before a sender had the chance to send it: a
//     failed call has no usage, an embedding no finish reason.
//   - A setting that is named exists under that name in the instrumentation.
package doctor
