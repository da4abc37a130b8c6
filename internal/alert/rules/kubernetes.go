package rules

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Where a pod finds what it needs to speak to its API server.
const (
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"
	tokenFile      = serviceAccount + "token"
	caFile         = serviceAccount + "ca.crt"
	hostEnv        = "KUBERNETES_SERVICE_HOST"
	portEnv        = "KUBERNETES_SERVICE_PORT"
)

const (
	pageSize      = 250
	maxPageBytes  = 64 << 20
	maxEventBytes = 4 << 20
	// watchTime is how long a watch lasts before it is begun anew: a peer that
	// is gone without a word is noticed after it.
	watchTime = 5 * time.Minute
	watchSlop = 30 * time.Second
	listTime  = time.Minute
)

// errExpired says that the watch must begin with a new list.
var errExpired = errors.New("the resource version is too old")

// cluster reads PrometheusRule resources by a list and a watch of the API
// server. It needs no client library: two GET requests are all there is.
type cluster struct {
	config   KubernetesConfig
	logger   *slog.Logger
	changed  func()
	minDelay time.Duration
	maxDelay time.Duration

	mu        sync.Mutex
	resources map[string]json.RawMessage // by namespace/name
	synced    map[string]bool            // by namespace; empty is all
	failed    map[string]string          // likewise: why the last attempt failed
	left      int                        // resources past the limit
}

func newCluster(c KubernetesConfig, logger *slog.Logger, changed func()) *cluster {
	return &cluster{
		config: c, logger: logger, changed: changed, minDelay: time.Second, maxDelay: time.Minute,
		resources: map[string]json.RawMessage{}, synced: map[string]bool{}, failed: map[string]string{},
	}
}

func (c *cluster) namespaces() []string {
	if len(c.config.Namespaces) == 0 {
		return []string{""}
	}
	return c.config.Namespaces
}

// sources are the resources in order of their names.
func (c *cluster) sources() []source {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]source, 0, len(c.resources))
	for _, id := range slices.Sorted(maps.Keys(c.resources)) {
		out = append(out, source{name: "kubernetes/" + id, kind: SourceKubernetes, content: c.resources[id]})
	}
	return out
}

func (c *cluster) status() KubernetesStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := KubernetesStatus{Synced: true, Resources: len(c.resources)}
	var failed []string
	for _, ns := range c.namespaces() {
		s.Synced = s.Synced && c.synced[ns]
		if f := c.failed[ns]; f != "" {
			failed = append(failed, f)
		}
	}
	if c.left > 0 {
		failed = append(failed, fmt.Sprintf("%d resources are left out: at most %d are read", c.left, maxFiles))
	}
	s.Error = strings.Join(failed, "; ")
	return s
}

// run follows all namespaces until the context ends.
func (c *cluster) run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, ns := range c.namespaces() {
		wg.Go(func() { c.follow(ctx, ns) })
	}
	wg.Wait()
}

