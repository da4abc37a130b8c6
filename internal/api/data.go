package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"
)

// Data manages what is stored. Its methods may take minutes, and end what they
// began though the client has gone.
type Data interface {
	// Snapshot makes a copy of all stores that does not change, next to them.
	Snapshot(ctx context.Context) (*SnapshotReport, error)
	// ReleaseSnapshot removes one; false where none has the id.
	ReleaseSnapshot(id string) (bool, error)
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

func (s *server) dataRoutes() {
	if s.Data == nil {
		return
	}
	s.mux.Handle("POST "+base+"/admin/snapshots", s.work(s.snapshot))
	s.mux.Handle("DELETE "+base+"/admin/snapshots/{id}", s.work(s.releaseSnapshot))
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
