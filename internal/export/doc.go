// Package export writes tables as files that other programs read: CSV and
// Parquet.
//
// It owns the two formats. What the columns are and where the rows come from is
// its caller's business.
//
// Entry points: [NewCSV] and [NewParquet], which make a [Writer] of a list of
// [Column]. Invariants:
//
//   - What is not known is absent: an empty cell, a null; never 0.
//   - A spreadsheet does not take text for a formula.
//   - Memory does not grow with the number of rows.
package export
