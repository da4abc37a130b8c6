// Package dist holds the small probability distributions that the simulated
// providers and the traffic generator draw from.
//
// It owns the representation (a constant, a log-normal, a table of quantiles)
// and sampling from a caller's random source; it owns no parameters. A Dist is
// a plain value, safe to copy and to share.
package dist
