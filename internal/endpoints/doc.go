// Package endpoints makes one HTTP client of several URLs of one store: the
// insert or select side of an event cluster, or the query side of a metric
// store. It sends each request to one of them, in turn, and leaves out those
// that do not answer.
//
// It owns credentials and TLS towards the store, the health of each URL, and
// the choice of the next one. It does not own what is asked, and queues and
// repeats nothing that may have been carried out.
//
// Entry type: Pool, from New. Invariants:
//
//   - A request of a Pool that writes is sent to one URL. It goes to another
//     one only where the first did surely not take it: no connection came
//     about, or the answer says that it takes nothing now. The error of a
//     request that surely reached none is a *NotSentError.
//   - A request of a Pool that reads goes to each URL at most once.
//   - A URL that does not answer its health check is left out, and what waits
//     for its answer is given up.
//   - A Pool of which no URL answers tries all the same: health is a guess.
package endpoints
