// Package price turns the Usage of a Call into its Cost.
//
// It owns the embedded, dated price table (table/*.json), the user's overrides
// and aliases, the matching of a provider's model names to a price, and the
// arithmetic: uncached and cached input, cache writes by lifetime, reasoning,
// audio and images, context-length tiers, service tiers, regions, hours of
// the day and effective dates. It also reads the price lists of other tools
// (Import). It does not count tokens and does not fetch anything.
//
// Entry type: Table, made by New. A Table is immutable but for a bounded cache
// of name matches and the names taken apart, and safe for concurrent use; a reload of the configuration
// makes a new one.
//
// Invariants:
//   - A cost is never a silent zero: what has no price is unpriced, with a reason.
//   - The parts of a Usage are priced instead of, never on top of, the whole
//     they belong to; parts that exceed their whole are cut to it.
//   - A part without a price of its own costs what its whole costs.
//   - What the provider itself reported as cost is kept.
package price
