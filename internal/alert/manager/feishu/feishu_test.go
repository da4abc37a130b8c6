package feishu

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

func TestSign(t *testing.T) {
	// Computed with: printf '' | openssl dgst -sha256 -hmac "$(printf '1700000000\n0000')" -binary | base64
	if got := Sign("1700000000", "0000"); got != "jawplWs7t46iDDHt31R5hK2jME99AO2aoDmfg+YMSqk=" {
		t.Errorf("%s", got)
	}
}

func TestRequestStaysBelowTheLimit(t *testing.T) {
	n := &Notifier{conf: &Config{Secret: "0000"}, renderer: &robot.Renderer{Language: robot.English}, now: time.Now}
	var list []robot.Message
	for i := range 50 {
		// Each line break and quote takes two bytes in JSON.
		list = append(list, robot.Message{Title: fmt.Sprint(i), Text: strings.Repeat("\"\n长", 2000), Firing: true})
	}
	body, err := n.encode(list)
	if err != nil || len(body) > maxBody || !json.Valid(body) {
		t.Errorf("%d bytes: %v", len(body), err)
	}
}

func TestHeadingsAreBold(t *testing.T) {
	if got := bold("### a b\n#c\ntext\n"); got != "**a b**\n#c\ntext\n" {
		t.Errorf("%q", got)
	}
}

func TestColors(t *testing.T) {
	n := &Notifier{conf: &Config{Colors: map[robot.Color]string{robot.ColorInfo: "grey"}}}
	for m, want := range map[*robot.Message]string{
		{Firing: true, Severity: "critical"}: "red", {Firing: true, Severity: "info"}: "grey", {Severity: "critical"}: "green",
	} {
		if got := n.build(*m).Card.Header.Template; got != want {
			t.Errorf("%+v: %s", m, got)
		}
	}
}
