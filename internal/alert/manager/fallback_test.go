package manager

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// broken fails when it is executed.
const broken = `'{{ template "nowhere" . }}'`

func TestTemplateErrorStillNotifies(t *testing.T) {
	for _, tc := range []struct{ name, section, path, answer string }{
		{"slack", "slack_configs: [{api_url: URL/slack, channel: c, text: BROKEN, title: 'fine'}]", "/slack", "ok"},
		{"slack title", "slack_configs: [{api_url: URL/slack, channel: c, title: BROKEN}]", "/slack", "ok"},
		{"slack field", "slack_configs: [{api_url: URL/slack, channel: c, text: fine, fields: [{title: a, value: BROKEN}], footer: BROKEN, pretext: BROKEN}]", "/slack", "ok"},
		{"pagerduty", "pagerduty_configs: [{url: URL/pd, routing_key: k, description: BROKEN}]", "/pd", "ok"},
		{"pagerduty details", "pagerduty_configs: [{url: URL/pd, routing_key: k, details: {firing: BROKEN}}]", "/pd", "ok"},
		{"opsgenie", "opsgenie_configs: [{api_url: URL/og/, api_key: k, message: BROKEN}]", "/og", "ok"},
		{"wechat", "wechat_configs: [{api_url: URL/wc/, api_secret: s, corp_id: c, message: BROKEN}]", "/wc/message", `{"errcode":0,"access_token":"t"}`},
		{"telegram", "telegram_configs: [{api_url: URL/tg, bot_token: t, chat_id: 1, message: BROKEN}]", "/tg", `{"ok":true,"result":{"message_id":1,"chat":{"id":1}}}`},
		{"msteamsv2", "msteamsv2_configs: [{webhook_url: URL/t2, text: BROKEN}]", "/t2", "ok"},
		{"msteams", "msteams_configs: [{webhook_url: URL/t1, text: BROKEN}]", "/t1", "ok"},
		{"discord", "discord_configs: [{webhook_url: URL/dc, message: BROKEN}]", "/dc", "ok"},
		{"victorops", "victorops_configs: [{api_url: URL/vo/, api_key: k, routing_key: r, state_message: BROKEN}]", "/vo", "ok"},
		{"webex", "webex_configs: [{api_url: URL/wx, room_id: r, message: BROKEN, http_config: {authorization: {credentials: c}}}]", "/wx", "ok"},
		{"sns", "sns_configs: [{api_url: URL/sns, topic_arn: 'arn:aws:sns:us-east-1:1:p', message: BROKEN, sigv4: {region: r, access_key: a, secret_key: b}}]", "/sns", "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"},
		{"jira", "jira_configs: [{api_url: URL/jira, project: P, issue_type: Bug, summary: BROKEN}]", "/jira/issue", `{"issues":[]}`},
		{"rocketchat", "rocketchat_configs: [{api_url: URL/rc, token: t, token_id: i, channel: c, text: BROKEN}]", "/rc", `{"success":true}`},
		{"mattermost", "mattermost_configs: [{webhook_url: URL/mm, text: BROKEN}]", "/mm", "ok"},
		{"webhook payload", "webhook_configs: [{url: URL/wh, payload: {msgtype: text, text: {content: BROKEN}}}]", "/wh", "ok"},
		{"dingtalk", "dingtalk_configs: [{url: URL/dt, text: BROKEN}]", "/dt", `{"errcode":0}`},
		{"dingtalk title", "dingtalk_configs: [{url: URL/dt, title: BROKEN}]", "/dt", `{"errcode":0}`},
		{"feishu", "feishu_configs: [{url: URL/fs, text: BROKEN}]", "/fs", `{"code":0}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newStandIn(t, func(call) (int, string) { return http.StatusOK, tc.answer })
			section := strings.ReplaceAll(strings.ReplaceAll(tc.section, "URL", s.URL), "BROKEN", broken)
			var reg *prometheus.Registry
			m := start(t, fast+"receivers:\n  - name: all\n    "+section+"\n", func(o *Options) { reg, _ = o.Registerer.(*prometheus.Registry) })
			m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
			c := s.wait(t, tc.path, 1)[0]
			body := strings.ReplaceAll(c.Body, "+", " ")
			if !strings.Contains(body, "HighErrorRate") {
				t.Errorf("no alert in %s", c.Body)
			}
			textual := tc.name != "slack title" && tc.name != "jira" // which have room for a title only
			if textual && !strings.Contains(body, "template of this notification failed") {
				t.Errorf("no reason in %s", c.Body)
			}
			st := m.Status().Receivers[0].Integrations[0]
			if st.TemplateErrors != 1 || !strings.Contains(st.LastError, "nowhere") {
				t.Errorf("status %+v", st)
			}
			if n, err := testutil.GatherAndCount(reg, "pitot_alert_template_errors_total"); err != nil || n != 1 {
				t.Errorf("metric: %d %v", n, err)
			}
		})
	}
}

func TestTemplateErrorInEmail(t *testing.T) {
	s, ca := newSMTP(t)
	m := start(t, emailSection(s, ca, "        html: "+broken+"\n        text: 'fine'\n        headers: {Subject: "+broken+"}\n"))
	m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
	last := func() string {
		all := s.received()
		if len(all) == 0 {
			return ""
		}
		return all[len(all)-1]
	}
	eventually(t, "a whole mail", func() bool { return strings.Contains(last(), "text/html") })
	subject, parts := readMail(t, last())
	if subject != "[FIRING:1] HighErrorRate" || !strings.Contains(parts["text/html"], "template of this notification failed") || parts["text/plain"] != "fine" {
		t.Errorf("%q %v", subject, parts)
	}
}

func TestTemplateErrorOfAURLIsReported(t *testing.T) {
	m := start(t, fast+"receivers: [{name: all, webhook_configs: [{url: "+broken+"}]}]\n")
	res, err := m.TestReceiver(t.Context(), "all")
	if err != nil || res[0].OK || res[0].Retryable || !strings.Contains(res[0].Error, "nowhere") {
		t.Errorf("%+v %v", res, err)
	}
}

func TestSampleThroughAReceiver(t *testing.T) {
	s := newStandIn(t, func(c call) (int, string) {
		if c.Path == "/bad" {
			return http.StatusForbidden, "no"
		}
		return http.StatusOK, "ok"
	})
	m := start(t, fast+fmt.Sprintf(`
receivers:
  - name: all
  - name: unrouted
    webhook_configs: [{url: %[1]s/good}, {url: %[1]s/bad}]
    slack_configs: [{api_url: %[1]s/slack, channel: c, text: '{{ template "pitot.en.text" . }}'}]
`, s.URL))
	res, err := m.TestReceiver(t.Context(), "unrouted")
	if err != nil || len(res) != 3 {
		t.Fatalf("%+v %v", res, err)
	}
	for _, r := range res {
		if want := r.Integration != "webhook" || r.Index != 1; r.OK != want || r.OK == (r.Error != "") {
			t.Errorf("%+v", r)
		}
	}
	if b := s.at("/slack")[0].Body; !strings.Contains(b, "test of Pitot") {
		t.Errorf("%s", b)
	}
	if _, err := m.TestReceiver(t.Context(), "all"); err == nil || !strings.Contains(err.Error(), "no channels") {
		t.Errorf("%v", err)
	}
	if _, err := m.TestReceiver(t.Context(), "nobody"); err == nil || !strings.Contains(err.Error(), "all, unrouted") {
		t.Errorf("%v", err)
	}
}
