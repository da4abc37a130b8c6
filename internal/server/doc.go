// Package server builds Pitot from its parts in one visible place, runs it,
// reloads it and drains it.
//
// It owns the order in which parts start and stop, the listeners, the status and
// what a reload means. It has no logic of its own beyond that: what a part does
// is the part's business.
//
// New validates everything before it starts anything. Run serves until its
// context ends, then drains: the gateway first, the stores last, so that what
// was accepted is kept.
package server
