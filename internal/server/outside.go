package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	commonconfig "github.com/prometheus/common/config"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/endpoints"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/metrics"
)

// outside are the stores that are not embedded. Pools are nil where the embedded
// ones serve.
type outside struct {
	insert, selects *endpoints.Pool // events
	query           *endpoints.Pool // metrics

	stop context.CancelFunc
	wg   sync.WaitGroup
}

func (o *outside) pools() []*endpoints.Pool {
	return slices.DeleteFunc([]*endpoints.Pool{o.insert, o.selects, o.query}, func(p *endpoints.Pool) bool { return p == nil })
}

// run checks the health of the stores until close.
func (o *outside) run() {
	ctx, cancel := context.WithCancel(context.Background())
	o.stop = cancel
	for _, p := range o.pools() {
		o.wg.Go(func() { p.Run(ctx) })
	}
}

func (o *outside) close() {
	if o.stop == nil {
		return
	}
	o.stop()
	o.wg.Wait()
	for _, p := range o.pools() {
		p.Close()
	}
}

// openOutside makes the clients of outside stores. The result is nil where the
// embedded store has the metrics.
func (s *Server) openOutside() (_ *metrics.Remote, err error) {
	defer func() {
		if err == nil {
			s.outside.run()
		}
	}()
	if c := s.config.Storage.Events.Cluster; c.Enabled() {
		s.outside.insert, err = endpoints.New(endpoints.Options{
			Name: "events-insert", URLs: c.InsertURLs, Client: c.Client, Writes: true, Logger: s.component("events"),
		})
		if err != nil {
			return nil, fmt.Errorf("storage.events.cluster: %w", err)
		}
		s.outside.selects, err = endpoints.New(endpoints.Options{
			Name: "events-select", URLs: c.Selects(), Client: c.Client, Logger: s.component("events"),
		})
		if err != nil {
			return nil, fmt.Errorf("storage.events.cluster: %w", err)
		}
	}
	return s.openRemote()
}

func (s *Server) openRemote() (*metrics.Remote, error) {
	c := s.config.Storage.Metrics.Remote
	if !c.Enabled() {
		return nil, nil //nolint:nilnil // there is none
	}
	shard, err := s.shard()
	if err != nil {
		return nil, err
	}
	out := &metrics.Remote{
		WriteURLs: c.WriteURLs, ReadURLs: c.ReadURLs, Headers: c.Headers, HTTP: httpConfig(c.Client),
		Leads: s.leads, NoRules: s.opts.Role == RoleCapture, Shard: shard,
	}
	if s.opts.Role == RoleQuery {
		out.Shard = metrics.NoShard
	}
	if len(c.QueryURLs) > 0 {
		// Any store answers this, whatever it calls its health.
		s.outside.query, err = endpoints.New(endpoints.Options{Name: "metrics-query", URLs: c.QueryURLs, Client: c.Client, Health: "/api/v1/query?query=1", Logger: s.component("metrics")})
		if err != nil {
			return nil, fmt.Errorf("storage.metrics.remote: %w", err)
		}
		out.QueryURL, out.Query = s.outside.query.URL(), s.outside.query.HTTP()
	}
	return out, nil
}

// httpConfig says the same in Prometheus' words.
func httpConfig(c endpoints.Client) commonconfig.HTTPClientConfig {
	out := commonconfig.DefaultHTTPClientConfig
	out.TLSConfig = commonconfig.TLSConfig{
		CAFile: c.TLS.CAFile, CertFile: c.TLS.CertFile, KeyFile: c.TLS.KeyFile, ServerName: c.TLS.ServerName, InsecureSkipVerify: c.TLS.InsecureSkipVerify,
	}
	switch {
	case c.BearerToken != "":
		out.Authorization = &commonconfig.Authorization{Type: "Bearer", Credentials: commonconfig.Secret(c.BearerToken)}
	case c.Username != "":
		out.BasicAuth = &commonconfig.BasicAuth{Username: c.Username, Password: commonconfig.Secret(c.Password)}
	}
	return out
}

// leads says whether this replica does what one of several does: the first one
// of the Alertmanagers' cluster.
func (s *Server) leads() bool { return s.alerts == nil || s.alerts.Leads() }

