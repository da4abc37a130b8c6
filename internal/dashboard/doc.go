// Package dashboard owns the dashboards: what they show, how it is queried and
// in which words, in English and Chinese. Grafana's JSON is made from the
// definitions, and Pitot's own pages read the same ones.
//
// It does not own the metrics (internal/metrics), the records of objectives
// (internal/alert/slo), nor any query's execution.
//
// Entry points: Dashboards returns the definitions, Files everything that a
// Grafana needs as files.
//
// Invariants:
//   - Every query has the dashboard's variables as matchers, so that a choice
//     holds for each panel.
//   - Expressions are PromQL but for Grafana's variables ($service) and macros
//     ($__rate_interval, $__range); whoever runs them replaces these.
//   - The files below deploy/grafana are what Files returns.
package dashboard
