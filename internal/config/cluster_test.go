package config

import (
	"strings"
	"testing"
	"time"
)

func TestClusterIsRead(t *testing.T) {
	c, err := Parse("pitot.yml", []byte(`storage:
  events:
    cluster:
      insert_urls: [http://node-1:9428, http://node-2:9428]
      select_urls: [http://select-1:9428]
      username: pitot
      password: xxxx
      headers: {AccountID: "12"}
      allow_partial: true
  metrics:
    remote:
      write_urls: [http://prometheus:9090/api/v1/write]
      query_urls: [http://prometheus:9090]
      bearer_token: yyyy
`))
	if err != nil {
		t.Fatal(err)
	}
	e, m := c.Storage.Events.Cluster, c.Storage.Metrics.Remote
	if !e.Enabled() || len(e.InsertURLs) != 2 || e.Selects()[0] != "http://select-1:9428" || e.Age() != 20*time.Second || e.Share() != 5*time.Second || !e.AllowPartial || e.Username != "pitot" {
		t.Errorf("cluster: %+v", e)
	}
	if !m.Enabled() || m.BearerToken != "yyyy" {
		t.Errorf("remote: %+v", m)
	}
	text := string(c.Effective())
	for _, secret := range []string{"xxxx", "yyyy", `"12"`} {
		if strings.Contains(text, secret) {
			t.Errorf("the effective configuration shows %s:\n%s", secret, text)
		}
	}
}

func TestClusterErrors(t *testing.T) {
	for _, c := range []struct{ name, text, path, want string }{
		{"no insert URL", "events: {cluster: {select_urls: [http://a]}}", "storage.events.cluster", "say where rows go"},
		{"several nodes, no select side", "events: {cluster: {insert_urls: [http://a, http://b]}}", "storage.events.cluster", "a select side has to ask all"},
		{"a URL without a scheme", "events: {cluster: {insert_urls: [node:9428]}}", "storage.events.cluster.insert_urls", "http://host:port"},
		{"a password in a URL", `events: {cluster: {insert_urls: ["http://u:hush@a"]}}`, "storage.events.cluster.insert_urls", "credentials do not belong"},
		{"the same URL twice", "events: {cluster: {insert_urls: [http://a, http://a/], select_urls: [http://s]}}", "storage.events.cluster.insert_urls", "twice"},
		{"too short an age", "events: {cluster: {insert_urls: [http://a], safe_age: 2s}}", "storage.events.cluster.safe_age", "at least 12s"},
		{"settings without URLs", "events: {cluster: {allow_partial: true}}", "storage.events.cluster", "the embedded engine"},
		{"two kinds of credentials", "events: {cluster: {insert_urls: [http://a], username: u, password: p, bearer_token: t}}", "storage.events.cluster.bearer_token", "use one of them"},
		{"no query URL", "metrics: {remote: {write_urls: [http://a/w]}}", "storage.metrics.remote", "where queries are answered"},
		{"no write URL", "metrics: {remote: {query_urls: [http://a]}}", "storage.metrics.remote", "say where metrics go"},
		{"both ways to query", "metrics: {remote: {write_urls: [http://a/w], query_urls: [http://a], read_urls: [http://a/r]}}", "storage.metrics.remote.read_urls", "use one of them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("pitot.yml", []byte("storage:\n  "+c.text+"\n"))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%v\nwant %s: %s", err, c.path, c.want)
			}
		})
	}
}
