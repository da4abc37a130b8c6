package slo

import (
	"strings"
	"testing"
	"time"
)

const availability999 = "- {name: a, objective: 99.9, sli: availability}\n"

// TestBurnsFire runs the generated rules over simulated traffic. want is the
// levels that have fired by the end; the more urgent of them fired first between
// from and to after the trouble began.
func TestBurnsFire(t *testing.T) {
	tests := []struct {
		name      string
		slo       string
		perSecond float64
		quiet     time.Duration // good traffic first
		failing   float64
		lasts     time.Duration
		want      string
		from, to  time.Duration
		skip      time.Duration // of the trouble, in which nothing was looked at
	}{
		{
			// 1.44 % of an hour is 52 s; the resolution of a minute and the interval
			// of 30 s delay it.
			name: "an outage pages within two and a half minutes", slo: availability999, perSecond: 2,
			quiet: 2 * time.Hour, failing: 1, lasts: 10 * time.Minute, want: "page,ticket", from: 50 * time.Second, to: 150 * time.Second,
		},
		{
			name: "ten times too fast pages after 6/10 of six hours", slo: availability999, perSecond: 20,
			quiet: 7 * time.Hour, failing: 0.01, skip: 3*time.Hour + 25*time.Minute, lasts: 4 * time.Hour, want: "page,ticket", from: 3*time.Hour + 30*time.Minute, to: 3*time.Hour + 40*time.Minute,
		},
		{
			name: "four times too fast is a ticket and no page", slo: availability999, perSecond: 20,
			quiet: 73 * time.Hour, failing: 0.004, skip: 17*time.Hour + 30*time.Minute, lasts: 19 * time.Hour, want: "ticket", from: 17*time.Hour + 50*time.Minute, to: 18*time.Hour + 10*time.Minute,
		},
		{
			name: "one and a half times too fast is a ticket after two of three days", slo: availability999, perSecond: 20,
			quiet: 73 * time.Hour, failing: 0.0015, skip: 47*time.Hour + 30*time.Minute, lasts: 49 * time.Hour, want: "ticket", from: 47*time.Hour + 50*time.Minute, to: 48*time.Hour + 10*time.Minute,
		},
		{
			name: "half of what is allowed is quiet", slo: availability999, perSecond: 20,
			quiet: time.Hour, failing: 0.0005, skip: 25 * time.Hour, lasts: 26 * time.Hour,
		},
		{
			name: "half a minute of errors is no page", slo: availability999, perSecond: 2,
			quiet: 4 * 24 * time.Hour, failing: 1, lasts: 30 * time.Second,
		},
		{
			name: "one of few calls at night is no incident", slo: availability999, perSecond: 1.0 / 300,
			quiet: 12 * time.Hour, failing: 0.25, lasts: 20 * time.Minute,
		},
		{
			name: "without the guard it is", slo: "- {name: a, objective: 99.9, sli: availability, alerting: {min_errors: 0}}\n", perSecond: 1.0 / 300,
			quiet: 12 * time.Hour, failing: 0.25, lasts: 20 * time.Minute, want: "page,ticket", from: 0, to: 20 * time.Minute,
		},
		{
			name: "no_page leaves the ticket", slo: "- {name: a, objective: 99.9, sli: availability, alerting: {no_page: true}}\n", perSecond: 2,
			quiet: 2 * time.Hour, failing: 1, lasts: 10 * time.Minute, want: "ticket", from: 0, to: 10 * time.Minute,
		},
		{
			name: "without alerting nothing fires", slo: "- {name: a, objective: 99.9, sli: availability, alerting: {disabled: true}}\n", perSecond: 2,
			quiet: 2 * time.Hour, failing: 1, lasts: 10 * time.Minute,
		},
		{
			name: "a week's windows are shorter", slo: "- {name: a, objective: 99.9, window: 7d, sli: availability}\n", perSecond: 20,
			quiet: 2 * time.Hour, failing: 0.01, lasts: time.Hour, want: "page,ticket", from: 48 * time.Minute, to: 54 * time.Minute,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSim(t, tt.slo)
			s.tickets = 5 * time.Minute
			quiet := always(traffic(tt.perSecond, 0))
			s.fast(tt.quiet-10*time.Minute, quiet)
			s.run(10*time.Minute, quiet, func(at time.Time) {
				if f := s.firing(); f != "" {
					t.Fatalf("%s fires at %v though nothing failed", f, at)
				}
			})
			began, urgent := s.now, tt.want
			if i := strings.IndexByte(urgent, ','); i > 0 {
				urgent = urgent[:i]
			}
			first := time.Duration(-1)
			bad := always(traffic(tt.perSecond, tt.failing))
			s.fast(tt.skip, bad)
			s.run(tt.lasts-tt.skip, bad, func(at time.Time) {
				if first < 0 && urgent != "" && strings.Contains(s.firing(), urgent) {
					first = at.Sub(began)
				}
			})
			if got := s.firing(); got != tt.want {
				t.Errorf("%q fires at the end, want %q", got, tt.want)
			}
			if tt.want != "" && (first < tt.from || first > tt.to) {
				t.Errorf("%s first fired after %v, want %v to %v", urgent, first, tt.from, tt.to)
			}
			// The longest short window of a page is half an hour.
			s.run(35*time.Minute, quiet, nil)
			if f := s.firing(); strings.Contains(f, "page") {
				t.Errorf("%s still fires 35 minutes after the end", f)
			}
		})
	}
}

func TestNoTrafficIsNoData(t *testing.T) {
	s := newSim(t, availability999)
	s.run(time.Hour, always(traffic(2, 0.5)), nil)
	if s.firing() == "" {
		t.Fatal("half of all calls fail and nothing fires")
	}
	s.run(7*time.Hour, always(traffic(0, 0)), nil)
	if v, ok := s.value(`slo:sli_error:ratio_rate5m{slo="a"}`); ok {
		t.Errorf("error ratio without traffic: %v, want none", v)
	}
	if f := s.firing(); f != "" {
		t.Errorf("%s fires without traffic", f)
	}
}

func TestSeriesThatWereNeverThereAreNoData(t *testing.T) {
	s := newSim(t, availability999)
	s.run(20*time.Minute, always(rates{`up`: 1}), nil)
	for _, st := range s.set.Status(t.Context(), s, s.now) {
		if st.State != StateNoData || st.Attainment != nil || st.Events != nil {
			t.Errorf("status %+v, want no data and no numbers", st)
		}
	}
}
