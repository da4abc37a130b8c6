// Package corpus makes the texts of simulated calls: English and Chinese
// prose of support, operations and programming, built from a small vocabulary
// of the project's own, the same in every run.
//
// It owns the words and their split into tokens. A text is a substring of one
// long text, so that drawing one allocates nothing; it holds no character that
// JSON must escape, so that it can be written between quotes as it is.
package corpus
