package api

import (
	"net/http"

	"github.com/pitot-dev/pitot/internal/probe"
)

// ProbesReport is how the configured probes fare.
type ProbesReport struct {
	Probes []probe.Status `json:"probes"`
}

func (s *server) probes(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	out := ProbesReport{Probes: []probe.Status{}}
	if s.Probes != nil {
		out.Probes = append(out.Probes, s.Probes()...)
	}
	return out, nil
}

// runProbe runs one probe now and answers with what it found.
func (s *server) runProbe(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	if s.Probe != nil {
		if st, ok := s.Probe(r.Context(), name); ok {
			return st, nil
		}
	}
	return nil, notFound("probe", name, "GET "+base+"/probes lists them; probes: in the configuration defines them")
}
