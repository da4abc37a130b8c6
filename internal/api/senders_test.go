package api

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/events"
)

func TestSenders(t *testing.T) {
	a := newAPI(t, func(o *Options) {
		o.Histograms = func() []doctor.Histogram { return []doctor.Histogram{{Name: "x_seconds", Service: "checkout"}} }
	})
	var asked events.Range
	a.events.senders = func(_ context.Context, r events.Range) ([]events.SenderStats, error) {
		asked = r
		return []events.SenderStats{*fullSender()}, nil
	}
	r := decode[SendersReport](t, wantOK(t, a.get(base+"/senders")).Body.Bytes())
	if !asked.End.Equal(now) || asked.End.Sub(asked.Start) != time.Hour || !r.Start.Equal(asked.Start) || !r.End.Equal(asked.End) {
		t.Errorf("range %v, answered %v to %v", asked, r.Start, r.End)
	}
	if len(r.Senders) != 1 || r.Senders[0].Name != "OpenLLMetry" || r.Senders[0].Calls != 100 || r.Senders[0].Spans != 5 {
		t.Fatalf("%+v", r)
	}
	codes := []string{}
	for _, f := range append(r.Senders[0].Findings, r.Findings...) {
		codes = append(codes, f.Code)
	}
	for _, want := range []string{"streams_without_usage", "sampled_by_sender", "counted_elsewhere", "no_input", "useless_histogram"} {
		if !slices.Contains(codes, want) {
			t.Errorf("no finding %s in %q", want, codes)
		}
	}
	wantOK(t, a.get(base+"/senders?start=-2d"))
	if asked.End.Sub(asked.Start) != 48*time.Hour {
		t.Errorf("range %v", asked)
	}
	wantError(t, a.get(base+"/senders?start=now&end=-1h"), 400, CodeBadParameter)
}

func TestNoSenders(t *testing.T) {
	a := newAPI(t)
	a.events.senders = func(context.Context, events.Range) ([]events.SenderStats, error) { return nil, nil }
	if r := decode[SendersReport](t, wantOK(t, a.get(base+"/senders")).Body.Bytes()); r.Senders == nil || r.Findings == nil {
		t.Errorf("%+v", r)
	}
}
