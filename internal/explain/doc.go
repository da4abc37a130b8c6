// Package explain says what changed between two sets of Calls: why the error
// rate rose, what made answers slow, who drives the cost.
//
// It owns the analysis (which subpopulation changed, by how much, since when,
// and whether that is more than chance), the selections that people and alerts
// name, and the sentences that say the result. It does not own the Calls: a
// Source streams those of a selection, and the package keeps the few columns
// that it needs, bounded, for as long as one question takes. It sends nothing
// and stores nothing.
//
// The entry point is Explain; FromAlert makes its Request from an alert.
//
// How it works: the window's and the baseline's Calls become a frame of
// dictionary-encoded columns. A model of main effects, fitted on the baseline,
// says what each Call of the window should have looked like, so that a change
// of mix is not taken for a change of behaviour. A beam search over conjunctions
// of up to three dimensions then finds the set of Calls whose behaviour changed,
// scored by likelihood ratio, generalised while what is left out changed as
// well. Found causes are taken out and the search goes on.
//
// Invariants:
//
//   - A cause is claimed only where its change is significant after correction
//     for all the sets that were looked at and for how much the baseline itself
//     varies over time, and large enough to matter.
//   - Numbers that are not known are left out of sums, never read as 0; what
//     cannot be told is said in Notes.
//   - The same Request over the same Calls gives the same Explanation.
//   - Memory is bounded by Limits, whatever the Source yields: past the bounds
//     Calls are sampled without bias, and the Explanation says so.
package explain
