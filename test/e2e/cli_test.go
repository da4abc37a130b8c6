//go:build unix

package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// TestCommands runs the scripts in testdata/script against one server that has
// three calls: two good ones of one trace, a unary and a stream, and a rate
// limit. The scripts find it in PITOT_SERVER.
func TestCommands(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Seed: 3, Pace: provider.NoPace})
	prices := "prices: {overrides: [{model: gpt-4o-mini, input: 1, output: 10}]}\n"
	s := serve(t, setup{config: upstreamConfig(up.url) + prices}).ready()
	trace := strings.Repeat("c3", 16)
	parent := "00-" + trace + "-" + strings.Repeat("d4", 8) + "-01"
	for _, x := range []struct {
		body    string
		headers []string
	}{
		{`{"model":"gpt-4o-mini",` + chatMessages + `}`, []string{"X-Fake-Status", "200", "X-Fake-Usage", "input=2000,output=100", "X-Pitot-User", "ann", "X-Pitot-Feature", "=search"}},
		{`{"model":"gpt-4o-mini","stream":true,` + chatMessages + `}`, []string{"X-Fake-Status", "200", "X-Fake-Usage", "input=500,output=50", "X-Pitot-User", "用户"}},
		{`{"model":"gpt-4o-mini",` + chatMessages + `}`, []string{"X-Fake-Status", "429", "X-Pitot-User", "ann"}},
	} {
		s.post("/openai/v1/chat/completions", x.body, append([]string{"Traceparent", parent, "X-Pitot-Service", "shop", "X-Fake-Tool", "none"}, x.headers...)...)
	}
	calls := s.waitCalls(3, nil)
	s.waitPromQL("sum(llm_requests_total)", 3)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("PITOT_E2E_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+e.Getenv("PATH"))
			e.Setenv("PITOT", binary)
			e.Setenv("PITOT_SERVER", s.api)
			e.Setenv("API", strings.TrimPrefix(s.api, "http://"))
			e.Setenv("TRACE", trace)
			e.Setenv("CALL", calls[2].ID)
			e.Setenv("NOBODY", "http://"+testkit.FreeAddr(t))
			e.Setenv("TZ", "UTC")
			return nil
		},
	})
	if n := len(s.calls(url.Values{"user": {"ann"}})); n != 2 {
		t.Errorf("%d calls of ann, want 2", n)
	}
}