// follow lists and watches one namespace. What was read stays in force while
// the API server is away.
func (c *cluster) follow(ctx context.Context, ns string) {
	delay := c.minDelay
	for ctx.Err() == nil {
		err := c.listAndWatch(ctx, ns, func() { delay = c.minDelay })
		if ctx.Err() != nil {
			return
		}
		if err == nil || errors.Is(err, errExpired) {
			err = nil
		}
		c.report(ns, err)
		timer := time.NewTimer(delay/2 + rand.N(delay/2+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err != nil {
			delay = min(2*delay, c.maxDelay)
		}
	}
}

func (c *cluster) report(ns string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, now := c.failed[ns], ""
	if err != nil {
		now = err.Error()
	}
	c.failed[ns] = now
	if now != old && now != "" {
		c.logger.Warn("kubernetes rules cannot be read", "namespace", ns, "err", err)
	}
	if now == "" && old != "" {
		c.logger.Info("kubernetes rules are read again", "namespace", ns)
	}
}

// listAndWatch lists, then watches until the watch ends. ok is called once the
// list was read.
func (c *cluster) listAndWatch(ctx context.Context, ns string, ok func()) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	version, err := c.list(ctx, client, ns)
	if err != nil {
		return err
	}
	ok()
	c.report(ns, nil)
	for ctx.Err() == nil {
		if version, err = c.watch(ctx, client, ns, version); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) client() (*http.Client, error) {
	t := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	path := c.config.CAFile
	if path == "" && c.config.APIServer == "" {
		path = caFile
	}
	if path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("certificates of the API server: %w: is Pitot inside the cluster? else set rules.kubernetes.ca_file", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates of the API server: %s: no certificate in it", path)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	// A redirect would take the token elsewhere.
	return &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

func (c *cluster) base() (string, error) {
	if c.config.APIServer != "" {
		return strings.TrimRight(c.config.APIServer, "/"), nil
	}
	host, port := os.Getenv(hostEnv), os.Getenv(portEnv)
	if host == "" {
		return "", fmt.Errorf("not inside a cluster (%s is not set): set rules.kubernetes.api_server", hostEnv)
	}
	return "https://" + net.JoinHostPort(host, port), nil
}

// get sends a request; the answer's status is 200.
func (c *cluster) get(ctx context.Context, client *http.Client, ns string, query url.Values) (*http.Response, error) {
	base, err := c.base()
	if err != nil {
		return nil, err
	}
	path := "/apis/" + apiGroup
	if ns != "" {
		path += "/namespaces/" + url.PathEscape(ns)
	}
	if c.config.Selector != "" {
		query.Set("labelSelector", c.config.Selector)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path+"/prometheusrules?"+query.Encode(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if err := c.authorize(req); err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the API server: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	var st apiStatus
	_ = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&st) // the code says enough without it
	return nil, refused(res.StatusCode, st.Message)
}

// authorize sets the token, which the kubelet replaces from time to time.
func (c *cluster) authorize(req *http.Request) error {
	path := c.config.TokenFile
	if path == "" {
		if c.config.APIServer != "" {
			return nil // such as kubectl proxy
		}
		path = tokenFile
	}
	token, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("token of the service account: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return nil
}

// apiStatus is how the API server says what is wrong.
type apiStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func refused(code int, message string) error {
	hint := ""
	switch code {
	case http.StatusGone:
		return errExpired
	case http.StatusNotFound:
		hint = ": is the PrometheusRule resource (" + apiGroup + ") installed?"
	case http.StatusForbidden, http.StatusUnauthorized:
		hint = ": the service account needs get, list and watch on prometheusrules." + strings.TrimSuffix(apiGroup, "/v1")
	}
	if message != "" {
		message = ": " + message
	}
	return fmt.Errorf("the API server answers %d%s%s", code, message, hint)
}

// list reads all resources of a namespace, page by page.
func (c *cluster) list(ctx context.Context, client *http.Client, ns string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	found := map[string]json.RawMessage{}
	left := 0
	token := ""
	for {
		q := url.Values{"limit": {strconv.Itoa(pageSize)}}
		if token != "" {
			q.Set("continue", token)
		}
		var page struct {
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
				Continue        string `json:"continue"`
			} `json:"metadata"`
			Items []json.RawMessage `json:"items"`
		}
		res, err := c.get(ctx, client, ns, q)
		if err != nil {
			return "", err
		}
		err = json.NewDecoder(io.LimitReader(res.Body, maxPageBytes)).Decode(&page)
		res.Body.Close()
		if err != nil {
			return "", fmt.Errorf("read the list of the API server: %w", err)
		}
		for _, item := range page.Items {
			if id := resourceID(item).id; id != "" {
				if len(found) >= maxFiles {
					left++
					continue
				}
				found[id] = resourceKind(item)
			}
		}
		if token = page.Metadata.Continue; token == "" {
			c.replace(ns, found, left)
			return page.Metadata.ResourceVersion, nil
		}
	}
}

// replace puts the resources of a namespace in place of the old ones.
func (c *cluster) replace(ns string, found map[string]json.RawMessage, left int) {
	c.mu.Lock()
	maps.DeleteFunc(c.resources, func(id string, _ json.RawMessage) bool {
		return ns == "" || strings.HasPrefix(id, ns+"/")
	})
	maps.Copy(c.resources, found)
	c.synced[ns], c.left = true, left
	c.mu.Unlock()
	c.changed()
}

// watch follows changes until the server ends the watch, and returns the
// version to go on from.
func (c *cluster) watch(ctx context.Context, client *http.Client, ns, version string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, watchTime+watchSlop)
	defer cancel()
	res, err := c.get(ctx, client, ns, url.Values{
		"watch": {"true"}, "allowWatchBookmarks": {"true"}, "resourceVersion": {version},
		"timeoutSeconds": {strconv.Itoa(int(watchTime.Seconds()))},
	})
	if err != nil {
		return version, err
	}
	defer res.Body.Close()
	began := time.Now()
	body := &io.LimitedReader{R: res.Body}
	dec := json.NewDecoder(body)
	for {
		var e struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		body.N = maxEventBytes
		if err := dec.Decode(&e); err != nil {
			if errors.Is(err, io.EOF) && time.Since(began) > time.Second {
				return version, nil // the server's time is up
			}
			return version, fmt.Errorf("read the watch of the API server: %w", err)
		}
		if e.Type == "ERROR" {
			var st apiStatus
			_ = json.Unmarshal(e.Object, &st) // code 0 says enough
			return version, refused(st.Code, st.Message)
		}
		id := resourceID(e.Object)
		if id.version != "" {
			version = id.version
		}
		c.event(e.Type, id.id, e.Object)
	}
}

func (c *cluster) event(kind, id string, object json.RawMessage) {
	if id == "" {
		return // a bookmark
	}
	c.mu.Lock()
	switch kind {
	case "ADDED", "MODIFIED":
		if _, ok := c.resources[id]; !ok && len(c.resources) >= maxFiles {
			c.left++
			break
		}
		c.resources[id] = resourceKind(object)
	case "DELETED":
		delete(c.resources, id)
	}
	c.mu.Unlock()
	c.changed()
}

type identity struct{ id, version string }

func resourceID(object json.RawMessage) identity {
	var o struct {
		Metadata struct {
			Name            string `json:"name"`
			Namespace       string `json:"namespace"`
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(object, &o); err != nil {
		return identity{}
	}
	out := identity{version: o.Metadata.ResourceVersion}
	if o.Metadata.Name != "" {
		out.id = o.Metadata.Namespace + "/" + o.Metadata.Name
	}
	return out
}

// resourceKind keeps what rules are read from: the rest of an object changes
// with its status.
func resourceKind(object json.RawMessage) json.RawMessage {
	var o struct {
		APIVersion string          `json:"apiVersion,omitempty"`
		Kind       string          `json:"kind"`
		Metadata   json.RawMessage `json:"metadata"`
		Spec       json.RawMessage `json:"spec,omitempty"`
	}
	if err := json.Unmarshal(object, &o); err != nil {
		return object // the parser says what is wrong
	}
	var m struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace,omitempty"`
	}
	if err := json.Unmarshal(o.Metadata, &m); err != nil {
		return object
	}
	meta, err := json.Marshal(m)
	if err != nil {
		return object
	}
	o.Kind, o.Metadata = "PrometheusRule", meta
	out, err := json.Marshal(o)
	if err != nil {
		return object
	}
	return out
}
