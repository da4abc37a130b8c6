//go:build unix

package e2e

import (
	"bytes"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// ownMetric are the names that Pitot gives what it says about itself.
var ownMetric = regexp.MustCompile(`\b(?:pitot|process|go|alertmanager|prometheus)_[a-z0-9_]*[a-z0-9]\b`)

// TestWhatWatchesPitotFindsIt looks in a running server for each metric about
// Pitot itself that a shipped dashboard or rule asks for.
func TestWhatWatchesPitotFindsIt(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{})
	s := serve(t, setup{config: `
gateway: {upstreams: [{name: up, dialect: openai, base_url: "` + up.url + `"}]}
labels: {feature: {max: 1}}
pipeline: {sampling: {rate: 0, rare_models: 0, slow: 0s, cost: 0}}
probes: {targets: [{name: up, upstream: up, model: gpt-4o, interval: 5s}]}
budgets: [{name: all, limit: 100, forecast: true}]
alertmanager: {route: {receiver: team}, receivers: [{name: team, webhook_configs: [{url: "` + up.url + `"}]}]}
`}).ready()
	for _, feature := range []string{"one", "another"} {
		status, body := s.post("/up/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}`, "X-Pitot-Feature", feature)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	// A channel is up or down from the first message on.
	if status, body, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/alerts/test/team", strings.NewReader("{}")); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, body, err)
	}
	asked := map[string][]string{}
	for _, pattern := range []string{"../../deploy/grafana/dashboards/*.json", "../../deploy/helm/pitot/rules/*.yaml", "../../internal/alert/rules/testdata/packs/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(b) {
				if !bytes.Contains(line, []byte("expr")) && !strings.HasSuffix(f, ".yaml") {
					continue
				}
				for _, name := range ownMetric.FindAllString(string(line), -1) {
					if !slices.Contains(asked[name], filepath.Base(f)) {
						asked[name] = append(asked[name], filepath.Base(f))
					}
				}
			}
		}
	}
	if len(asked) < 15 {
		t.Fatalf("only %v are asked for", slices.Sorted(maps.Keys(asked)))
	}
	var missing []string
	defer func() {
		for _, name := range missing {
			t.Errorf("%s is asked for by %v and not there", name, asked[name])
		}
	}()
	testkit.EventuallyIn(t, time.Minute, "the server has every metric that is asked for", func() bool {
		_, text := s.get("/metrics", nil)
		missing = nil
		for name := range asked {
			if !strings.Contains(text, "\n"+name+" ") && !strings.Contains(text, "\n"+name+"{") {
				missing = append(missing, name)
			}
		}
		slices.Sort(missing)
		return len(missing) == 0
	})
}
