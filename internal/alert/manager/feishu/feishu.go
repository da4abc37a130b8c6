package feishu

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
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
	maxText = 12_000
	// maxBody is what the bot takes.
	maxBody = 20_000
	// crowded is how long to wait when the bot says that it had too much.
	crowded = 10 * time.Second
)

// Notifier sends to one bot.
type Notifier struct {
	conf     *Config
	client   *http.Client
	renderer *robot.Renderer
	sender   *robot.Sender
	limiter  *robot.Limiter
	now      func() time.Time
}

// New returns a Notifier. Limits are those of all bots. Failed, which may be
// nil, is called when a template failed.
func New(conf *Config, tmpl *template.Template, limits *robot.Limits, failed func(error), logger *slog.Logger) (*Notifier, error) {
	hc := commoncfg.DefaultHTTPClientConfig
	if conf.HTTPConfig != nil {
		hc = *conf.HTTPConfig
	}
	client, err := notify.NewClientWithTracing(hc, "feishu")
	if err != nil {
		return nil, fmt.Errorf("feishu: %w", err)
	}
	lang := conf.Language.Or(robot.English)
	n := &Notifier{
		conf: conf, client: client, now: time.Now,
		limiter: limits.Of("feishu "+string(conf.URL)+conf.URLFile, robot.Within(5, time.Second), robot.Within(100, time.Minute)),
		renderer: &robot.Renderer{
			Template: tmpl, Logger: logger, Language: lang, Failed: failed, Mention: conf.Mentions.At, Escape: escape,
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

// escape keeps tags out, one of which names people.
func escape(s string) string {
	return strings.NewReplacer("<", "&#60;", ">", "&#62;").Replace(s)
}

// Notify implements notify.Notifier.
func (n *Notifier) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	return n.sender.Send(ctx, n.renderer.Render(ctx, alerts...))
}

type payload struct {
	Timestamp string `json:"timestamp,omitempty"`
	Sign      string `json:"sign,omitempty"`
	Type      string `json:"msg_type"`
	Card      card   `json:"card"`
}

type card struct {
	Config   cardConfig `json:"config"`
	Header   header     `json:"header"`
	Elements []any      `json:"elements"`
}

type cardConfig struct {
	WideScreen bool `json:"wide_screen_mode"`
}

type header struct {
	Title    text   `json:"title"`
	Template string `json:"template"`
}

// text is plain text, or Markdown.
type text struct {
	Tag     string `json:"tag"`
	Content string `json:"content"`
}

type action struct {
	Tag     string   `json:"tag"`
	Actions []button `json:"actions"`
}

type button struct {
	Tag  string `json:"tag"`
	Text text   `json:"text"`
	URL  string `json:"url"`
	Type string `json:"type"`
}

// build makes the card.
func (n *Notifier) build(m robot.Message) payload {
	color := n.conf.Colors[m.Color()]
	if color == "" {
		color = defaultColors()[m.Color()]
	}
	c := card{
		Config: cardConfig{WideScreen: true},
		Header: header{Title: text{Tag: "plain_text", Content: m.Title}, Template: color},
	}
	for i, part := range strings.Split(m.Text, "\n\n---\n\n") {
		if i > 0 {
			c.Elements = append(c.Elements, map[string]string{"tag": "hr"})
		}
		c.Elements = append(c.Elements, text{Tag: "markdown", Content: bold(part)})
	}
	if m.Mention {
		if names := n.names(); names != "" {
			c.Elements = append(c.Elements, text{Tag: "markdown", Content: names})
		}
	}
	if len(m.Links) > 0 {
		a := action{Tag: "action"}
		for _, l := range m.Links {
			a.Actions = append(a.Actions, button{Tag: "button", Text: text{Tag: "plain_text", Content: l.Name}, URL: l.URL, Type: "default"})
		}
		c.Elements = append(c.Elements, a)
	}
	return payload{Type: "interactive", Card: c}
}

// bold makes headings bold lines: cards know no headings.
func bold(markdown string) string {
	lines := strings.Split(markdown, "\n")
	for i, l := range lines {
		if h := strings.TrimLeft(l, "#"); h != l && strings.HasPrefix(h, " ") {
			lines[i] = "**" + strings.TrimSpace(h) + "**"
		}
	}
	return strings.Join(lines, "\n")
}

func (n *Notifier) names() string {
	var out []string
	for _, id := range n.conf.Mentions.IDs {
		out = append(out, "<at id="+id+"></at>")
	}
	if n.conf.Mentions.All {
		out = append(out, "<at id=all></at>")
	}
	return strings.Join(out, " ")
}

func (n *Notifier) send(ctx context.Context, messages []robot.Message) (bool, error) {
	target, err := robot.Secret(string(n.conf.URL), n.conf.URLFile)
	if err != nil {
		return false, fmt.Errorf("url_file: %w", err)
	}
	if err := checkURL(target); err != nil {
		return false, fmt.Errorf("url_file: %w", err)
	}
	body, err := n.encode(messages)
	if err != nil {
		return false, err
	}
	var answer struct {
		Code    *int   `json:"code"`
		Message string `json:"msg"`
		// Older bots answer with these.
		StatusCode    *int   `json:"StatusCode"`
		StatusMessage string `json:"StatusMessage"`
	}
	if retry, err := robot.Post(ctx, n.client, target, body, &answer); err != nil {
		return retry, err
	}
	switch {
	case answer.Code != nil:
		return n.judge(*answer.Code, answer.Message)
	case answer.StatusCode != nil:
		return n.judge(*answer.StatusCode, answer.StatusMessage)
	}
	return true, errors.New("the answer has no code: is url a bot's webhook?")
}

// encode signs and encodes, with less text where the request is too large: what
// JSON escapes takes more bytes.
func (n *Notifier) encode(messages []robot.Message) ([]byte, error) {
	secret, err := robot.Secret(string(n.conf.Secret), n.conf.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("secret_file: %w", err)
	}
	for limit := maxText; ; limit /= 2 {
		p := n.build(robot.Merge(messages, n.renderer.Language, limit))
		if secret != "" {
			p.Timestamp = strconv.FormatInt(n.now().Unix(), 10)
			p.Sign = Sign(p.Timestamp, secret)
		}
		body, err := robot.Encode(p)
		if err != nil {
			return nil, fmt.Errorf("encode: %w", err)
		}
		if len(body) <= maxBody || limit < 500 {
			return body, nil
		}
	}
}

// judge says what a code means.
func (n *Notifier) judge(code int, message string) (bool, error) {
	if code == 0 {
		return false, nil
	}
	err := fmt.Errorf("feishu: code %d: %s", code, robot.Truncate(message, 500))
	slow := strings.Contains(strings.ToLower(message), "too many") || strings.Contains(strings.ToLower(message), "limit")
	switch {
	case code == 11232, code == 99991400, code == 9499 && slow:
		n.limiter.Block(crowded)
		return true, notify.NewErrorWithReason(notify.RateLimitedReason, err)
	case code == 19021, code == 19022, code == 19024:
		return false, notify.NewErrorWithReason(notify.AuthErrorReason,
			fmt.Errorf("%w (check the bot's security settings: secret, keywords in the title or text, allowed addresses, and this machine's clock)", err))
	case code == 19001:
		return false, notify.NewErrorWithReason(notify.AuthErrorReason, fmt.Errorf("%w (check url)", err))
	default:
		return false, notify.NewErrorWithReason(notify.ClientErrorReason, err)
	}
}

// Sign is the signature of a time in seconds.
func Sign(timestamp, secret string) string {
	// The text is the key, and nothing is signed: so the protocol says.
	mac := hmac.New(sha256.New, []byte(timestamp+"\n"+secret))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
