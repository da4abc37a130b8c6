package manager

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// channelCase is one of the Alertmanager's channels against a stand-in.
type channelCase struct {
	name    string
	section string // of the receiver; URL is the stand-in's address
	path    string // of what is sent when alerts fire
	// sent checks what is sent when alerts fire, and what when they resolve.
	firing, resolved func(t *testing.T, c call)
	resolvedPath     string // where it is another
	answer           string // of success, where it is not "ok"
	always           bool   // retries whatever the status, as upstream has it
}

func has(words ...string) func(*testing.T, call) {
	return func(t *testing.T, c call) {
		t.Helper()
		for _, w := range words {
			if !strings.Contains(c.Body, w) {
				t.Errorf("%s: no %q in %s", c.Path, w, c.Body)
			}
		}
	}
}

func key(s string) string { return s + strings.Repeat("x", 20) }

func channelCases() []channelCase { return append(pagerCases(), chatCases()...) }

func pagerCases() []channelCase {
	return []channelCase{
		{
			name: "webhook", path: "/webhook", section: "webhook_configs: [{url: URL/webhook}]",
			firing:   has(`"status":"firing"`, `"version":"4"`, `"explanation":"94 % of the errors`, `"groupKey"`),
			resolved: has(`"status":"resolved"`),
		},
		{
			name: "slack", path: "/slack", section: "slack_configs: [{api_url: URL/slack, channel: '#ops', send_resolved: true, title: '{{ template \"pitot.en.title\" . }}', text: '{{ template \"pitot.en.text\" . }}'}]",
			firing: func(t *testing.T, c call) {
				a, _ := c.json(t)["attachments"].([]any)[0].(map[string]any)
				if a["color"] != "danger" || !strings.Contains(fmt.Sprint(a["title"]), "[FIRING:1] critical HighErrorRate service=checkout") ||
					!strings.Contains(fmt.Sprint(a["text"]), "Why: 94 %") || c.json(t)["channel"] != "#ops" {
					t.Errorf("%s", c.Body)
				}
			},
			resolved: has(`"color":"good"`, "[RESOLVED]"),
		},
		{
			name: "pagerduty", path: "/pagerduty", section: "pagerduty_configs: [{url: URL/pagerduty, routing_key: " + key("routing") + ", severity: '{{ .CommonLabels.severity }}'}]",
			firing:   has(`"event_action":"trigger"`, `"severity":"critical"`, `"dedup_key"`),
			resolved: has(`"event_action":"resolve"`),
		},
		{
			name: "opsgenie", path: "/opsgenie/v2/alerts", section: "opsgenie_configs: [{api_url: URL/opsgenie/, api_key: " + key("genie") + "}]",
			firing: func(t *testing.T, c call) {
				if c.Header.Get("Authorization") != "GenieKey "+key("genie") || c.json(t)["alias"] == "" {
					t.Errorf("%v %s", c.Header, c.Body)
				}
			},
			resolved: func(t *testing.T, c call) {
				if !strings.HasSuffix(c.Path, "/close") {
					t.Errorf("resolved at %s", c.Path)
				}
			},
		},
		{
			name: "wechat", path: "/wechat/message/send", section: "wechat_configs: [{api_url: URL/wechat/, api_secret: " + key("corp") + ", corp_id: wx1, to_party: '2', agent_id: '3', message_type: markdown, send_resolved: true, message: '{{ template \"pitot.zh.markdown\" . }}'}]",
			answer:   `{"errcode":0,"errmsg":"ok","access_token":"` + key("token") + `"}`,
			firing:   has(`"msgtype":"markdown"`, "原因", `"toparty":"2"`, `"agentid":"3"`),
			resolved: has("已恢复"), always: true,
		},
		{
			name: "telegram", path: "/telegram/bot", section: "telegram_configs: [{api_url: URL/telegram, bot_token: " + key("bot") + ", chat_id: -100, send_resolved: true}]",
			answer:   `{"ok":true,"result":{"message_id":1,"chat":{"id":-100}}}`,
			firing:   has(`"chat_id":"-100"`, "HighErrorRate"),
			resolved: has("Resolved"), always: true,
		},
	}
}

