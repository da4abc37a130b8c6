package rules

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// apiServer stands in for a Kubernetes API server: lists in pages, watches from
// a resource version, forgets old versions.
type apiServer struct {
	t     *testing.T
	token string

	mu       sync.Mutex
	version  int
	oldest   int // versions before it are gone
	objects  map[string]map[string]any
	log      []event
	changed  chan struct{} // closed and replaced on each change
	requests []string
	refuse   int // status to answer with; 0 is none
}

type event struct {
	version int
	kind    string
	object  map[string]any
}

func newAPIServer(t *testing.T) *apiServer {
	return &apiServer{t: t, token: "fake-" + strings.Repeat("t", 20), version: 1, objects: map[string]map[string]any{}, changed: make(chan struct{})}
}

// apply puts a resource; no expression removes it.
func (s *apiServer) apply(ns, name, expr string, labels map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	id := ns + "/" + name
	kind := "ADDED"
	if _, ok := s.objects[id]; ok {
		kind = "MODIFIED"
	}
	o := map[string]any{
		"apiVersion": apiGroup, "kind": "PrometheusRule",
		"metadata": map[string]any{"name": name, "namespace": ns, "resourceVersion": strconv.Itoa(s.version), "labels": labels},
		"spec":     map[string]any{"groups": []any{map[string]any{"name": "g", "rules": []any{map[string]any{"alert": "A", "expr": expr}}}}},
	}
	if expr == "" {
		kind = "DELETED"
		delete(s.objects, id)
	} else {
		s.objects[id] = o
	}
	s.log = append(s.log, event{s.version, kind, o})
	close(s.changed)
	s.changed = make(chan struct{})
}

// expire forgets all versions so far and ends the watches with an error.
func (s *apiServer) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.version++
	s.oldest = s.version
	s.log = nil
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *apiServer) set(code int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = code
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.String())
	refuse := s.refuse
	s.mu.Unlock()
	status := func(code int, message string) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "Status", "code": code, "message": message})
	}
	if r.Header.Get("Authorization") != "Bearer "+s.token {
		status(http.StatusUnauthorized, "who are you?")
		return
	}
	if refuse != 0 {
		status(refuse, "refused")
		return
	}
	ns := ""
	path := strings.TrimPrefix(r.URL.Path, "/apis/"+apiGroup)
	if rest, ok := strings.CutPrefix(path, "/namespaces/"); ok {
		ns, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	if path != "/prometheusrules" {
		status(http.StatusNotFound, "no such path")
		return
	}
	match := func(o map[string]any) bool {
		meta := o["metadata"].(map[string]any)
		k, v, ok := strings.Cut(r.URL.Query().Get("labelSelector"), "=")
		return (ns == "" || meta["namespace"] == ns) && (!ok || meta["labels"].(map[string]string)[k] == v)
	}
	if r.URL.Query().Get("watch") == "true" {
		s.watch(w, r, match)
		return
	}
	s.list(w, r, match)
}

func (s *apiServer) list(w http.ResponseWriter, r *http.Request, match func(map[string]any) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for id, o := range s.objects {
		if match(o) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
	to := min(from+2, len(ids)) // small pages
	meta := map[string]any{"resourceVersion": strconv.Itoa(s.version)}
	if to < len(ids) {
		meta["continue"] = strconv.Itoa(to)
	}
	items := []any{}
	for _, id := range ids[from:to] {
		o := map[string]any{}
		for k, v := range s.objects[id] {
			if k != "kind" && k != "apiVersion" { // as a real list's items
				o[k] = v
			}
		}
		items = append(items, o)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"kind": "PrometheusRuleList", "metadata": meta, "items": items})
}

func (s *apiServer) watch(w http.ResponseWriter, r *http.Request, match func(map[string]any) bool) {
	version, err := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
	if err != nil {
		s.t.Errorf("resourceVersion: %v", err)
	}
	enc := json.NewEncoder(w)
	flush := w.(http.Flusher)
	flush.Flush()
	for {
		s.mu.Lock()
		if version < s.oldest {
			_ = enc.Encode(map[string]any{"type": "ERROR", "object": map[string]any{"kind": "Status", "code": 410, "message": "too old"}})
			s.mu.Unlock()
			return
		}
		for _, e := range s.log {
			if e.version > version && match(e.object) {
				_ = enc.Encode(map[string]any{"type": e.kind, "object": e.object})
				version = e.version
			}
		}
		_ = enc.Encode(map[string]any{"type": "BOOKMARK", "object": map[string]any{"metadata": map[string]any{"resourceVersion": strconv.Itoa(version)}}})
		changed := s.changed
		s.mu.Unlock()
		flush.Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// eventually waits for a condition with a deadline.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
		<-tick.C
	}
}

func startCluster(t *testing.T, s *apiServer, change func(*KubernetesConfig)) *Rules {
	t.Helper()
	server := httptest.NewTLSServer(s)
	dir := t.TempDir()
	put(t, filepath.Join(dir, "token"), s.token+"\n")
	put(t, filepath.Join(dir, "ca.crt"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	c := onlyPacks()
	c.Kubernetes = KubernetesConfig{
		Enabled: true, APIServer: server.URL, TokenFile: filepath.Join(dir, "token"), CAFile: filepath.Join(dir, "ca.crt"),
	}
	if change != nil {
		change(&c.Kubernetes)
	}
	r, err := New(Options{Config: c, Dir: dir, Logger: quiet(), Apply: func([]File) {}})
	if err != nil {
		t.Fatal(err)
	}
	r.cluster.minDelay, r.cluster.maxDelay = 5*time.Millisecond, 20*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		server.CloseClientConnections()
		server.Close()
	})
	return r
}

