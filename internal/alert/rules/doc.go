// Package rules owns what Pitot evaluates as Prometheus rules, up to the point
// where the engine takes over: the packs that are shipped, the users' rule
// files and PrometheusRule resources, and the tools to check, test and render
// them.
//
// It does not evaluate rules of the running server and does not send alerts:
// internal/metrics does the first, the Alertmanager the second. It produces
// Files, which are plain rule files in memory.
//
// The entry type is Rules. Invariants:
//
//   - A File that leaves the package is valid: the engine takes it as it is.
//   - A broken file never stops another one. It is named as a Problem with its
//     line, and the last version of it that was good stays in force.
//   - A shipped pack reads nothing but the metric catalogue and its own records,
//     so that each can be switched off alone.
package rules
