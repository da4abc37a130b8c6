package manager

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// amtool runs the real amtool against a Manager.
func amtool(t *testing.T, address string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"--alertmanager.url=" + address + Prefix}, args...)...)
	cmd.Env = append(os.Environ(), amtoolEnv+"=1", "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("amtool %v: %v: %s", args, err, out)
	}
	return string(out)
}

func TestAmtool(t *testing.T) {
	s := newStandIn(t, ok)
	m := start(t, fast+`
  routes: [{matchers: ['team="llm"'], receiver: llm}]
receivers: [{name: all, webhook_configs: [{url: `+s.URL+`/all}]}, {name: llm}]
`)
	address := serve(t, m)
	m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
	s.wait(t, "/all", 1)

	if out := amtool(t, address, "alert", "query"); !strings.Contains(out, "HighErrorRate") {
		t.Errorf("alert query: %s", out)
	}
	id := strings.TrimSpace(amtool(t, address, "silence", "add", "alertname=HighErrorRate", "--comment=known", "--author=ops", "--duration=2h"))
	if len(id) != 36 {
		t.Fatalf("silence add: %q", id)
	}
	if out := amtool(t, address, "silence", "query"); !strings.Contains(out, id) {
		t.Errorf("silence query: %s", out)
	}
	eventually(t, "the alert is silenced", func() bool {
		return strings.Contains(amtool(t, address, "alert", "query", "--silenced", "-o", "json"), `"suppressed"`)
	})
	amtool(t, address, "silence", "expire", id)
	if out := amtool(t, address, "silence", "query"); strings.Contains(out, id) {
		t.Errorf("after expire: %s", out)
	}
	amtool(t, address, "alert", "add", "FromAmtool", "severity=info", "gen_ai.system=openai")
	s.wait(t, "/all", 2)
	if out := amtool(t, address, "config", "routes", "test", "team=llm"); !strings.Contains(out, "llm") {
		t.Errorf("routes test: %s", out)
	}
	if out := amtool(t, address, "config", "show"); !strings.Contains(out, "group_interval: 1s") {
		t.Errorf("config show: %s", out)
	}
	if out := amtool(t, address, "cluster", "show"); !strings.Contains(out, "disabled") {
		t.Errorf("cluster show: %s", out)
	}
}
