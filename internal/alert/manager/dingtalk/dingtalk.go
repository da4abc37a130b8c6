package dingtalk

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	commoncfg "github.com/prometheus/common/config"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

const (
	// maxText keeps a message below the 20,000 bytes that the robot takes.
	maxText = 16_000
	// perMinute is the robot's limit; past it, it is mute for ten minutes.
	perMinute = 20
	// muted is how long to wait when the robot says that it had too much.
	muted = time.Minute
)

// Notifier sends to one robot.
type Notifier struct {
	conf     *Config
	client   *http.Client
	renderer *robot.Renderer
	sender   *robot.Sender
	limiter  *robot.Limiter
	now      func() time.Time
}

// New returns a Notifier. Limits are those of all robots. Failed, which may be
// nil, is called when a template failed.
func New(conf *Config, tmpl *template.Template, limits *robot.Limits, failed func(error), logger *slog.Logger) (*Notifier, error) {
	hc := commoncfg.DefaultHTTPClientConfig
	if conf.HTTPConfig != nil {
		hc = *conf.HTTPConfig
	}
	client, err := notify.NewClientWithTracing(hc, "dingtalk")
	if err != nil {
		return nil, fmt.Errorf("dingtalk: %w", err)
	}
	lang := conf.Language.Or(robot.English)
	n := &Notifier{
		conf: conf, client: client, now: time.Now,
		limiter: limits.Of("dingtalk "+string(conf.URL)+conf.URLFile, robot.Within(perMinute, time.Minute)),
		renderer: &robot.Renderer{
			Template: tmpl, Logger: logger, Language: lang, Failed: failed, Mention: conf.Mentions.At,
			Title: conf.Title, Text: conf.Text,
		},
	}
	if n.renderer.Title == "" {
		n.renderer.Title = `{{ template "pitot.` + string(lang) + `.title" . }}`
	}
	if n.renderer.Text == "" {
		n.renderer.Text = `{{ template "pitot.` + string(lang) + `.markdown" . }}`
	}
	n.sender = robot.NewSender(n.limiter, n.send)
	return n, nil
}

// Notify implements notify.Notifier.
func (n *Notifier) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	return n.sender.Send(ctx, n.renderer.Render(ctx, alerts...))
}

type payload struct {
	Type       string      `json:"msgtype"`
	Markdown   *markdown   `json:"markdown,omitempty"`
	ActionCard *actionCard `json:"actionCard,omitempty"`
	At         *at         `json:"at,omitempty"`
}

type markdown struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

type actionCard struct {
	Title          string   `json:"title"`
	Text           string   `json:"text"`
	SingleTitle    string   `json:"singleTitle,omitempty"`
	SingleURL      string   `json:"singleURL,omitempty"`
	BtnOrientation string   `json:"btnOrientation"`
	Buttons        []button `json:"btns,omitempty"`
}

type button struct {
	Title string `json:"title"`
	URL   string `json:"actionURL"`
}

type at struct {
	Mobiles []string `json:"atMobiles,omitempty"`
	UserIDs []string `json:"atUserIds,omitempty"`
	All     bool     `json:"isAtAll"`
}

// build makes the robot's message.
func (n *Notifier) build(m robot.Message) payload {
	p := payload{Type: n.conf.MessageType}
	text := "### " + m.Title + "\n\n" + m.Text
	if m.Mention {
		text += n.names()
		p.At = &at{Mobiles: n.conf.Mentions.Mobiles, UserIDs: n.conf.Mentions.UserIDs, All: n.conf.Mentions.All}
	}
	// A card without a button is refused.
	if n.conf.MessageType == TypeActionCard && len(m.Links) > 0 {
		card := &actionCard{Title: m.Title, Text: text, BtnOrientation: "0"}
		if len(m.Links) == 1 {
			card.SingleTitle, card.SingleURL = m.Links[0].Name, m.Links[0].URL
		} else {
			for _, l := range m.Links {
				card.Buttons = append(card.Buttons, button{Title: l.Name, URL: l.URL})
			}
		}
		p.ActionCard = card
		return p
	}
	p.Type, p.Markdown = TypeMarkdown, &markdown{Title: m.Title, Text: text}
	return p
}

// names are in the text, without which nobody is told.
func (n *Notifier) names() string {
	var b strings.Builder
	for _, list := range [][]string{n.conf.Mentions.Mobiles, n.conf.Mentions.UserIDs} {
		for _, id := range list {
			b.WriteString(" @" + id)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "\n\n" + strings.TrimSpace(b.String())
}

func (n *Notifier) send(ctx context.Context, messages []robot.Message) (bool, error) {
	target, err := n.target()
	if err != nil {
		return false, err
	}
	body, err := robot.Encode(n.build(robot.Merge(messages, n.renderer.Language, maxText)))
	if err != nil {
		return false, fmt.Errorf("encode: %w", err)
	}
	var answer struct {
		Code    *int   `json:"errcode"`
		Message string `json:"errmsg"`
	}
	if retry, err := robot.Post(ctx, n.client, target, body, &answer); err != nil {
		return retry, err
	}
	if answer.Code == nil {
		return true, errors.New("the answer has no errcode: is url a robot's webhook?")
	}
	return n.judge(*answer.Code, answer.Message)
}

// judge says what an error code means.
func (n *Notifier) judge(code int, message string) (bool, error) {
	if code == 0 {
		return false, nil
	}
	err := fmt.Errorf("dingtalk: errcode %d: %s", code, robot.Truncate(message, 500))
	switch code {
	case -1: // system busy
		return true, notify.NewErrorWithReason(notify.ServerErrorReason, err)
	case 130101, 410100: // too fast
		n.limiter.Block(muted)
		return true, notify.NewErrorWithReason(notify.RateLimitedReason, err)
	case 310000: // keyword, signature or address does not match
		return false, notify.NewErrorWithReason(notify.AuthErrorReason,
			fmt.Errorf("%w (check the robot's security settings: secret, keywords in the title or text, allowed addresses, and this machine's clock)", err))
	case 400101, 400102, 300001, 40014, 400106:
		return false, notify.NewErrorWithReason(notify.AuthErrorReason, fmt.Errorf("%w (check the access_token of url and that the robot is enabled)", err))
	default:
		return false, notify.NewErrorWithReason(notify.ClientErrorReason, err)
	}
}

// target is the webhook, signed where there is a secret.
func (n *Notifier) target() (string, error) {
	raw, err := robot.Secret(string(n.conf.URL), n.conf.URLFile)
	if err != nil {
		return "", fmt.Errorf("url_file: %w", err)
	}
	if err := checkURL(raw); err != nil {
		return "", fmt.Errorf("url_file: %w", err)
	}
	secret, err := robot.Secret(string(n.conf.Secret), n.conf.SecretFile)
	if err != nil {
		return "", fmt.Errorf("secret_file: %w", err)
	}
	if secret == "" {
		return raw, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("url: not a URL")
	}
	stamp := strconv.FormatInt(n.now().UnixMilli(), 10)
	q := u.Query()
	q.Set("timestamp", stamp)
	q.Set("sign", Sign(stamp, secret))
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// Sign is the signature of a time in milliseconds.
func Sign(timestamp, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "\n" + secret))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
