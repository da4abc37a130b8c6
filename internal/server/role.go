package server

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/metrics"
)

// Role is the part of the work that a process does.
type Role string

// The roles.
const (
	RoleAll Role = "all"
	// RoleCapture takes everything in (gateway, telemetry, logs, scraping) and
	// delivers it to outside stores.
	RoleCapture Role = "capture"
	// RoleQuery answers: API, web UI, rules, alerts.
	RoleQuery Role = "query"
)

// checkRole says what is wrong with the role and what belongs to it.
func (s *Server) checkRole() error {
	s.opts.Role = cmp.Or(s.opts.Role, RoleAll)
	c := s.config
	switch s.opts.Role {
	case RoleAll:
	case RoleCapture, RoleQuery:
		if !c.Storage.Events.Cluster.Enabled() {
			return fmt.Errorf("--role=%s: replicas meet in outside stores: set storage.events.cluster.insert_urls and select_urls in the configuration", s.opts.Role)
		}
		if !c.Storage.Metrics.Remote.Enabled() {
			return fmt.Errorf("--role=%s: replicas meet in outside stores: set storage.metrics.remote.write_urls and query_urls in the configuration", s.opts.Role)
		}
	default:
		return fmt.Errorf("--role: %q is not known: use all, capture or query", s.opts.Role)
	}
	_, err := s.shard()
	return err
}

// replica is the name that tells this process from the others.
func (s *Server) replica() string {
	if s.opts.Replica != "" {
		return s.opts.Replica
	}
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "pitot"
	}
	return name
}

// instance is the label of the series that this process makes.
func (s *Server) instance() string {
	if !s.config.Storage.Metrics.Remote.Enabled() {
		return ""
	}
	return s.replica()
}

// shard is this replica's part of what replicas divide.
func (s *Server) shard() (metrics.Shard, error) {
	if s.opts.Shard == "" {
		return metrics.Shard{}, nil
	}
	i, n, ok := strings.Cut(s.opts.Shard, "/")
	index, err1 := strconv.Atoi(i)
	count, err2 := strconv.Atoi(n)
	if !ok || err1 != nil || err2 != nil || count < 1 || index < 0 || index >= count {
		return metrics.Shard{}, fmt.Errorf("--shard: %q is not a part of several: write 0/3, 1/3 or 2/3 for the parts of three replicas, 0/1 for the only one", s.opts.Shard)
	}
	return metrics.Shard{Index: index, Count: count}, nil
}

// checkShard refuses to scrape what other replicas scrape as well: every sum
// over the targets would be too large.
func (s *Server) checkShard() error {
	if s.opts.Role != RoleCapture || s.opts.Shard != "" || !s.metrics.HasScrapes() {
		return nil
	}
	return errors.New("there are targets to scrape, and every capture replica would scrape all of them: give each its part with --shard=0/3, --shard=1/3 ..., or --shard=0/1 to the only one")
}

// asksProbes says whether this replica asks the probes' questions: one does.
func (s *Server) asksProbes() bool {
	switch s.opts.Role {
	case RoleQuery:
		return false
	case RoleCapture:
		shard, _ := s.shard() // checked at the start
		return shard.Count > 0 && shard.Index == 0
	case RoleAll:
	}
	return true
}

// errDraining is why a server that goes on for a while is not ready.
var errDraining = errors.New("the server is stopping")

// announceEnd says that the server is not ready any more, and gives those who
// send to it time to learn of that.
func (s *Server) announceEnd(stop <-chan struct{}) {
	s.draining.Store(true)
	if s.opts.DrainDelay <= 0 {
		return
	}
	t := time.NewTimer(s.opts.DrainDelay)
	defer t.Stop()
	select {
	case <-t.C:
	case <-stop:
	}
}

// capturePaths are what a capture replica answers on its API port.
var capturePaths = []string{
	"/metrics", "/health", "/-/healthy", "/-/ready", "/-/reload", "/api/v1/write", "/api/v1/otlp/", "/api/v1/targets",
	"/api/pitot/v1/status", "/api/pitot/v1/ledger", "/api/pitot/v1/feedback", "/api/pitot/v1/probes", "/api/pitot/v1/budgets",
}

// queryRefuses are what a query replica does not take.
var queryRefuses = []string{"/api/v1/write", "/api/v1/otlp/"}

func pathIn(path string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		return path == p || strings.HasPrefix(path, strings.TrimSuffix(p, "/")+"/")
	})
}

// forRole leaves of the API what the role has.
func (s *Server) forRole(next http.Handler) http.Handler {
	switch s.opts.Role {
	case RoleCapture:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !pathIn(r.URL.Path, capturePaths) {
				wrongRole(w, "this is a capture replica: it answers no queries", "ask a replica that runs with --role=query")
				return
			}
			next.ServeHTTP(w, r)
		})
	case RoleQuery:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if pathIn(r.URL.Path, queryRefuses) {
				wrongRole(w, "this is a query replica: it takes no data", "send to a replica that runs with --role=capture")
				return
			}
			next.ServeHTTP(w, r)
		})
	case RoleAll:
	}
	return next
}

func wrongRole(w http.ResponseWriter, message, hint string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusNotFound)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": "wrong_role", "message": message, "hint": hint}}) // else the client is gone
}

// addrText is where the named listener listens; empty if it does not.
func (s *Server) addrText(name string) string {
	if a := s.addr(name); a != nil {
		return a.String()
	}
	return ""
}
