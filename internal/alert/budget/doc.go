// Package budget counts what calls spend against declared budgets, says when a
// threshold is passed, and tells the gateway whether a call may still go out.
//
// It owns the `budgets:` section, the accounts of each budget, their snapshot
// file, the notifications that are due and the decision on a call. It does not
// price calls (they come priced), send notifications or answer HTTP.
//
// Entry type: Engine, from New. Record counts a call that has ended, Allow is
// asked before one starts, Run notifies and saves, Status and the Collector
// show.
//
// Invariants: memory is bounded by the accounts of a budget (MaxAccounts) and
// the ids that are remembered (maxRecent). A call counts at its own time, once.
// Only `enforce: hard` ever denies; whatever goes wrong in Allow admits.
// Amounts are whole nano-dollars or tokens, so that sums do not depend on the
// order of calls.
package budget