// openCluster opens the outside event store and the journal.
func (s *Server) openCluster() (err error) {
	c := &s.config.Storage.Events
	s.events, err = events.New(events.Endpoint{
		InsertURL: s.outside.insert.URL(), InsertClient: s.outside.insert.HTTP(),
		SelectURL: s.outside.selects.URL(), Client: s.outside.selects.HTTP(),
		Cluster: &events.Cluster{
			AllowPartial: c.Cluster.AllowPartial,
			Flush: func(ctx context.Context) error {
				return s.outside.insert.Each(ctx, http.MethodPost, "/internal/force_flush")
			},
		},
	}, events.Options{Retention: time.Duration(c.Retention), Tenants: s.tenants(), Logger: s.log, Registerer: s.metrics.Registerer(), Leads: s.leads})
	if err != nil {
		return err
	}
	return s.openJournal()
}

// delivery is how the pipeline treats the event store: of an outside one it
// looks up what was taken.
func (s *Server) delivery() (safeAge time.Duration, settled func() bool) {
	if s.outside.insert == nil {
		return 0, nil
	}
	return s.config.Storage.Events.Cluster.Age(), s.outside.insert.Settled
}

// deliveryTimeout is how long the end of the server may take that brings what it
// has to the stores.
func (s *Server) deliveryTimeout() time.Duration {
	if s.outside.insert == nil {
		return othersDrain
	}
	return max(othersDrain, 2*s.config.Storage.Events.Cluster.Age())
}

// runRollups keeps the hourly totals up to date.
func (s *Server) runRollups(ctx context.Context) {
	if err := s.events.RunRollups(ctx, rollupInterval); err != nil && ctx.Err() == nil {
		s.component("events").Error("rollups stopped", "err", err)
	}
}

// outsideReady says whether a process over outside stores is ready: one that
// captures always is, since its journal takes what the stores do not.
func (s *Server) outsideReady() error {
	if s.opts.Role == RoleCapture {
		return s.journal.Stats().Err
	}
	var errs []error
	for _, p := range s.outside.pools() {
		if p == s.outside.insert {
			continue
		}
		if st := p.Status(); !slices.ContainsFunc(st, func(x endpoints.Status) bool { return x.Up }) {
			errs = append(errs, fmt.Errorf("%s does not answer: %s", st[0].URL, st[0].Error))
		}
	}
	return errors.Join(errs...)
}

// poolStatus says how many URLs of a pool are up, and what is wrong with others.
func poolStatus(p *endpoints.Pool) (up, all int, broken []string) {
	for _, st := range p.Status() {
		all++
		if st.Up {
			up++
		} else {
			broken = append(broken, st.URL+": "+st.Error)
		}
	}
	return up, all, broken
}

func (s *Server) clusterStatus(ctx context.Context) api.Component {
	c := api.Component{Name: "event store", State: api.StateOK}
	in, ins, brokenIn := poolStatus(s.outside.insert)
	out, outs, brokenOut := poolStatus(s.outside.selects)
	c.Detail = fmt.Sprintf("%d of %d URLs take rows, %d of %d answer queries", in, ins, out, outs)
	broken := slices.Compact(slices.Sorted(slices.Values(append(brokenIn, brokenOut...))))
	if len(broken) > 0 {
		c.State, c.Hint = api.StateDegraded, "the journal keeps what they do not take; see whether they run and take the credentials"
		c.Detail += "; " + strings.Join(broken, "; ")
		if in == 0 || out == 0 {
			c.State = api.StateDown
		}
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.events.Ready(ctx); err != nil {
		c.State, c.Detail, c.Hint = api.StateDegraded, err.Error(), "a storage node behind the select side may be down: the journal keeps what is not surely stored"
	}
	return c
}

// remoteStatus says how it goes with the outside metric store.
func (s *Server) remoteStatus(ctx context.Context) api.Component {
	c := api.Component{Name: "metric store", State: api.StateOK}
	var late []string
	pending := s.metrics.RemotePending()
	for _, u := range slices.Sorted(maps.Keys(pending)) {
		if d := pending[u]; d > time.Minute {
			late = append(late, fmt.Sprintf("%s is %s behind", u, d.Round(time.Second)))
		}
	}
	c.Detail = fmt.Sprintf("%d stores are written to", len(pending))
	if len(late) > 0 {
		c.State, c.Detail, c.Hint = api.StateDegraded, strings.Join(late, "; "), "what is not delivered within about two hours is lost there: see whether the store takes it"
	}
	if s.opts.Role == RoleCapture {
		return c
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := s.metrics.CheckRemote(ctx); err != nil {
		c.State, c.Detail, c.Hint = api.StateDown, err.Error(), "queries, dashboards and alerts need it; what is counted is kept and delivered later"
	}
	return c
}