// chatCases are the rest of the channels.
func chatCases() []channelCase {
	return []channelCase{
		{
			name: "msteamsv2", path: "/teams2", section: "msteamsv2_configs: [{webhook_url: URL/teams2}]",
			firing:   has("application/vnd.microsoft.card.adaptive", "HighErrorRate", `"Attention"`),
			resolved: has(`"Good"`),
		},
		{
			name: "msteams", path: "/teams1", section: "msteams_configs: [{webhook_url: URL/teams1}]",
			firing: has("MessageCard", "8C1A1A"), resolved: has("2DC72D"),
		},
		{
			name: "discord", path: "/discord", section: "discord_configs: [{webhook_url: URL/discord}]",
			firing: has(`"embeds"`, "10038562"), resolved: has("3066993"),
		},
		{
			name: "victorops", path: "/victorops/", section: "victorops_configs: [{api_url: URL/victorops/, api_key: " + key("vo") + ", routing_key: ops}]",
			firing: func(t *testing.T, c call) {
				if c.json(t)["message_type"] != "CRITICAL" || !strings.HasSuffix(c.Path, "/ops") {
					t.Errorf("%s %s", c.Path, c.Body)
				}
			},
			resolved: has(`"message_type":"RECOVERY"`),
		},
		{
			name: "webex", path: "/webex", section: "webex_configs: [{api_url: URL/webex, room_id: room1, http_config: {authorization: {credentials: " + key("webex") + "}}, send_resolved: true}]",
			firing: func(t *testing.T, c call) {
				if c.json(t)["roomId"] != "room1" || c.Header.Get("Authorization") != "Bearer "+key("webex") {
					t.Errorf("%v %s", c.Header, c.Body)
				}
			},
			resolved: has("HighErrorRate"),
		},
		{
			name: "sns", path: "/sns", section: "sns_configs: [{api_url: URL/sns, topic_arn: 'arn:aws:sns:us-east-1:1:pitot', sigv4: {region: us-east-1, access_key: " + key("access") + ", secret_key: " + key("secret") + "}, send_resolved: true}]",
			answer: `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`,
			firing: func(t *testing.T, c call) {
				q, err := url.ParseQuery(c.Body)
				if err != nil || q.Get("Action") != "Publish" || !strings.Contains(q.Get("Subject"), "FIRING") || !strings.HasPrefix(c.Header.Get("Authorization"), "AWS4-HMAC-SHA256") {
					t.Errorf("%v %v %s", err, c.Header, c.Body)
				}
			},
			resolved: has("RESOLVED"),
		},
		{
			name: "jira", path: "/jira/issue", resolvedPath: "/jira/issue", section: "jira_configs: [{api_url: URL/jira, project: OPS, issue_type: Bug, resolve_transition: Done, send_resolved: true}]",
			answer: `{"issues":[],"key":"OPS-1","transitions":[{"id":"7","name":"Done"}]}`,
			firing: func(t *testing.T, c call) {
				fields, _ := c.json(t)["fields"].(map[string]any)
				if !strings.Contains(fmt.Sprint(fields["summary"]), "HighErrorRate") || !strings.Contains(c.Body, `ALERT{`) {
					t.Errorf("%s", c.Body)
				}
			},
			resolved: has(`"transition":{"id":"7"}`),
		},
		{
			name: "rocketchat", path: "/rocket/api/v1/chat.postMessage", section: "rocketchat_configs: [{api_url: URL/rocket, token: " + key("rc") + ", token_id: id1, channel: '#ops', send_resolved: true}]",
			answer:   `{"success":true}`,
			firing:   has(`"channel":"#ops"`, `"color":"red"`),
			resolved: has(`"color":"green"`),
		},
		{
			name: "mattermost", path: "/mattermost", section: "mattermost_configs: [{webhook_url: URL/mattermost, channel: ops, send_resolved: true}]",
			firing: has(`"channel":"ops"`, "HighErrorRate"), resolved: has("RESOLVED"),
		},
		{
			name: "incidentio", path: "/incidentio", section: "incidentio_configs: [{url: URL/incidentio, alert_source_token: " + key("inc") + "}]",
			firing: has(`"status":"firing"`), resolved: has(`"status":"resolved"`),
		},
	}
}

// channelSection is a configuration with all of the channels.
func channelSection(cases []channelCase, address string) string {
	var b strings.Builder
	b.WriteString(fast + "receivers:\n  - name: all\n")
	for _, c := range cases {
		b.WriteString("    " + strings.ReplaceAll(c.section, "URL", address) + "\n")
	}
	return b.String()
}

// answers are those of success.
func answers(cases []channelCase, jiraOpen func() bool) func(call) (int, string) {
	return func(c call) (int, string) {
		if strings.HasPrefix(c.Path, "/jira/search") && jiraOpen() {
			return http.StatusOK, `{"issues":[{"key":"OPS-1","fields":{"status":{"statusCategory":{"key":"new"}}}}]}`
		}
		for _, cc := range cases {
			if prefix := strings.Join(strings.Split(cc.path, "/")[:2], "/"); cc.answer != "" && strings.HasPrefix(c.Path, prefix) {
				return http.StatusOK, cc.answer
			}
		}
		return ok(c)
	}
}

