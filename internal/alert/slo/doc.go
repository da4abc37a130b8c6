// Package slo turns declarations of service level objectives into Prometheus
// rules and says how they are doing.
//
// It owns the declaration (the `slos:` section and OpenSLO files), the maths of
// error budgets (pure functions), the recording and alerting rules of each
// objective, and the status that is read back from their series. It does not
// evaluate rules, send alerts or keep state: all state is in the series.
//
// Entry type: Set, from Load. Set.RuleFiles are files for the rules engine;
// Set.Status reads the series that they record.
//
// Invariants: what is generated is PromQL that any Prometheus evaluates, without
// experimental features. Raw series are read over one short window only
// (SLO.Resolution); every longer window is a sum of what was recorded from it.
// An objective without traffic has no value, and does not alert.
package slo
