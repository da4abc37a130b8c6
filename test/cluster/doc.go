// Package cluster tests Pitot as several processes over outside stores: capture
// and query replicas, engine nodes, one of them upstream's own victoria-logs,
// and Prometheus or VictoriaMetrics for metrics. `make cluster` runs all of it,
// `make cluster-short` what needs nothing but Pitot itself.
//
// PITOT_BIN is the binary; without it the tests are skipped. PITOT_UPSTREAM is
// a directory with the programs victorialogs, prometheus and victoriametrics;
// what is missing there is left out, and Pitot stands in for it.
package cluster
