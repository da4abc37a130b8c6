package dingtalk

import (
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v3"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

func TestSign(t *testing.T) {
	// Computed with: printf '1700000000000\nSEC0000' | openssl dgst -sha256 -hmac SEC0000 -binary | base64
	if got := Sign("1700000000000", "SEC0000"); got != wantSign {
		t.Errorf("%s", got)
	}
}

func TestCardWithoutLinksIsMarkdown(t *testing.T) {
	n := &Notifier{conf: &Config{MessageType: TypeActionCard, Mentions: Mentions{UserIDs: []string{"u1"}, All: true}}}
	p := n.build(robot.Message{Title: "t", Text: "x", Mention: true})
	if p.Type != TypeMarkdown || p.ActionCard != nil || !p.At.All || !strings.Contains(p.Markdown.Text, "@u1") {
		t.Errorf("%+v", p)
	}
	p = n.build(robot.Message{Title: "t", Text: "x", Links: []robot.Link{{Name: "a", URL: "http://a.example"}}})
	if p.Type != TypeActionCard || p.ActionCard.SingleURL != "http://a.example" || p.At != nil {
		t.Errorf("%+v", p)
	}
}

func TestValidateNamesEverything(t *testing.T) {
	var c Config
	if err := yaml.Unmarshal([]byte("{url: x, url_file: y, secret: a, secret_file: b, message_type: c, language: fr}"), &c); err != nil {
		t.Fatal(err)
	}
	err := c.Validate()
	for _, want := range []string{"url:", "secret:", "message_type:", "language"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
	if err := yaml.Unmarshal([]byte("{url: 'https://oapi.dingtalk.com/robot/send'}"), &c); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil || !c.SendResolved() || c.MessageType != TypeMarkdown {
		t.Errorf("%v %+v", err, c)
	}
}

const wantSign = "fk7wLL76igIuHqrPHGAIYRutziScl/yHFucMQc3Z5SM="
