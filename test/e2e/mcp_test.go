//go:build unix

package e2e

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// TestToolsForAgents asks the tools over both transports, with the client of the
// official SDK.
func TestToolsForAgents(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{Seed: 5, Pace: provider.NoPace})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	for _, status := range []string{"200", "200", "429"} {
		s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Fake-Status", status, "X-Fake-Tool", "none", "X-Pitot-Service", "shop")
	}
	calls := s.waitCalls(3, nil)
	s.waitPromQL("sum(llm_requests_total)", 3)

	stdio := exec.CommandContext(t.Context(), binary, "mcp", "--server", s.api)
	stdio.Env = environment()
	for name, transport := range map[string]mcp.Transport{
		"http":  &mcp.StreamableClientTransport{Endpoint: s.api + "/mcp", HTTPClient: client},
		"stdio": &mcp.CommandTransport{Command: stdio},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil).Connect(t.Context(), transport, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			list, err := c.ListTools(t.Context(), nil)
			if err != nil || len(list.Tools) < 15 {
				t.Fatalf("tools: %v, %v", list, err)
			}
			for _, test := range []struct {
				tool string
				args map[string]any
				want string
			}{
				{"query_metrics", map[string]any{"query": "sum(llm_requests_total)"}, `"3"]`},
				{"query_metrics_range", map[string]any{"query": "sum(llm_requests_total)", "start": "-5m"}, `"matrix"`},
				{"list_metrics", map[string]any{"search": "llm_requests"}, `"llm_requests_total"`},
				{"list_metrics", map[string]any{"metric": "llm_requests_total"}, `"shop"`},
				{"search_calls", map[string]any{"status": "error"}, `"http_status":429`},
				{"get_call", map[string]any{"id": calls[1].ID, "content": true, "breakdown": true}, `"role":"user"`},
				{"search_traces", map[string]any{"service": "shop"}, calls[0].TraceID},
				{"get_trace", map[string]any{"trace_id": calls[0].TraceID}, calls[0].ID},
				{"explain_change", map[string]any{"metric": "error_rate"}, `"verdict"`},
				{"get_summary", nil, `"success_rate":0.666`},
				{"list_values", map[string]any{"fields": "service"}, `"shop"`},
				{"get_costs", map[string]any{"by": "model"}, `"gpt-4o-mini"`},
				{"get_cost_forecast", nil, `"month"`},
				{"list_models", nil, `"gpt-4o-mini"`},
				{"list_budgets", nil, `"budgets":[]`},
				{"list_slos", nil, `"availability"`},
				{"list_alerts", nil, `"alerts":[`},
				{"search_logs", map[string]any{"query": "kind:call status:error | stats count() n"}, `"n":"1"`},
				{"diagnose", nil, `"healthy"`},
			} {
				text, failed := tool(t, c, test.tool, test.args)
				if failed || !strings.Contains(text, test.want) || !json.Valid([]byte(text)) {
					t.Errorf("%s %v: failed %v, want %s in %.2000s", test.tool, test.args, failed, test.want, text)
				}
			}
			if text, failed := tool(t, c, "get_costs", map[string]any{"by": "colour"}); !failed || !strings.Contains(text, "service, environment") {
				t.Errorf("a wrong dimension: failed %v: %s", failed, text)
			}
		})
	}

	// A page of another site, and one whose name was made to mean this machine.
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for header, value := range map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
		if status, body, err := s.try(http.MethodPost, s.api+"/mcp", strings.NewReader(ping), header, value, "Accept", "application/json, text/event-stream"); err != nil || status != http.StatusForbidden {
			t.Errorf("%s %s: %d %v: %s", header, value, status, err, body)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.api+"/mcp", strings.NewReader(ping))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example:4400"
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("a foreign Host: %d, want 421", resp.StatusCode)
	}
	s.stop()

	// Without a server the tools say what to do.
	nobody := exec.CommandContext(t.Context(), binary, "mcp", "--server", "http://"+testkit.FreeAddr(t))
	nobody.Env = environment()
	c, err := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil).Connect(t.Context(), &mcp.CommandTransport{Command: nobody}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if text, failed := tool(t, c, "list_slos", nil); !failed || !strings.Contains(text, "pitot serve") {
		t.Errorf("without a server: failed %v: %s", failed, text)
	}
}

// tool calls a tool and returns the text of its answer.
func tool(t *testing.T, c *mcp.ClientSession, name string, args map[string]any) (string, bool) {
	t.Helper()
	res, err := c.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if len(res.Content) != 1 {
		t.Fatalf("%s: %d parts", name, len(res.Content))
	}
	part, ok := res.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s: %T", name, res.Content[0])
	}
	return part.Text, res.IsError
}
