package pitot

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// keyChars are characters of made-up keys.
const keyChars = "a1B2c3D4e5F6g7H8i9J0"

func fake(n int) string { return strings.Repeat(keyChars, n/len(keyChars)+1)[:n] }

func TestMaskSecrets(t *testing.T) {
	m := newMasker(maskSecrets)
	const r = maskedSecret
	for in, want := range map[string]string{
		"key sk-" + fake(40) + " end":                         "key " + r + " end",
		"sk-proj-" + fake(48):                                 r,
		"(sk-ant-api03-" + fake(90) + ")":                     "(" + r + ")",
		`"AIza` + fake(35) + `"`:                              `"` + r + `"`,
		"AKIA" + strings.ToUpper(fake(16)):                    r,
		"ghp_" + fake(36) + " hf_" + fake(34):                 r + " " + r,
		"Authorization: Bearer " + fake(30):                   "Authorization: Bearer " + r,
		"use Basic dXNlcjpwYXNzd29yZA== here":                 "use Basic " + r + " here",
		"password: hunter2secret":                             "password: " + r,
		`{"api_key": "abc", "n": 1}`:                          `{"api_key": "` + r + `", "n": 1}`,
		`\"token\":\"` + fake(20) + `\"`:                      `\"token\":\"` + r + `\"`,
		"postgres://app:s3cr3t@db/x":                          "postgres://app:" + r + "@db/x",
		"https://x/y?key=" + fake(20) + "&a=1":                "https://x/y?key=" + r + "&a=1",
		"eyJ" + fake(20) + ".eyJ" + fake(30) + "." + fake(20): r,
		"-----BEGIN RSA PRIVATE KEY-----\n" + fake(200) + "\n-----END RSA PRIVATE KEY-----\nafter": r + "\nafter",
		"-----BEGIN PRIVATE KEY-----\n" + fake(99):                                                 r,
		"Cookie: sid=" + fake(20):                                                                  "Cookie: " + r,
		"aws_secret_access_key = " + fake(40):                                                      "aws_secret_access_key = " + r,
	} {
		if got := m.mask(in); got != want {
			t.Errorf("%.60q: %q, want %q", in, got, want)
		}
	}
	for _, same := range []string{
		"", "sk-", "the risk-free-and-well-known-way-of-doing-things", "max_tokens: 4096", `{"next_page_token":"` + fake(20) + `"}`,
		"password: must be at least 8 characters", "api_key = os.environ[\"KEY\"]", "password=${PASSWORD}", "token: [REDACTED:secret]",
		"https://example.org:8080/path", "AKIA is a prefix", "basic understanding", "bearer of news", "10:30 and 11:45", "x == y", "key=value",
		"the secret of success", `{"type":"string","description":"the password of the user"}`,
	} {
		if got := m.mask(same); got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
}

func TestMaskPersons(t *testing.T) {
	m := newMasker(maskEmail | maskPhone | maskCard)
	for in, want := range map[string]string{
		"write to ann.o'neil+x@mail.example.org, please": "write to [REDACTED:email], please",
		"call +49 30 1234567 or +1 (415) 555-2671":       "call [REDACTED:phone] or [REDACTED:phone]",
		"415-555-2671":                "[REDACTED:phone]",
		"手机 13812345678":              "手机 [REDACTED:phone]",
		"pay 4111 1111 1111 1111 now": "pay [REDACTED:card] now",
		"4111111111111111":            "[REDACTED:card]",
		"amex 378282246310005":        "amex [REDACTED:card]",
		"phone: 555 123 4567":         "phone: [REDACTED:phone]",
		"logo@2x.png 3.14159 2026-11-22 id 1234567890123456": "logo@2x.png 3.14159 2026-11-22 id 1234567890123456",
		`{"latency_ns":13800138000}`:                         `{"latency_ns":13800138000}`,
		"git@github.com:x/y":                                 "git@github.com:x/y",
	} {
		if got := m.mask(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func policyOf(t testing.TB, opts ...Option) *contentPolicy {
	t.Helper()
	s := defaultSettings()
	if err := s.apply(opts); err != nil {
		t.Fatal(err)
	}
	return newContentPolicy(s)
}

func TestWithRedact(t *testing.T) {
	text := "sk-" + fake(40) + " a@b.example"
	for _, c := range []struct {
		kinds []string
		want  string
	}{
		{nil, text},
		{[]string{RedactSecrets}, maskedSecret + " a@b.example"},
		{[]string{RedactEmail}, "sk-" + fake(40) + " [REDACTED:email]"},
		{[]string{RedactSecrets, RedactEmail, RedactPhone, RedactCard}, maskedSecret + " [REDACTED:email]"},
	} {
		if got := policyOf(t, WithRedact(c.kinds...)).text(text, 0); got != c.want {
			t.Errorf("%v: %q", c.kinds, got)
		}
	}
	if err := defaultSettings().apply([]Option{WithRedact("passwords")}); err == nil || !strings.Contains(err.Error(), "secrets") {
		t.Errorf("error %v does not say what to use", err)
	}
}

func TestOwnMask(t *testing.T) {
	p := policyOf(t, WithMask(func(s string) string { return strings.ReplaceAll(s, "Rosebud", `"x"`+"\xff") }))
	if got, _ := p.value("say Rosebud and sk-" + fake(40)); got != "say \"x\"\uFFFD and "+maskedSecret {
		t.Errorf("%q", got)
	}
	got, _ := p.value(map[string]any{"Rosebud": []string{"Rosebud"}})
	if !json.Valid([]byte(got)) || strings.Contains(got, "Rosebud") {
		t.Errorf("%s", got)
	}
	p = policyOf(t, WithMask(func(string) string { panic("mine") }))
	if got, _ := p.value("anything"); got != maskFailed {
		t.Errorf("%q: content left although the mask failed", got)
	}
}

func TestContentModesOfACall(t *testing.T) {
	call := func() *llm.Call {
		c := &llm.Call{
			ErrorMessage: "key sk-" + fake(40) + " is wrong", Params: map[string]any{"temperature": 0.2, "user": "ann", "stop": "x y", "effort": "high", "big": []any{strings.Repeat("x", 9000)}},
			Tools: json.RawMessage(`[{"type":"function","function":{"name":"f","description":"long words","parameters":{"a":1}}}]`),
			Tags:  map[string]string{"a": "sk-" + fake(40)},
		}
		for range 50 {
			c.Input = append(c.Input, llm.Text("user", strings.Repeat("é", 5000)))
		}
		c.Output = []llm.Message{{Role: "assistant", Parts: []llm.Part{
			{Type: llm.PartToolCall, ToolName: "f", Arguments: `{"q":"` + strings.Repeat("long ", 2000) + `","password":"abcd"}`},
			{Type: llm.PartBlob, Data: "aGVsbG8gd29ybGQ=", MIMEType: "image/png"},
			{Type: llm.PartURI, URI: "data:image/jpeg;base64,aGVsbG8="},
			{Type: llm.PartToolCallResponse, Response: json.RawMessage(`not json`)},
		}}}
		return c
	}
	full := call()
	policyOf(t, WithContent(ContentFull, 100, 0)).call(full)
	if len(full.Input) != 50 || utf8.RuneCountInString(full.Input[0].Parts[0].Content) != 100 || full.Input[0].Parts[0].TruncatedChars != 4900 {
		t.Errorf("full: %d messages, %d cut", len(full.Input), full.Input[0].Parts[0].TruncatedChars)
	}
	if !strings.Contains(string(full.Tools), "description") {
		t.Errorf("full: tools %s", full.Tools)
	}
	summary := call()
	policyOf(t, WithContent(ContentSummary, 400, 4)).call(summary)
	if len(summary.Input) != 4 || summary.Attributes["pitot.input.messages_omitted"] != 46 {
		t.Errorf("summary: %d messages, %v", len(summary.Input), summary.Attributes)
	}
	if string(summary.Tools) != `[{"function":{"name":"f"},"type":"function"}]` {
		t.Errorf("summary: tools %s", summary.Tools)
	}
	parts := summary.Output[0].Parts
	if !json.Valid([]byte(parts[0].Arguments)) || len(parts[0].Arguments) > 100 || !strings.Contains(parts[0].Arguments, maskedSecret) || parts[0].TruncatedChars == 0 {
		t.Errorf("arguments %s", parts[0].Arguments)
	}
	if parts[1].Data != "" || parts[1].Size != 11 || len(parts[1].SHA256) != 64 || parts[2].URI != "" || parts[2].Size != 5 || parts[2].Type != llm.PartBlob || parts[2].MIMEType != "image/jpeg" {
		t.Errorf("media %+v", parts[1:3])
	}
	if string(parts[3].Response) != `"not json"` {
		t.Errorf("response %s", parts[3].Response)
	}
	if summary.ErrorMessage != "key "+maskedSecret+" is wrong" || summary.Tags["a"] != maskedSecret {
		t.Errorf("error %q, tags %v", summary.ErrorMessage, summary.Tags)
	}
	if strings.Join(summary.Truncated, ",") != "input,output" {
		t.Errorf("truncated %v", summary.Truncated)
	}
	metrics := call()
	policyOf(t, WithContent(ContentMetrics, 0, 0)).call(metrics)
	if metrics.Input != nil || metrics.Output != nil || metrics.Tools != nil || metrics.ErrorMessage != "" || len(metrics.Params) != 2 {
		t.Errorf("metrics: %+v", metrics)
	}
	// A policy applied twice changes nothing more.
	again, _ := json.Marshal(summary)
	policyOf(t, WithContent(ContentSummary, 400, 4)).call(summary)
	if b, _ := json.Marshal(summary); string(b) != string(again) {
		t.Errorf("not idempotent:\n%s\n%s", again, b)
	}
}

func TestTagsOfAContextAreNotWrittenTo(t *testing.T) {
	r, _ := testCore(t)
	ctx := With(t.Context(), Tag("a", "sk-"+fake(40)))
	var c llm.Call
	associationOf(ctx).apply(&c)
	r.content.call(&c)
	if c.Tags["a"] != maskedSecret || associationOf(ctx).tags["a"] == maskedSecret {
		t.Errorf("call %v, context %v", c.Tags, associationOf(ctx).tags)
	}
}

func TestMediaInText(t *testing.T) {
	p := policyOf(t)
	b64 := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("some bytes that stand for a picture, 50 in a line.", 30)))
	got := p.text("see data:image/png;base64,"+b64+" and "+strings.Repeat(b64[:76]+"\n", 30)+" end", 0)
	if strings.Contains(got, b64[:200]) || strings.Count(got, "sha256:") != 2 || !strings.HasSuffix(got, " end") || !strings.HasPrefix(got, "see [image/png, 1500 bytes") {
		t.Errorf("%q", got)
	}
	word := strings.Repeat("a", 3000)
	if p.text(word, 5000) != word {
		t.Error("a long word was taken for media")
	}
}

func FuzzContent(f *testing.F) {
	f.Add("text sk-"+fake(40), 100)
	f.Add(`{"a":["b",{"password":"x\u00e9\n"}],"n":1e5}`, 32)
	f.Add("data:image/png;base64,"+fake(100), 50)
	f.Add("\"'`: = 4111 1111 1111 1111 a@b.cd +1 415 555 2671 Bearer -----BEGIN PRIVATE KEY", 20)
	all := WithRedact(RedactSecrets, RedactEmail, RedactPhone, RedactCard)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit%5000, minLimit)
		p := policyOf(t, WithContent(ContentFull, limit, 0), all)
		out, cut, ok := p.content(s)
		if !utf8.ValidString(out) || ok && utf8.RuneCountInString(out) > limit || cut < 0 {
			t.Fatalf("%q, cut %d of limit %d", out, cut, limit)
		}
		if json.Valid([]byte(s)) && looksJSON(s) && !json.Valid([]byte(out)) {
			t.Fatalf("%q is JSON, %q is none", s, out)
		}
		c := llm.Call{Output: []llm.Message{{Parts: []llm.Part{{Content: s, Arguments: s, Response: json.RawMessage(s), URI: s, Data: s}}}}, ErrorMessage: s, Tags: map[string]string{s: s}, Tools: json.RawMessage(s)}
		p.call(&c)
		if _, err := json.Marshal(&c); err != nil {
			t.Fatal(err)
		}
	})
}
