// Package quality judges answers: by rules, on a sample of all calls, and by
// judges, which are models asked through the gateway.
//
// It owns the rules ([Rules]), the rubrics and the questions to judges, what
// judges may cost, and the queue between the pipeline and all of that. It does
// not own what becomes of a judgement: that is the [Sink]'s business. Nor does
// it own how judges' calls travel (the gateway) or what they cost (the pipeline,
// whose Calls come back by ObserveCall).
//
// The entry type is [Quality].
//
// Invariants:
//
//   - ObserveCall never waits and keeps nothing of the Call: it copies what is
//     judged, up to a bound, and drops with a count when the queue is full.
//   - Calls of judges and of probes are never judged.
//   - Explanations of rules have no content: they say where and how often, not
//     what. What a judge sees is masked before.
//   - A judge that is over its budget, broken or slow holds up no other.
package quality