func TestChannelsFireAndResolve(t *testing.T) {
	cases := channelCases()
	s := newStandIn(t, ok)
	s.set(answers(cases, func() bool { return len(s.at("/jira/issue")) > 0 }))
	m := start(t, channelSection(cases, s.URL))
	m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
	for _, c := range cases {
		c.firing(t, s.wait(t, c.path, 1)[0])
	}
	m.Notify(t.Context(), []Alert{resolved("HighErrorRate")})
	for _, c := range cases {
		path := c.path
		if c.resolvedPath != "" {
			path = c.resolvedPath
		}
		n := 2
		if c.name == "jira" {
			n = 4 // update, list of transitions, transition
		}
		calls := s.wait(t, path, n)
		c.resolved(t, calls[len(calls)-1])
	}
	eventually(t, "every channel counts two", func() bool {
		for _, i := range m.Status().Receivers[0].Integrations {
			if !i.OK || i.Sent < 2 {
				return false
			}
		}
		return true
	})
}

func TestChannelsRetryOn5xxAndNotOn4xx(t *testing.T) {
	cases := channelCases()
	s := newStandIn(t, ok)
	m := start(t, channelSection(cases, s.URL))
	for i, c := range m.run.channels["all"] {
		name := c.key.integration
		var cc channelCase
		for _, k := range cases {
			if k.name == name {
				cc = k
			}
		}
		if cc.name == "" {
			t.Fatalf("no case for %s (%d)", name, i)
		}
		t.Run(name, func(t *testing.T) {
			for _, code := range []int{http.StatusInternalServerError, http.StatusBadRequest} {
				now := time.Now()
				s.set(func(got call) (int, string) {
					if strings.Contains(got.Path, "gettoken") {
						return http.StatusOK, cc.answer
					}
					return code, `{"errcode":1,"error":"no"}`
				})
				ctx := sampleContext(t.Context(), "all", m.sample(now), now)
				retry, err := c.Notify(ctx, m.sample(now))
				if err == nil {
					t.Fatalf("status %d is a success", code)
				}
				if want := code >= 500 || cc.always; retry != want {
					t.Errorf("status %d: retry %v, want %v: %v", code, retry, want, err)
				}
			}
			if st := c.state.status(); st.OK || st.Failed != 2 || st.LastError == "" {
				t.Errorf("status: %+v", st)
			}
		})
	}
}

func TestPipelineRetriesUntilItWorks(t *testing.T) {
	s := newStandIn(t, ok)
	s.set(func(call) (int, string) {
		if len(s.at("/")) < 3 {
			return http.StatusServiceUnavailable, "busy"
		}
		return http.StatusOK, "ok"
	})
	m := start(t, fast+"receivers: [{name: all, webhook_configs: [{url: "+s.URL+"}]}]\n")
	m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
	s.wait(t, "/", 3)
	eventually(t, "the channel is well again", func() bool {
		st := m.Status().Receivers[0].Integrations[0]
		return st.OK && st.Sent == 1 && st.Failed == 2 && strings.Contains(st.LastError, "503")
	})
}

// TestPushover reaches the service, whose address is fixed, through a proxy.
func TestPushover(t *testing.T) {
	service := newStandIn(t, ok)
	secure := httptest.NewUnstartedServer(service)
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	secure.StartTLS()
	t.Cleanup(secure.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "api.pushover.net:443" {
			http.Error(w, r.Host, http.StatusForbidden)
			return
		}
		up, err := net.Dial("tcp", secure.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		down, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = down.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		pipe(down, up)
	}))
	t.Cleanup(proxy.Close)
	m := start(t, fast+`
receivers:
  - name: all
    pushover_configs:
      - user_key: `+key("user")+`
        token: `+key("app")+`
        title: '{{ template "pitot.zh.title" . }}'
        http_config: {proxy_url: `+proxy.URL+`, tls_config: {insecure_skip_verify: true}}
`)
	m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
	c := service.wait(t, "/1/messages.json", 1)[0]
	q, err := url.ParseQuery(c.Query + "&" + c.Body)
	if err != nil || q.Get("user") != key("user") || !strings.Contains(q.Get("title"), "[告警 1] 严重 HighErrorRate") {
		t.Errorf("%v: %v", err, q)
	}
}

// pipe copies both ways until both are closed.
func pipe(a, b net.Conn) {
	var wg sync.WaitGroup
	wg.Go(func() { _, _ = io.Copy(a, b); _ = a.Close() })
	wg.Go(func() { _, _ = io.Copy(b, a); _ = b.Close() })
	wg.Wait()
}
