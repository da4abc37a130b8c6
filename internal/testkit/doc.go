// Package testkit helps tests and benchmarks of the whole project: waiting for
// a condition, golden files, loopback listeners, child processes that are
// always ended, comparison of a part of a JSON document, and finding the
// shared test data.
//
// It imports the standard package testing, so nothing that ships may import
// it. What `pitot demo` needs is in the subpackages, which do not: provider
// simulates providers, traffic makes load and history, fleet simulates model
// servers and GPUs, corpus and dist serve them; replay reads recorded traffic.
package testkit
