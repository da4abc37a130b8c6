// Package provider simulates the providers of language models over HTTP, in
// their real wire formats: OpenAI (chat completions, completions, responses,
// embeddings, images, audio, moderations) and its compatible flavours,
// Anthropic messages, Gemini, Bedrock (converse and invoke, with the AWS event
// stream), Cohere and Ollama; further model lists, files and a WebSocket echo,
// which are not model calls.
//
// It owns the formats, the pacing and the faults of answers. It does not own
// who calls when: that is package traffic. The entry type is Server, an
// http.Handler that answers for every provider at once: the end of the path
// says which format is meant, so that any prefix works as a base URL.
//
// Invariants: the same Config and the same order of requests give the same
// answers; a request may dictate its answer by X-Fake-* headers (see Control);
// what was sent is kept in a bounded log (see Truth), so that a test can
// compare it with what was recorded.
package provider
