package manager

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// smtpServer is a small SMTP server with STARTTLS and AUTH PLAIN.
type smtpServer struct {
	net.Listener
	tls   *tls.Config
	conns sync.WaitGroup

	mu    sync.Mutex
	mails []string
	auth  []string
	plain bool // mail came without TLS
	fail  string
}

func newSMTP(t *testing.T) (*smtpServer, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// httptest's certificate, which is for 127.0.0.1 and its own authority.
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	cert, authority := web.TLS.Certificates[0], web.Certificate()
	web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &smtpServer{Listener: ln, tls: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	s.conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s.conns.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); s.conns.Wait() })
	return s, ca
}

func (s *smtpServer) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	secure := false
	r := bufio.NewReader(c)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(c, format+"\r\n", args...) }
	say("220 stand-in ESMTP")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			if secure {
				say("250-stand-in\r\n250 AUTH PLAIN")
			} else {
				say("250-stand-in\r\n250 STARTTLS")
			}
		case "STARTTLS":
			say("220 go")
			t := tls.Server(c, s.tls)
			c, r, secure = t, bufio.NewReader(t), true
		case "AUTH":
			_, b64, _ := strings.Cut(rest, " ")
			who, _ := base64.StdEncoding.DecodeString(b64)
			s.mu.Lock()
			s.auth = append(s.auth, string(who))
			s.mu.Unlock()
			say("235 welcome")
		case "MAIL", "RCPT":
			s.mu.Lock()
			s.plain = s.plain || !secure
			fail := s.fail
			s.mu.Unlock()
			if fail != "" {
				say("%s", fail)
				continue
			}
			say("250 ok")
		case "DATA":
			say("354 go")
			var b strings.Builder
			for {
				l, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if l == ".\r\n" {
					break
				}
				b.WriteString(l)
			}
			s.mu.Lock()
			s.mails = append(s.mails, b.String())
			s.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("500 what?")
		}
	}
}

func (s *smtpServer) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

// readMail returns the subject and the parts of a mail by type.
func readMail(t *testing.T, raw string) (string, map[string]string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]string)
	mr := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := mr.NextRawPart()
		if err != nil {
			return subject, parts
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := strings.Cut(p.Header.Get("Content-Type"), ";")
		parts[kind] = string(b)
	}
}

func emailSection(s *smtpServer, ca, extra string) string {
	return fast + `
global:
  smtp_smarthost: ` + s.Addr().String() + `
  smtp_from: pitot@example.org
  smtp_auth_username: pitot
  smtp_auth_password: ` + key("mail") + `
  smtp_tls_config: {ca_file: ` + ca + `}
receivers:
  - name: all
    email_configs:
      - to: ops@example.org
        send_resolved: true
` + extra
}

func TestEmail(t *testing.T) {
	s, ca := newSMTP(t)
	m := start(t, emailSection(s, ca, `
        headers: {Subject: '{{ template "pitot.zh.title" . }}'}
        text: '{{ template "pitot.zh.text" . }}'
`))
	m.Notify(t.Context(), []Alert{firing("HighErrorRate")})
	eventually(t, "a mail", func() bool { return len(s.received()) == 1 })
	subject, parts := readMail(t, s.received()[0])
	if subject != "[告警 1] 严重 HighErrorRate service=checkout" {
		t.Errorf("subject %q", subject)
	}
	if !strings.Contains(parts["text/plain"], "原因：94 % of the errors") || !strings.Contains(parts["text/html"], "HighErrorRate") {
		t.Errorf("parts %v", parts)
	}
	if s.plain || len(s.auth) != 1 || s.auth[0] != "\x00pitot\x00"+key("mail") {
		t.Errorf("plain %v, auth %q", s.plain, s.auth)
	}
	m.Notify(t.Context(), []Alert{resolved("HighErrorRate")})
	eventually(t, "a mail on the end", func() bool { return len(s.received()) == 2 })
	if subject, _ := readMail(t, s.received()[1]); !strings.Contains(subject, "已恢复") {
		t.Errorf("subject %q", subject)
	}
}

func TestEmailRefused(t *testing.T) {
	s, ca := newSMTP(t)
	s.fail = "550 no such user"
	m := start(t, emailSection(s, ca, ""))
	res, err := m.TestReceiver(t.Context(), "all")
	if err != nil || len(res) != 1 || res[0].OK || !strings.Contains(res[0].Error, "550") {
		t.Errorf("%+v %v", res, err)
	}
}
