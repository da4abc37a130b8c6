// Package fleet simulates what model servers and GPUs say about themselves:
// the metrics of vLLM, SGLang and dcgm-exporter, as if the company of package
// traffic ran them. It answers no model call; package provider does.
//
// Requests arrive, wait, are worked on in a batch that gets slower the fuller it
// is, fill the KV cache and are pushed out of it; the figures follow from that.
// The load goes up and down with Config.Load, and what happens to one server in
// an incident is that more comes in than it can do.
//
// The entry type is Fleet. Advance lets time pass, Families shows what a server
// says then, and ServeHTTP serves it to a scraper at the present time. The same
// Config gives the same figures at the same times after its Start, whatever the
// steps.
package fleet
