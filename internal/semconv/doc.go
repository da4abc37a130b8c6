// Package semconv turns OpenTelemetry spans and log records of any dialect
// (OpenTelemetry GenAI in all its versions, OpenLLMetry, OpenInference, OpenLIT,
// Langfuse, Vercel AI SDK, pydantic-ai, coding agents, ...) into Pitot's records.
//
// It owns the knowledge of attribute names. One table (table.go) says for each
// canonical field from which attributes it may come, in order of preference;
// New compiles it, so that one pass over the attributes of a span fills
// everything. What a table cannot say (content, usage arithmetic, the roles of
// spans, the events of coding agents) has a file each.
//
// It does no input or output and keeps nothing between two batches: whether a
// container's children were seen, whether another record counts the same call,
// is the pipeline's business. It neither prices nor cuts nor redacts.
//
// Invariants:
//   - Nothing that a sender sends makes it fail or panic. What cannot be kept is
//     counted in Result.Rejected, with its reason; the rest of the batch is kept.
//   - A number that was not sent stays unknown; it is never guessed.
//   - Attributes stay as they were sent, except message content, which is in
//     Input, Output or Tools and nowhere else.
//   - A Normalizer is safe for concurrent use.
package semconv
