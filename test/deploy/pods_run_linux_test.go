package deploy

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	core "k8s.io/api/core/v1"
)

// TestSplitRuns starts what the chart renders with everything set: login, TLS, an
// event cluster, two replicas of each role; and uses it.
func TestSplitRuns(t *testing.T) {
	out, err := render(t, splitValues)
	if err != nil {
		t.Fatal(err)
	}
	n := newNode(t, objects(t, out))
	password := "correct " + strings.Repeat("x", 12)
	hash := exec.CommandContext(t.Context(), n.binary, "auth", "hash")
	hash.Stdin = strings.NewReader(password)
	hashed, err := hash.Output()
	if err != nil {
		t.Fatal(err)
	}
	n.secrets["users"] = map[string]string{"ada": strings.TrimSpace(string(hashed))}
	n.secrets["pitot-engine"] = map[string]string{"token": strings.Repeat("t", 32)}
	n.secrets["pitot-tls"] = certificate(t)
	n.configs["settings"] = map[string]string{"PROVIDER": provider(t)}
	pods := n.pods
	n.store()
	for _, p := range pods {
		n.start(p)
	}
	n.ready()
	queries, captures := n.of("query"), n.of("capture")
	for _, p := range queries {
		if status, body := n.get(p, 4400, core.URISchemeHTTPS, "/api/pitot/v1/calls"); status != http.StatusUnauthorized {
			t.Errorf("%s: without a login: %d %s", p.name, status, body)
		}
		if status, body := n.post("https://"+p.ip+":4400/api/pitot/v1/auth/login", "application/json", `{"name":"ada","password":"`+password+`"}`, "Origin", "https://"+p.ip+":4400"); status != http.StatusOK {
			t.Fatalf("%s: login: %d %s", p.name, status, body)
		}
	}
	n.callAndSee("capture", "query", "https", "/mock/v1/chat/completions")
	for i, p := range captures {
		if want := []string{"0/2", "1/2"}[i]; !strings.Contains(strings.Join(p.cmd.Env, " "), "PITOT_SHARD="+want) {
			t.Errorf("%s: %v", p.name, p.cmd.Env)
		}
	}
	for _, p := range queries {
		n.eventually(p.name+" knows the other", func() (bool, string) {
			_, body := n.get(p, 4400, core.URISchemeHTTPS, "/api/v1/query?query=min(alertmanager_cluster_members)")
			return strings.Contains(body, `"2"`), body
		})
	}
	if resp, err := http.Get("http://" + n.of("storage")[0].ip + ":9428/select/logsql/query?query=*"); err != nil || resp.StatusCode != http.StatusUnauthorized { //nolint:noctx // it answers at once
		t.Errorf("a storage node lets everybody read: %v %v", resp, err)
	}
	n.end(captures)
	n.end(queries)
	n.end(append(n.of("select"), n.of("storage")...))
}

// TestManifestsRun starts the plain manifests as they are.
func TestManifestsRun(t *testing.T) {
	for _, test := range []struct{ file, capture, query string }{{"pitot.yaml", "all", "all"}, {"pitot-split.yaml", "capture", "query"}} {
		t.Run(test.file, func(t *testing.T) {
			if testing.Short() {
				t.Skip("it takes a dozen processes")
			}
			text, err := os.ReadFile("../../deploy/kubernetes/" + test.file)
			if err != nil {
				t.Fatal(err)
			}
			all := objects(t, strings.ReplaceAll(string(text), "\nmetadata:\n", "\nmetadata:\n  namespace: llm\n"))
			n := newNode(t, all)
			n.secrets["pitot-engine"] = map[string]string{"token": strings.Repeat("t", 32)}
			for _, s := range n.secrets {
				// The manifests name no provider.
				if c := s["pitot.yml"]; c != "" {
					s["pitot.yml"] = c + "\ngateway: {upstreams: [{name: mock, dialect: openai, base_url: " + provider(t) + "}]}\n"
				}
			}
			pods := n.pods
			if test.query == "query" {
				n.store()
			}
			for _, p := range pods {
				n.start(p)
			}
			n.ready()
			n.callAndSee(test.capture, test.query, "http", "/mock/v1/chat/completions")
		})
	}
}
