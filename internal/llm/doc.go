// Package llm is the vocabulary that the whole of Pitot shares: the Call, its
// Usage, its Cost and its Timeline, the Span and the Log, and the names of
// operations and providers.
//
// It is pure: no input or output, no clock, no goroutine, no package of ours
// imported. Its JSON forms are the ones that the API returns, that the journal
// keeps and that the event store indexes, so that a record is encoded once on
// its way from the request to the disk.
package llm
