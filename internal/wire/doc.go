// Package wire decodes what goes over the wire between LLM clients and model
// servers: it recognises which API a request calls (Match), reads the request
// (DecodeRequest) and the response as it passes by (Decoder), and fills an
// llm.Call with models, messages, usage, errors and timing. It also writes the
// little that the gateway changes or says itself: AskUsage and UsageFilter,
// ErrorBody.
//
// It owns the dialects, one file each. It does no input or output, has no
// clock and starts no lasting goroutine; it neither prices nor redacts.
//
// Invariants:
//   - Nothing that a server or a client sends makes it fail or panic: what is
//     malformed becomes a note on the Call.
//   - However a response is cut into writes, the same Call comes out.
//   - Memory is bounded: Options for a response, maxFrame for one event.
//   - A number that was not reported stays unknown; it is never guessed.
package wire
