package api

import (
	"net/http"
	"slices"

	"github.com/pitot-dev/pitot/internal/alert/manager"
)

// ReceiverTest is what became of a sample that was sent through a receiver.
type ReceiverTest struct {
	Receiver string           `json:"receiver"`
	OK       bool             `json:"ok"` // every channel took it
	Results  []manager.Result `json:"results"`
}

// channels answers how each channel of each receiver is doing.
func (s *server) channels(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	if s.Channels == nil {
		return manager.Status{Receivers: []manager.ReceiverStatus{}}, nil
	}
	return s.Channels(), nil
}

// testReceiver sends a sample alert through a receiver.
func (s *server) testReceiver(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	name := r.PathValue("receiver")
	known := s.Channels != nil && slices.ContainsFunc(s.Channels().Receivers, func(r manager.ReceiverStatus) bool { return r.Name == name })
	if !known || s.TestReceiver == nil {
		return nil, notFound("receiver", name, "GET "+base+"/alerts/channels lists them; alertmanager: in the configuration defines them")
	}
	results, err := s.TestReceiver(r.Context(), name)
	if err != nil {
		return nil, err
	}
	ok := !slices.ContainsFunc(results, func(r manager.Result) bool { return !r.OK })
	return ReceiverTest{Receiver: name, OK: ok, Results: results}, nil
}
