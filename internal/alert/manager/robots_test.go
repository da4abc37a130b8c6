package manager

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager/dingtalk"
	"github.com/pitot-dev/pitot/internal/alert/manager/feishu"
)

// path walks a decoded JSON value.
func path(v any, steps ...any) any {
	for _, s := range steps {
		switch k := s.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				return nil
			}
			v = l[k]
		}
	}
	return v
}

func TestDingTalkThroughTheManager(t *testing.T) {
	s := newStandIn(t, func(call) (int, string) { return http.StatusOK, `{"errcode":0,"errmsg":"ok"}` })
	o := testOptions(t, fast+`
global: {language: zh}
receivers:
  - name: all
    dingtalk_configs:
      - url_file: robot.url
        secret_file: robot.secret
        mentions: {mobiles: ["13800000000"], severities: [critical]}
      - url: `+s.URL+`/card?access_token=`+key("token")+`
        message_type: actionCard
        language: en
`)
	secret := "SEC" + strings.Repeat("0", 20)
	for name, content := range map[string]string{"robot.url": s.URL + "/md?access_token=" + key("token") + "\n", "robot.secret": secret + "\n"} {
		if err := os.WriteFile(filepath.Join(o.Config.Dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := start(t, "", func(p *Options) { *p = o })
	m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
	c := s.wait(t, "/md", 1)[0]
	q, err := url.ParseQuery(c.Query)
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := strconv.ParseInt(q.Get("timestamp"), 10, 64)
	if err != nil || time.Since(time.UnixMilli(stamp)).Abs() > time.Minute || q.Get("access_token") != key("token") {
		t.Errorf("query %v", q)
	}
	if want := dingtalk.Sign(q.Get("timestamp"), secret); q.Get("sign") != want {
		t.Errorf("sign %q, want %q", q.Get("sign"), want)
	}
	body := c.json(t)
	text := fmt.Sprint(path(body, "markdown", "text"))
	for _, want := range []string{"[告警 1] 严重 HighErrorRate", "**原因：**94 %", "[处理手册](https://runbooks.example/errors)", "@13800000000"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if body["msgtype"] != "markdown" || path(body, "at", "atMobiles", 0) != "13800000000" || path(body, "at", "isAtAll") != false {
		t.Errorf("%s", c.Body)
	}
	card := s.wait(t, "/card", 1)[0].json(t)
	if card["msgtype"] != "actionCard" || path(card, "actionCard", "btns", 0, "title") != "the calls" ||
		path(card, "actionCard", "btns", 1, "actionURL") != "https://runbooks.example/errors" {
		t.Errorf("card %v", card)
	}
	m.Notify(t.Context(), []Alert{resolved("HighErrorRate")})
	if c := s.wait(t, "/md", 2)[1]; !strings.Contains(c.Body, "已恢复") || strings.Contains(c.Body, "13800000000") {
		t.Errorf("resolved: %s", c.Body)
	}
}

func TestFeishuThroughTheManager(t *testing.T) {
	s := newStandIn(t, func(call) (int, string) { return http.StatusOK, `{"code":0,"msg":"success"}` })
	secret := strings.Repeat("0", 20)
	m := start(t, fast+`
receivers:
  - name: all
    feishu_configs:
      - url: `+s.URL+`/hook
        secret: "`+secret+`"
        language: zh
        mentions: {ids: [ou_1], all: true}
        colors: {critical: carmine}
`)
	m.Notify(t.Context(), []Alert{firing("HighErrorRate", "user", "<at id=all></at>")})
	c := s.wait(t, "/hook", 1)[0]
	body := c.json(t)
	if body["msg_type"] != "interactive" || path(body, "card", "header", "template") != "carmine" ||
		path(body, "card", "header", "title", "content") != "[告警 1] 严重 HighErrorRate service=checkout" {
		t.Errorf("%s", c.Body)
	}
	if want := feishu.Sign(fmt.Sprint(body["timestamp"]), secret); body["sign"] != want {
		t.Errorf("sign %v, want %v", body["sign"], want)
	}
	// Once for the configuration; what a label says names nobody.
	if n := strings.Count(c.Body, "<at id=all>"); n != 1 {
		t.Errorf("everybody is named %d times: %s", n, c.Body)
	}
	if !strings.Contains(c.Body, "<at id=ou_1></at>") || !strings.Contains(c.Body, "**原因：**94 %") || !strings.Contains(c.Body, `"url":"https://runbooks.example/errors"`) {
		t.Errorf("%s", c.Body)
	}
	m.Notify(t.Context(), []Alert{resolved("HighErrorRate", "user", "<at id=all></at>")})
	body = s.wait(t, "/hook", 2)[1].json(t)
	if path(body, "card", "header", "template") != "green" {
		t.Errorf("resolved: %v", body)
	}
}

func TestRobotsThatRefuse(t *testing.T) {
	for _, tc := range []struct {
		kind, answer string
		code         int
		retry        bool
		says         string
	}{
		{"dingtalk", `{"errcode":310000,"errmsg":"sign not match"}`, 200, false, "security settings"},
		{"dingtalk", `{"errcode":-1,"errmsg":"system busy"}`, 200, true, "busy"},
		{"dingtalk", `{"errcode":410100,"errmsg":"too fast"}`, 200, true, "too fast"},
		{"dingtalk", `{"errcode":400101,"errmsg":"token"}`, 200, false, "access_token"},
		{"dingtalk", `{"errcode":43004,"errmsg":"type"}`, 200, false, "43004"},
		{"dingtalk", `<html>`, 200, true, "not JSON"},
		{"dingtalk", `{}`, 200, true, "no errcode"},
		{"dingtalk", `no`, 502, true, "502"},
		{"dingtalk", `no`, 404, false, "404"},
		{"dingtalk", `no`, 429, true, "429"},
		{"feishu", `{"code":19021,"msg":"sign match fail"}`, 200, false, "clock"},
		{"feishu", `{"code":11232,"msg":"frequency limited"}`, 200, true, "11232"},
		{"feishu", `{"code":9499,"msg":"too many request"}`, 200, true, "9499"},
		{"feishu", `{"code":9499,"msg":"Bad Request"}`, 200, false, "9499"},
		{"feishu", `{"StatusCode":19001,"StatusMessage":"param invalid"}`, 200, false, "check url"},
		{"feishu", `[]`, 200, true, "not JSON"},
		{"feishu", `no`, 500, true, "500"},
		{"feishu", `no`, 400, false, "400"},
	} {
		t.Run(tc.kind+" "+tc.answer+strconv.Itoa(tc.code), func(t *testing.T) {
			s := newStandIn(t, func(call) (int, string) { return tc.code, tc.answer })
			m := start(t, fast+"receivers: [{name: all, "+tc.kind+"_configs: [{url: '"+s.URL+"/"+key("hook")+"'}]}]\n")
			res, err := m.TestReceiver(t.Context(), "all")
			if err != nil {
				t.Fatal(err)
			}
			r := res[0]
			if r.OK || r.Retryable != tc.retry || !strings.Contains(r.Error, tc.says) {
				t.Errorf("%+v", r)
			}
			if strings.Contains(r.Error, key("hook")) {
				t.Errorf("the secret is in %q", r.Error)
			}
		})
	}
}

func TestRobotOutOfReachKeepsItsSecret(t *testing.T) {
	s := newStandIn(t, ok)
	address := s.URL
	s.Close()
	m := start(t, fast+"receivers: [{name: all, dingtalk_configs: [{url: '"+address+"/"+key("hook")+"'}]}]\n")
	res, err := m.TestReceiver(t.Context(), "all")
	if err != nil || res[0].OK || !res[0].Retryable || strings.Contains(res[0].Error, key("hook")) {
		t.Errorf("%+v %v", res, err)
	}
}

// docsExample is the alertmanager section of the documentation.
func docsExample(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "alerting-channels.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "```yaml\nalertmanager:\n")
	section, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("the documentation has no example")
	}
	var out strings.Builder
	for line := range strings.Lines(section) {
		out.WriteString(strings.TrimPrefix(line, "  "))
	}
	return out.String()
}

func TestExampleOfTheDocumentation(t *testing.T) {
	if err := ValidateConfig(Config{Section: []byte(docsExample(t)), Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
}

// TestWeComGroupRobot uses the payload of the documentation.
func TestWeComGroupRobot(t *testing.T) {
	_, payload, found := strings.Cut(docsExample(t), "url_file: /etc/pitot/wecom-robot\n")
	if !found {
		t.Fatal("the documentation has no payload")
	}
	s := newStandIn(t, func(call) (int, string) { return http.StatusOK, `{"errcode":0,"errmsg":"ok"}` })
	m := start(t, fast+"receivers:\n  - name: all\n    webhook_configs:\n      - url: "+s.URL+"\n"+payload)
	for i, a := range []Alert{firing("HighErrorRate"), resolved("HighErrorRate")} {
		m.Notify(t.Context(), []Alert{a})
		body := s.wait(t, "/", i+1)[i].json(t)
		text, isText := path(body, "markdown", "content").(string)
		if body["msgtype"] != "markdown" || !isText || !strings.Contains(text, "service：checkout") {
			t.Errorf("%v", body)
		}
	}
}
