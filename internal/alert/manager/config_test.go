package manager

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigErrorsHaveLines(t *testing.T) {
	for _, tc := range []struct {
		name, section string
		line          int
		says          string
	}{
		{"unknown field of a route", "route:\n  receiver: a\n  grup_by: [x]\nreceivers: [{name: a}]\n", 3, `unknown field "grup_by"`},
		{"syntax", "route: {receiver: a\nreceivers: []\n", 1, "did not find"},
		{"undefined receiver", "route:\n  receiver: a\n  routes:\n    - receiver: b\nreceivers: [{name: a}]\n", 4, `undefined receiver "b"`},
		{"no route", "receivers: [{name: a}]\n", 0, "route"},
		{"unknown field of dingtalk", "route: {receiver: a}\nreceivers:\n  - name: a\n    dingtalk_configs:\n      - url: http://x.example\n        colour: red\n", 6, `unknown field "colour"`},
		{"dingtalk without url", "route: {receiver: a}\nreceivers:\n  - name: a\n    dingtalk_configs:\n      - secret: x\n", 5, `receiver "a": dingtalk_configs[0].url: set the robot's webhook`},
		{"dingtalk null", "route: {receiver: a}\nreceivers:\n  - name: a\n    dingtalk_configs:\n      -\n", 5, "url"},
		{"message type", "route: {receiver: a}\nreceivers:\n  - name: a\n    dingtalk_configs:\n      - url: http://x.example\n        message_type: card\n", 6, "must be markdown or actionCard"},
		{"url of feishu", "route: {receiver: a}\nreceivers:\n  - name: a\n    feishu_configs:\n    - url: open.feishu.cn\n", 5, "must be an http or https URL"},
		{"colour of feishu", "route: {receiver: a}\nreceivers:\n  - name: a\n    feishu_configs:\n    - url: http://x.example\n      colors: {critical: pink}\n", 6, `colors.critical: "pink"`},
		{"language", "global:\n  language: fr\nroute: {receiver: a}\nreceivers: [{name: a}]\n", 2, "must be en or zh"},
		{"after what was taken out", "route: {receiver: a}\nreceivers:\n- name: a\n  dingtalk_configs:\n  - url: http://x.example\n  webhook_configs:\n  - url: http://x.example\n    nope: 1\n", 8, `unknown field "nope"`},
		{"dingtalk first", "route: {receiver: a}\nreceivers:\n- dingtalk_configs:\n  - url: http://x.example\n    text: |\n      {{ .Status }}\n\n      more\n  name: a\n  nope: 1\n", 10, `unknown field "nope"`},
		{"not a mapping", "- a\n", 1, ""},
		{"certificate", "route: {receiver: a}\nreceivers:\n- name: a\n  webhook_configs:\n  - url: http://x.example\n    http_config: {tls_config: {ca_file: missing.pem}}\n", 3, "missing.pem"},
		{"broken template file", "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['testdata/broken.tmpl']\n", 0, "broken.tmpl"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := ValidateConfig(Config{Section: []byte(tc.section), Dir: "."})
			ce, isConfig := errors.AsType[*ConfigError](err)
			if !isConfig {
				t.Fatalf("%v", err)
			}
			if ce.Line != tc.line || !strings.Contains(ce.Error(), tc.says) {
				t.Errorf("line %d: %v", ce.Line, ce)
			}
		})
	}
}

func TestConfigIsTheAlertmanagersOwn(t *testing.T) {
	for _, section := range []string{
		"", "   \n", "# nothing\n\n",
		"route: {receiver: a, group_by: ['...'], routes: [{matchers: [severity=~\"page|ticket\"], continue: true, mute_time_intervals: [night]}]}\nreceivers: [{name: a}]\ntime_intervals: [{name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]}]\ninhibit_rules: [{source_matchers: [a=b], target_matchers: [c=d], equal: [e]}]\n",
		// In flow style lines cannot be blanked.
		"route: {receiver: a}\nreceivers: [{name: a, dingtalk_configs: [{url: 'http://x.example'}], webhook_configs: [{url: 'http://x.example'}]}]\n",
		"global: {language: zh}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
		"global:\n  language: zh\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
		"route: {receiver: a}\nreceivers:\n- dingtalk_configs: [{url: 'http://x.example'}]\n  name: a\n",
		"x-robot: &r\n  url: http://x.example\nroute: {receiver: a}\nreceivers:\n- name: a\n  dingtalk_configs:\n  - <<: *r\n",
	} {
		err := ValidateConfig(Config{Section: []byte(section), Dir: t.TempDir()})
		if strings.HasPrefix(section, "x-robot") {
			if err == nil { // the Alertmanager takes no x- keys
				t.Error("an unknown key is taken")
			}
			continue
		}
		if err != nil {
			t.Errorf("%v:\n%s", err, section)
		}
	}
}

