// Package probe asks models known questions on a schedule and judges the
// answers: a blackbox exporter for models. A probe is an ordinary call through
// the gateway, so that it is recorded, priced and traced like any other; its
// service is ServiceName, which keeps it apart from real traffic.
//
// It owns the schedule, the questions in each dialect, the judgement of answers
// and the spending cap. It does not own how calls travel (the gateway) or what
// they cost (the pipeline, whose Calls come back by ObserveCall).
//
// The entry type is Prober.
//
// Invariants: a probe never runs twice at once; past its cap it does not run
// until the next day (UTC); a probe that hangs ends by its timeout and holds up
// no other; nothing is sent that the configuration does not name.
package probe
