// Package metrics owns everything that is a time series: the catalogue of
// metric families that Pitot derives from Calls, the embedded Prometheus
// (time-series database, PromQL engine, scraping, rules, remote write and
// read) and the Prometheus HTTP API over it.
//
// Entry types are Catalogue, which turns each llm.Call into samples on the hot
// path, and Metrics, which Open returns: the store. The life of a store is
// Open, an optional Backfill, Start, any number of Reloads, Close.
//
// What others measured becomes Pitot's vocabulary here too: presets scrape
// model servers and shipped rules translate their names (preset.go,
// rulepack.go), a collector and exporters give the llm_gpu_* families, and
// metrics of OTLP senders are bounded, added up and taken over (senders.go,
// collapse.go, derive.go).
//
// It does not own alert delivery (rules hand alerts to an injected NotifyFunc),
// nor authentication, nor the listener that the handlers are mounted on.
//
// Invariants:
//   - One table (Families) defines every family; the series, /metrics and
//     docs/metrics.md are made from it and cannot drift apart.
//   - Memory is bounded whatever the label values: each label has a limit of
//     distinct values, label sets have a limit in all, and what is past a limit
//     is counted under the value __other__, never dropped.
//   - A sum over a family counts each Call once: a sender's copy of a family that
//     Pitot derives from the same Calls is stored under another name.
//   - A configuration is applied whole or not at all.
//   - No other package imports Prometheus' tsdb, promql, scrape, rules,
//     storage/remote or web/api/v1.
package metrics
