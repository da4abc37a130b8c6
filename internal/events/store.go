package events

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Endpoint is where the engine is: the embedded child, or a cluster's insert
// and select nodes.
type Endpoint struct {
	InsertURL string       // base URL, without /insert
	SelectURL string       // base URL, without /select; default InsertURL
	Client    *http.Client // adds whatever authentication the engine needs
	// InsertClient is for InsertURL; default Client.
	InsertClient *http.Client
	// Epoch changes when rows that were accepted may have been lost: each time
	// the embedded engine becomes ready. nil for a cluster.
	Epoch func() uint64
	// Cluster says how to treat an outside cluster; nil: the engine is one's own.
	Cluster *Cluster
}

// Options set up a Store. All are optional.
type Options struct {
	Retention time.Duration // how far back the engine keeps rows; default 30 days
	// Tenants are those beside the default one, whose rollups are kept too.
	Tenants    []string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Leads says whether this replica keeps the rollups; nil: it does.
	Leads func() bool
	Now   func() time.Time // the clock; default time.Now
}

// Store is the event store. It is safe for concurrent use.
type Store struct {
	ep        Endpoint
	log       *slog.Logger
	now       func() time.Time
	retention time.Duration
	metrics   *storeMetrics
	rollups   rollupState
	leads     func() bool
	tenants   []string
	limits    limits
	cold      atomic.Pointer[coldDays]
	hotFrom   atomic.Int64 // Unix ns; 0: as far back as the retention
	hotGate   sync.RWMutex // held for reading by inserts from the look at hotFrom on
	gate      sync.RWMutex // held for reading by inserts, for writing by Freeze
	deleting  sync.Mutex   // one deletion at a time
}

// limits bound the work of queries.
type limits struct {
	// The quantiles of a timeline of up to exactQuantiles Calls come from sorting
	// all their durations, of up to liveQuantiles from counting them into buckets,
	// of more from rollups. These have a row for each combination of dimensions of
	// each hour, so that they are no faster for fewer Calls.
	exactQuantiles, liveQuantiles int64
	traceRows                     int // records of one page of traces
	traceRecords                  int // calls, and other spans, of one trace
}

func defaultLimits() limits {
	return limits{exactQuantiles: 50_000, liveQuantiles: 2_000_000, traceRows: 100_000, traceRecords: 10_000}
}

// New returns a Store over an engine. It sends nothing yet.
func New(ep Endpoint, opt Options) (*Store, error) {
	if ep.InsertURL == "" {
		return nil, errors.New("events: no engine URL is given")
	}
	if ep.SelectURL == "" {
		ep.SelectURL = ep.InsertURL
	}
	ep.InsertURL = strings.TrimSuffix(ep.InsertURL, "/")
	ep.SelectURL = strings.TrimSuffix(ep.SelectURL, "/")
	if ep.Client == nil {
		ep.Client = &http.Client{Transport: http.DefaultTransport}
	}
	if ep.InsertClient == nil {
		ep.InsertClient = ep.Client
	}
	if opt.Retention <= 0 {
		opt.Retention = 30 * 24 * time.Hour
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	s := &Store{
		ep:        ep,
		log:       opt.Logger.With("component", "events"),
		now:       opt.Now,
		retention: opt.Retention,
		tenants:   opt.Tenants,
		metrics:   newStoreMetrics(),
		limits:    defaultLimits(),
		leads:     opt.Leads,
	}
	if opt.Registerer != nil {
		if err := s.metrics.register(opt.Registerer); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Epoch changes when rows that Insert accepted before may have been lost.
func (s *Store) Epoch() uint64 {
	if s.ep.Epoch == nil {
		return 1
	}
	return s.ep.Epoch()
}

// Retention is how far back rows are kept.
func (s *Store) Retention() time.Duration { return s.retention }

// Accepts reports whether the engine stores a row of this time: neither older
// than the retention nor too far in the future.
func (s *Store) Accepts(t time.Time) bool {
	now := s.now()
	return t.After(now.Add(-s.retention)) && t.UnixNano() >= s.hotFrom.Load() && t.Before(now.Add(maxFuture))
}

// maxFuture is how far in the future the engine takes rows: until the end of
// the day after tomorrow; this is the safe part of it.
const maxFuture = 47 * time.Hour

// Ready reports whether the engine takes and answers requests now.
func (s *Store) Ready(ctx context.Context) error { return s.ping(ctx) }

// WaitReady waits until the engine answers, or ctx ends.
func (s *Store) WaitReady(ctx context.Context) error {
	const every = 50 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
