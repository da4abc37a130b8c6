package pipeline

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Why a record was dropped; the package comment explains each.
const (
	DropQueueFull     = "queue_full"
	DropShuttingDown  = "shutting_down"
	DropDuplicate     = "duplicate"
	DropSampled       = "sampled"
	DropTooOld        = "too_old"
	DropTooLarge      = "too_large"
	DropEncodeError   = "encode_error"
	DropInternalError = "internal_error"
	DropJournalFull   = "journal_full"
	DropJournalError  = "journal_error"
	DropRefused       = "refused"
	DropRejected      = "rejected"
	DropJournalLost   = "journal_lost"
)

// Entry is the account of one source: Received = Stored + the sum of Dropped +
// InFlight.
type Entry struct {
	Source   string            `json:"source"`
	Received uint64            `json:"received"`
	Restored uint64            `json:"restored"` // part of Received: found in the journal at start
	Stored   uint64            `json:"stored"`
	Dropped  map[string]uint64 `json:"dropped"`
	InFlight uint64            `json:"in_flight"`
	// Journaled is the part of InFlight that is in the journal or being written to it.
	Journaled uint64 `json:"journaled"`
}

// maxSources bounds the ledger: source names come from outside.
const maxSources = 32

// otherSource collects the sources past maxSources.
const otherSource = "other"

// unknownSource is where a record does not say where it comes from.
const unknownSource = "unknown"

// ledger accounts for every record. Each step moves records from one account
// to another under one lock, so that every snapshot balances.
type ledger struct {
	mu sync.Mutex
	m  map[string]*account
}

type account struct {
	received, restored, stored uint64
	queued, journaled          uint64 // in flight, before and from the journal on
	dropped                    map[string]uint64
}

// counts is a number of records by source; few sources, so a slice.
type counts []sourceCount

type sourceCount struct {
	source string
	n      uint64
}

func (c *counts) add(source string, n uint64) {
	for i := range *c {
		if (*c)[i].source == source {
			(*c)[i].n += n
			return
		}
	}
	*c = append(*c, sourceCount{source, n})
}

// take takes one back that was added.
func (c *counts) take(source string) {
	for i := range *c {
		if (*c)[i].source == source && (*c)[i].n > 0 {
			(*c)[i].n--
		}
	}
}

// account returns the account of a source. l.mu is held.
func (l *ledger) account(source string) *account {
	if a, ok := l.m[source]; ok {
		return a
	}
	if l.m == nil {
		l.m = map[string]*account{}
	}
	if len(l.m) >= maxSources {
		source = otherSource
		if a, ok := l.m[source]; ok {
			return a
		}
	}
	a := &account{dropped: map[string]uint64{}}
	l.m[source] = a
	return a
}

// receive takes n records of a source on: they are queued.
func (l *ledger) receive(source string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(source)
	a.received += n
	a.queued += n
}

// restore takes on a record that an earlier process left in the journal.
func (l *ledger) restore(source string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(source)
	a.received += n
	a.restored += n
	a.journaled += n
}

// drop writes queued records off.
func (l *ledger) drop(source, reason string, n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.account(source)
	a.queued -= n
	a.dropped[reason] += n
}

// dropAll writes queued records of several sources off.
func (l *ledger) dropAll(c counts, reason string) {
	for _, s := range c {
		l.drop(s.source, reason, s.n)
	}
}

// dropJournaled writes records off that the journal did not take.
func (l *ledger) dropJournaled(c counts, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range c {
		a := l.account(s.source)
		a.journaled -= s.n
		a.dropped[reason] += s.n
	}
}

// journal moves records from the queue to the journal: before they are handed
// over, for the writer may have stored them before the journal has answered.
func (l *ledger) journal(c counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range c {
		a := l.account(s.source)
		a.queued -= s.n
		a.journaled += s.n
	}
}

// settle books what the cursor has passed: stored, rejected, sampled, or lost to
// a bad disk. Nobody knows the sources of the last: those with most in the
// journal pay.
func (l *ledger) settle(stored, rejected, sampled counts, lost uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range stored {
		a := l.account(s.source)
		a.journaled -= s.n
		a.stored += s.n
	}
	for _, s := range rejected {
		a := l.account(s.source)
		a.journaled -= s.n
		a.dropped[DropRejected] += s.n
	}
	for _, s := range sampled {
		a := l.account(s.source)
		a.journaled -= s.n
		a.dropped[DropSampled] += s.n
	}
	for lost > 0 {
		var most *account
		for _, a := range l.m {
			if most == nil || a.journaled > most.journaled {
				most = a
			}
		}
		if most == nil || most.journaled == 0 {
			return // they were never counted: the journal was damaged before it was first read
		}
		n := min(lost, most.journaled)
		most.journaled -= n
		most.dropped[DropJournalLost] += n
		lost -= n
	}
}

// snapshot returns all accounts, by source.
func (l *ledger) snapshot() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Entry, 0, len(l.m))
	for source, a := range l.m {
		e := Entry{
			Source: source, Received: a.received, Restored: a.restored, Stored: a.stored,
			InFlight: a.queued + a.journaled, Journaled: a.journaled, Dropped: make(map[string]uint64, len(a.dropped)),
		}
		maps.Copy(e.Dropped, a.dropped)
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Source, b.Source) })
	return out
}

// ledgerCollector shows the ledger as metrics.
type ledgerCollector struct {
	l                                             *ledger
	received, restored, stored, dropped, inFlight *prometheus.Desc
}

func newLedgerCollector(l *ledger) *ledgerCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("pitot_records_"+name, help, labels, nil)
	}
	return &ledgerCollector{
		l:        l,
		received: desc("received_total", "Records received, those restored from the journal at start included.", "source"),
		restored: desc("restored_total", "Records found in the journal at start.", "source"),
		stored:   desc("stored_total", "Records that are surely in the event store.", "source"),
		dropped:  desc("dropped_total", "Records that were not stored, by reason.", "source", "reason"),
		inFlight: desc("in_flight", "Records received that are neither surely stored nor dropped.", "source"),
	}
}

// Describe implements prometheus.Collector.
func (c *ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.received, c.restored, c.stored, c.dropped, c.inFlight} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	for _, e := range c.l.snapshot() {
		counter(c.received, e.Received, e.Source)
		counter(c.restored, e.Restored, e.Source)
		counter(c.stored, e.Stored, e.Source)
		for reason, n := range e.Dropped {
			counter(c.dropped, n, e.Source, reason)
		}
		ch <- prometheus.MustNewConstMetric(c.inFlight, prometheus.GaugeValue, float64(e.InFlight), e.Source)
	}
}
