// Package replay reads recorded model traffic (cassettes: lines of JSON,
// compressed by Zstandard) and serves it again over HTTP, paced as wanted.
//
// It owns the form of a line and the pacing; what a recording means is for the
// decoders that are tested with it. Entry points are Cassettes, Handler and
// Exchanges, which reads recordings that have the span expected of them.
package replay
