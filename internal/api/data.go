package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// Data manages what is stored. Its methods may take minutes, and end what they
// began though the client has gone. What is removed is the tenant's of the context.
type Data interface {
	// Snapshot makes a copy of all stores that does not change, next to them.
	Snapshot(ctx context.Context) (*SnapshotReport, error)
	// ReleaseSnapshot removes one; false where none has the id.
	ReleaseSnapshot(id string) (bool, error)
	// Stats says what is stored, by day, tenant, kind and service: of the tenant of
	// the context, or of all.
	Stats(ctx context.Context, r events.Range, all bool) (*DataReport, error)
	// Clean removes records by age, service and kind; dry only counts.
	Clean(ctx context.Context, c events.Cleaning, metrics, dry bool) (*CleanReport, error)
	// Erase removes all of one user, session, trace or call; dry only counts.
	Erase(ctx context.Context, e events.Erasure, dry bool) (*EraseReport, error)
}

// DataReport is what is stored.
type DataReport struct {
	Time time.Time         `json:"time"`
	Rows []events.DataStat `json:"rows"`
	Days []DataDay         `json:"days"`
	// Stores are the bytes on disk of each store.
	Stores map[string]int64 `json:"stores"`
	// Note says what the bytes of rows hold.
	Note string `json:"note"`
}

// DataDay is a day of the event store.
type DataDay struct {
	Day   time.Time `json:"day"`
	Tier  string    `json:"tier"`  // hot, or cold
	Bytes int64     `json:"bytes"` // of its files
}

// CleanReport is what a cleaning removed, or would.
type CleanReport struct {
	Tenant string           `json:"tenant,omitempty"` // whose; empty: the default tenant's
	DryRun bool             `json:"dry_run"`
	End    time.Time        `json:"end"` // records before it
	Rows   map[string]int64 `json:"rows"`
	Days   []string         `json:"days,omitempty"` // that went whole
	// Metrics says whether the metrics of that time went, too.
	Metrics bool `json:"metrics"`
}

// EraseReport is what an erasure removed, or would.
type EraseReport struct {
	Tenant string           `json:"tenant,omitempty"` // whose; empty: the default tenant's
	DryRun bool             `json:"dry_run"`
	Time   time.Time        `json:"time"`
	Rows   map[string]int64 `json:"rows"`
	Done   []string         `json:"done"`
	// NotReached is what may still hold something of it, and what to do there.
	NotReached []string `json:"not_reached"`
}

// SnapshotReport describes a snapshot of the stores.
type SnapshotReport struct {
	ID      string    `json:"id"`
	Dir     string    `json:"dir"` // on the server's machine
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"` // when the server removes it
	Version string    `json:"version"` // of the server
	DataDir string    `json:"data_dir"`
	Days    int       `json:"days"`
	// HeldSeconds is for how long the event store took no records; they waited in
	// the journal.
	HeldSeconds float64 `json:"held_seconds"`
}

// adminTimeout bounds one piece of work on the stores.
const adminTimeout = time.Hour

// maxAdminBody bounds the body of a request to the admin API.
const maxAdminBody = 64 << 10

func (s *server) dataRoutes(m routed) {
	if s.Data == nil {
		return
	}
	m.Handle("POST "+base+"/admin/snapshots", s.work(s.snapshot))
	m.Handle("DELETE "+base+"/admin/snapshots/{id}", s.work(s.releaseSnapshot))
	m.Handle("GET "+base+"/admin/data", s.work(s.dataStats))
	m.Handle("POST "+base+"/admin/data/clean", s.work(s.cleanData))
	m.Handle("POST "+base+"/admin/data/erase", s.work(s.eraseData))
}

// work is answer for what takes long and is not to be left half done.
func (s *server) work(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), adminTimeout)
		defer cancel()
		v, err := e(r.WithContext(ctx))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.writeJSON(w, r, http.StatusOK, v)
	})
}

// adminBody decodes the body of a request strictly; none is an empty object.
func adminBody(r *http.Request, v any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxAdminBody))
	dec.DisallowUnknownFields()
	err := dec.Decode(v)
	if err == nil {
		if _, err = dec.Token(); err == nil {
			return badBody("the body holds more than one object", "send one JSON object")
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return badBody("the body is not what this endpoint takes: "+cut(err.Error()), "GET "+base+"/openapi.yaml describes it")
	}
	return nil
}

func (s *server) snapshot(r *http.Request) (any, error) { return s.Data.Snapshot(r.Context()) }

func (s *server) releaseSnapshot(r *http.Request) (any, error) {
	id := r.PathValue("id")
	found, err := s.Data.ReleaseSnapshot(id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, notFound("snapshot", id, "it may have expired")
	}
	return map[string]string{"status": "released"}, nil
}

func (s *server) dataStats(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	rg, tenant := p.openRange(), p.tenant()
	if err := p.check(); err != nil {
		return nil, err
	}
	ctx := dataTenant(r.Context(), tenant)
	return s.Data.Stats(ctx, rg, llm.TenantOf(ctx) == llm.DefaultTenant)
}

// tenant is the parameter that says whose data is meant. It need not be declared:
// what a tenant left behind that was taken out of the list can be removed.
func (p *params) tenant() string {
	t := p.get("tenant")
	if t != "" {
		if err := llm.CheckTenant(t); err != nil {
			p.fail(badParameter("tenant", t, "a tenant such as acme, or acme/web for a project of it"))
		}
	}
	return t
}

// dataTenant is the context of work on the data of a tenant; where none is named,
// of the one that the request is about.
func dataTenant(ctx context.Context, named string) context.Context {
	if named == "" {
		return ctx
	}
	return llm.WithTenant(ctx, named)
}

// cleanBody is the body of a cleaning.
type cleanBody struct {
	OlderThan string   `json:"older_than"`
	Service   string   `json:"service"`
	Kinds     []string `json:"kinds"`
	Metrics   bool     `json:"metrics"`
	DryRun    *bool    `json:"dry_run"`
}

func (s *server) cleanData(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	tenant := p.tenant()
	if err := p.check(); err != nil {
		return nil, err
	}
	var b cleanBody
	if err := adminBody(r, &b); err != nil {
		return nil, err
	}
	age, err := model.ParseDuration(b.OlderThan)
	if err != nil {
		return nil, badBody("older_than is not a duration", "such as 30d or 12h")
	}
	c := events.Cleaning{Range: events.Range{End: s.Now().Add(-time.Duration(age))}, Service: b.Service, Kinds: b.Kinds}
	return s.Data.Clean(dataTenant(r.Context(), tenant), c, b.Metrics, b.DryRun == nil || *b.DryRun)
}

// eraseBody is the body of an erasure.
type eraseBody struct {
	User    string `json:"user"`
	Session string `json:"session"`
	TraceID string `json:"trace_id"`
	CallID  string `json:"call_id"`
	DryRun  *bool  `json:"dry_run"`
}

func (s *server) eraseData(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	tenant := p.tenant()
	if err := p.check(); err != nil {
		return nil, err
	}
	var b eraseBody
	if err := adminBody(r, &b); err != nil {
		return nil, err
	}
	return s.Data.Erase(dataTenant(r.Context(), tenant), events.Erasure{User: b.User, Session: b.Session, TraceID: b.TraceID, CallID: b.CallID}, b.DryRun == nil || *b.DryRun)
}

// partial says that an answer lacks days that are in cold storage.
func partial(w http.ResponseWriter, p *events.Partial) {
	if text := p.String(); text != "" {
		w.Header().Set(events.PartialHeader, text)
	}
}