func inForce(r *Rules) string {
	var out []string
	for _, f := range r.Files() {
		units, _ := parseFile(f.Name, f.Content)
		for _, u := range units {
			for _, g := range u.groups {
				for _, rule := range g.Rules {
					out = append(out, strings.TrimPrefix(f.Name, "kubernetes/")+"="+rule.Expr)
				}
			}
		}
	}
	return strings.Join(out, " ")
}

func TestKubernetesListAndWatch(t *testing.T) {
	s := newAPIServer(t)
	for i := range 5 {
		s.apply("ai", fmt.Sprintf("r%d", i), "up == 0", nil)
	}
	r := startCluster(t, s, nil)
	want := "ai/r0=up == 0 ai/r1=up == 0 ai/r2=up == 0 ai/r3=up == 0 ai/r4=up == 0"
	eventually(t, "the list", func() bool { return inForce(r) == want })
	if st := r.Status().Kubernetes; st == nil || !st.Synced || st.Resources != 5 || st.Error != "" {
		t.Errorf("%+v", st)
	}

	s.apply("ai", "r0", "up == 1", nil)
	s.apply("ai", "r1", "", nil)
	s.apply("web", "r9", "up == 9", nil)
	want = "ai/r0=up == 1 ai/r2=up == 0 ai/r3=up == 0 ai/r4=up == 0 web/r9=up == 9"
	eventually(t, "the watch", func() bool { return inForce(r) == want })

	s.apply("ai", "r0", "up ==", nil) // broken: the last good version stays
	eventually(t, "the problem", func() bool { return len(r.Status().Problems) == 1 })
	if p := r.Status().Problems[0]; !p.Kept || p.File != "kubernetes/ai/r0" || !strings.Contains(p.Reason, "could not parse expression") {
		t.Errorf("%+v", p)
	}
	if got := inForce(r); got != want {
		t.Errorf("in force: %s", got)
	}

	// The server forgets: the client lists anew, and misses nothing.
	s.apply("ai", "r0", "up == 2", nil)
	s.expire()
	s.apply("ai", "r7", "up == 7", nil)
	want = "ai/r0=up == 2 ai/r2=up == 0 ai/r3=up == 0 ai/r4=up == 0 ai/r7=up == 7 web/r9=up == 9"
	eventually(t, "the new list", func() bool { return inForce(r) == want })
}

func TestKubernetesNamespacesAndSelector(t *testing.T) {
	s := newAPIServer(t)
	s.apply("a", "x", "up == 1", map[string]string{"team": "llm"})
	s.apply("b", "x", "up == 2", map[string]string{"team": "llm"})
	s.apply("b", "y", "up == 3", map[string]string{"team": "web"})
	s.apply("c", "x", "up == 4", map[string]string{"team": "llm"})
	r := startCluster(t, s, func(k *KubernetesConfig) { k.Namespaces, k.Selector = []string{"a", "b"}, "team=llm" })
	eventually(t, "the lists", func() bool { return inForce(r) == "a/x=up == 1 b/x=up == 2" })
	eventually(t, "both", func() bool { return r.Status().Kubernetes.Synced })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.requests {
		if !strings.Contains(q, "/namespaces/") || !strings.Contains(q, "labelSelector=team%3Dllm") {
			t.Errorf("asked for %s", q)
		}
	}
}

func TestKubernetesFailuresAreSaidAndSurvived(t *testing.T) {
	s := newAPIServer(t)
	s.apply("a", "x", "up == 1", nil)
	s.set(http.StatusForbidden)
	r := startCluster(t, s, nil)
	says := func(text string) func() bool {
		return func() bool { return strings.Contains(r.Status().Kubernetes.Error, text) }
	}
	eventually(t, "forbidden", says("needs get, list and watch on prometheusrules.monitoring.coreos.com"))
	s.set(http.StatusNotFound)
	eventually(t, "not found", says("is the PrometheusRule resource (monitoring.coreos.com/v1) installed?"))
	if r.Status().Kubernetes.Synced {
		t.Error("synced without a list")
	}
	s.set(0)
	eventually(t, "the list", func() bool { return inForce(r) == "a/x=up == 1" && r.Status().Kubernetes.Error == "" })
	s.set(http.StatusServiceUnavailable)
	s.expire() // ends the watch
	eventually(t, "unavailable", says("answers 503"))
	if got := inForce(r); got != "a/x=up == 1" {
		t.Errorf("while the server is away: %s", got)
	}
}

func TestKubernetesOutsideOfACluster(t *testing.T) {
	if os.Getenv(hostEnv) != "" {
		t.Skip("this is a cluster")
	}
	c := newCluster(KubernetesConfig{Enabled: true, CAFile: ""}, quiet(), func() {})
	if err := c.listAndWatch(t.Context(), "", func() {}); err == nil || !strings.Contains(err.Error(), "is Pitot inside the cluster?") {
		t.Error(err)
	}
	if _, err := c.base(); err == nil || !strings.Contains(err.Error(), "rules.kubernetes.api_server") {
		t.Error(err)
	}
}
