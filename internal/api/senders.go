package api

import (
	"net/http"
	"time"

	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/events"
)

// SendersReport is what each sender of a range delivers and what would change
// that.
type SendersReport struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	doctor.Report
}

func (s *server) senders(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	rng := events.Range{}
	rng.Start, rng.End = p.timeRange(hour)
	if err := p.check(); err != nil {
		return nil, err
	}
	stats, err := s.Events.Senders(r.Context(), rng)
	if err != nil {
		return nil, err
	}
	var histograms []doctor.Histogram
	if s.Histograms != nil {
		histograms = s.Histograms()
	}
	return SendersReport{rng.Start, rng.End, doctor.Diagnose(doctorSenders(stats), histograms)}, nil
}

// doctorSenders puts the store's statistics into the doctor's words.
func doctorSenders(stats []events.SenderStats) []doctor.Sender {
	out := make([]doctor.Sender, len(stats))
	for i := range stats {
		s := &stats[i]
		fields := make(map[string]doctor.Count, len(s.Fields))
		for name, c := range s.Fields {
			fields[name] = doctor.Count{Have: c.Have, Of: c.Of}
		}
		out[i] = doctor.Sender{
			Service: s.Service, Source: s.Source, Dialect: s.Dialect, Scope: s.Scope, ScopeVersion: s.ScopeVersion, LastSeen: s.LastSeen,
			Calls: s.Calls, Sampled: s.Sampled, Represented: s.Represented, Errors: s.Errors,
			Streams: s.Streams, StreamsWithoutUsage: s.StreamsWithoutUsage, Fields: fields, Spans: s.Spans,
		}
	}
	return out
}
