// Package forecast says what will have been spent by the end of a day or month.
//
// It owns the maths and nothing else: no clock, no store. Spending has a shape
// over the hours of the day and the days of the week, and a level; both are
// learned from the past, as far as there is enough of it.
//
// The entry point is [New], then [History.Today] and [History.Month]. Invariants:
//
//   - Constant spending is projected exactly.
//   - Where there is too little history, it says so and projects nothing.
//   - A projection is never less than what was spent.
package forecast