func TestStripKeepsLines(t *testing.T) {
	section := "route: {receiver: a}\nreceivers:\n- name: a\n  feishu_configs:\n  - url: http://x.example # hook\n    text: |-\n      a\n\n      b\n\n# between\n  webhook_configs: [{url: 'http://x.example'}]\n- dingtalk_configs: [{url: 'http://x.example'}]\n  name: b\n"
	want := "route: {receiver: a}\nreceivers:\n- name: a\n  \n\n\n\n\n\n\n\n  webhook_configs: [{url: 'http://x.example'}]\n- \n  name: b\n"
	l := &loaded{section: []byte(section)}
	got, err := l.takeOwn("")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Error(d)
	}
	if len(l.own["a"].feishu) != 1 || l.own["a"].feishu[0].Text != "a\n\nb" || len(l.own["b"].dingtalk) != 1 {
		t.Errorf("%+v", l.own)
	}
}

func TestDefaultConfigShowsAndLogs(t *testing.T) {
	var b lockedBuffer
	m := start(t, "", func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&b, nil)) })
	a := firing("HighErrorRate")
	a.StartsAt = a.StartsAt.Add(-group30s)
	m.Notify(t.Context(), []Alert{a})
	if out := amtool(t, serve(t, m), "alert", "query"); !strings.Contains(out, "HighErrorRate") {
		t.Errorf("alert query: %s", out)
	}
	eventually(t, "a line in the log", func() bool { return strings.Contains(b.String(), `msg=alerts component=alertmanager`) })
}

func TestReload(t *testing.T) {
	s := newStandIn(t, ok)
	m := start(t, fast+"receivers: [{name: all, webhook_configs: [{url: "+s.URL+"/old}]}]\n")
	m.Notify(t.Context(), []Alert{firing("One")})
	s.wait(t, "/old", 1)
	err := m.Reload(Config{Section: []byte("route: {receiver: nobody}\n")})
	if ce, is := errors.AsType[*ConfigError](err); !is || ce.Line != 1 {
		t.Errorf("%v", err)
	}
	m.Notify(t.Context(), []Alert{firing("Two")})
	s.wait(t, "/old", 2)
	if err := m.Reload(Config{Section: []byte(fast + "receivers: [{name: all, webhook_configs: [{url: " + s.URL + "/new}]}]\n")}); err != nil {
		t.Fatal(err)
	}
	m.Notify(t.Context(), []Alert{firing("Three")})
	c := s.wait(t, "/new", 1)
	// What was notified before is in the log of notifications.
	if len(c) != 1 || !strings.Contains(c[0].Body, "Three") || len(s.at("/old")) != 2 {
		t.Errorf("%v", c)
	}
	if st := m.Status().Receivers[0].Integrations[0]; st.Sent != 3 {
		t.Errorf("the count starts anew: %+v", st)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Reload(Config{}); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	m.Notify(t.Context(), []Alert{firing("Four")}) // does nothing
}

func TestUnusedPartsAreNamed(t *testing.T) {
	m := start(t, "route: {receiver: a}\nreceivers: [{name: a}]\ntracing: {endpoint: 127.0.0.1:1}\n")
	if w := m.Status().Warnings; len(w) != 1 || !strings.Contains(w[0], "tracing") {
		t.Errorf("%v", w)
	}
}

func FuzzLoad(f *testing.F) {
	initMatchers()
	f.Add(standard)
	f.Add("global: {language: zh}\nroute: {receiver: a}\nreceivers:\n- name: a\n  dingtalk_configs:\n  - url: http://x\n")
	f.Add("route: {receiver: a}\nreceivers: [{dingtalk_configs: [{url: http://x}], name: a}]\n")
	f.Fuzz(func(t *testing.T, section string) {
		l, err := load(Config{Section: []byte(section)}, slog.New(slog.DiscardHandler))
		if err != nil {
			if _, isConfig := errors.AsType[*ConfigError](err); !isConfig {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if l.config.Route == nil {
			t.Fatal("no route")
		}
	})
}
