package redact

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestConfigErrors(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f(Config{Content: "some"}, `content: "some" is not a content mode: use full, summary or metrics`)
	f(Config{MaxChars: -1}, "max_chars: -1 is too small")
	f(Config{MaxItems: -1}, "max_items: -1 is too small")
	f(Config{Redact: []string{"secrets", "mail"}}, `redact[1]: "mail" is not a detector`)
	f(Config{HashUsers: true}, "salt")
	f(Config{Patterns: []Pattern{{Name: "x", Regex: "("}}}, `patterns[0].regex: pattern "x": error parsing regexp`)
	f(Config{Patterns: []Pattern{{Name: "x", Regex: "a*"}}}, "matches the empty text")
	f(Config{Patterns: []Pattern{{Name: "x"}}}, "regex is missing")
	f(Config{Patterns: []Pattern{{Name: "X y", Regex: "a"}}}, "lower-case letters")
	f(Config{Patterns: []Pattern{{Name: "x", Regex: "q"}, {Name: "x", Regex: "w"}}}, "used twice")
	f(Config{Patterns: []Pattern{{Name: "x", Regex: "a", Replace: "aa"}}}, "never end")

	var fe *FieldError
	if err := (Config{Content: "some", MaxItems: -1}).Validate(); !errors.As(err, &fe) {
		t.Errorf("got %v, want a FieldError", err)
	}
}

func TestSaltIsNeverShown(t *testing.T) {
	c := Config{HashUsers: true, Salt: Salt(fakeKey(16))}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{string(b), fmt.Sprint(c), fmt.Sprintf("%+v %#v %q", c, c, c.Salt)} {
		if strings.Contains(out, fakeKey(16)) {
			t.Errorf("the salt is shown: %s", out)
		}
	}
}

func TestHashUsers(t *testing.T) {
	hash := func(salt, user string) *llm.Call {
		p, err := New(Config{HashUsers: true, Salt: Salt(salt)})
		if err != nil {
			t.Fatal(err)
		}
		c := &llm.Call{
			User: user, Tags: map[string]string{"user_id": user},
			Params:     map[string]any{"user": user, "metadata": map[string]any{"user_id": user}},
			Attributes: map[string]any{"enduser.id": user, "langfuse.user.id": user},
		}
		p.Call(c)
		once := encode(t, llm.Record{Call: c})
		p.Call(c)
		if twice := encode(t, llm.Record{Call: c}); twice != once {
			t.Errorf("a second pass changed %s to %s", once, twice)
		}
		if strings.Contains(once, user) {
			t.Errorf("the user id survived: %s", once)
		}
		return c
	}
	a, b, c := hash("one", "ann"+"@example.com"), hash("one", "ann"+"@example.com"), hash("two", "ann"+"@example.com")
	if a.User != b.User || a.User != a.Tags["user_id"] || a.User != a.Params["user"] {
		t.Errorf("one user has several hashes: %v %v", a, b)
	}
	if a.User == c.User {
		t.Error("the salt does not matter")
	}
	if !strings.HasPrefix(a.User, "u_") || len(a.User) != 22 {
		t.Errorf("got %q", a.User)
	}
}

func TestTruncateText(t *testing.T) {
	p, err := New(Config{MaxChars: 100, Redact: []string{KindSecrets, KindEmail}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(in string, wantLen, wantCut int) {
		t.Helper()
		c := &llm.Call{Input: []llm.Message{llm.Text("user", in)}}
		p.Call(c)
		pt := c.Input[0].Parts[0]
		if n := utf8.RuneCountInString(pt.Content); n != wantLen || pt.TruncatedChars != wantCut {
			t.Errorf("got %d characters, %d cut; want %d, %d", n, pt.TruncatedChars, wantLen, wantCut)
		}
		if !utf8.ValidString(pt.Content) {
			t.Errorf("not UTF-8: %q", pt.Content)
		}
		if got := len(c.Truncated) == 1 && c.Truncated[0] == "input"; got != (wantCut > 0) {
			t.Errorf("truncated: got %v", c.Truncated)
		}
		once := encode(t, llm.Record{Call: c})
		p.Call(c)
		if twice := encode(t, llm.Record{Call: c}); twice != once {
			t.Errorf("a second pass changed %s to %s", once, twice)
		}
	}
	f(strings.Repeat("a", 100), 100, 0)
	f(strings.Repeat("a", 101), 100, 1)
	f(strings.Repeat("字", 100), 100, 0)
	f(strings.Repeat("字", 250), 100, 150)
	f(strings.Repeat("a b ", 50000), 100, 199900)
	f(strings.Repeat("\xff", 150), 1, 50) // a run of bytes that are no text becomes one mark
}

// TestTruncateLeavesNoHalfSecret cuts at every place of a secret.
func TestTruncateLeavesNoHalfSecret(t *testing.T) {
	secret := "sk-" + fakeKey(40)
	for pad := 40; pad < 110; pad++ {
		p, err := New(Config{MaxChars: 100, Redact: []string{KindSecrets}})
		if err != nil {
			t.Fatal(err)
		}
		out, _ := p.text(strings.Repeat(". ", pad)[:pad]+secret+strings.Repeat(" .", 300), 100)
		if strings.Contains(out, "sk-") {
			t.Fatalf("pad %d: half a secret survived: %q", pad, out)
		}
	}
}

func TestTruncateArguments(t *testing.T) {
	f := func(limit int, args string, wantParts ...string) {
		t.Helper()
		p, err := New(Config{MaxChars: limit})
		if err != nil {
			t.Fatal(err)
		}
		c := &llm.Call{Output: []llm.Message{{Role: "assistant", Parts: []llm.Part{{Type: llm.PartToolCall, Arguments: args}}}}}
		p.Call(c)
		pt := c.Output[0].Parts[0]
		if !json.Valid([]byte(pt.Arguments)) {
			t.Errorf("not JSON: %s", pt.Arguments)
		}
		n := utf8.RuneCountInString(pt.Arguments)
		if n > limit || pt.TruncatedChars == 0 || utf8.RuneCountInString(args) != n+pt.TruncatedChars {
			t.Errorf("%d characters kept of %d, %d cut, limit %d", n, utf8.RuneCountInString(args), pt.TruncatedChars, limit)
		}
		for _, w := range wantParts {
			if !strings.Contains(pt.Arguments, w) {
				t.Errorf("%q is missing in %s", w, pt.Arguments)
			}
		}
	}
	f(200, `{"content":"`+strings.Repeat("a", 5000)+`","path":"/tmp/x"}`, `"path":"/tmp/x"`, `"content":"aaa`)
	f(200, `{"content":"`+strings.Repeat(`\u4f60\n`, 500)+`","path":"/tmp/x"}`, `"path":"/tmp/x"`)
	f(64, `{"emoji":"`+strings.Repeat(`\ud83d\ude00`, 500)+`"}`, `"emoji"`)
	f(50, `[`+strings.Repeat(`{"a":[1,2,3]},`, 100)+`0]`, `[{"a":[1,2,3]}`)
	f(100, `{"deep":`+strings.Repeat(`{"a":`, 100)+`1`+strings.Repeat(`}`, 100)+`}`, `{"deep":{"a":`)
	f(16, `{"a very long key that cannot stay":1}`, `{}`)
}

func TestRawResponse(t *testing.T) {
	p := policyFor(t, ModeFull, "all")
	f := func(in, want string) {
		t.Helper()
		c := &llm.Call{Input: []llm.Message{{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, Response: json.RawMessage(in)}}}}}
		p.Call(c)
		if got := string(c.Input[0].Parts[0].Response); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		encode(t, llm.Record{Call: c})
	}
	f(`{"ok":true,"n":1.5e3,"s":null}`, `{"ok":true,"n":1.5e3,"s":null}`)
	f(`{"mail":"ann@example.com"}`, `{"mail":"[REDACTED:email]"}`)
	f(`{"mail":"ann\u0040example.com","x":"a\"b"}`, `{"mail":"[REDACTED:email]","x":"a\"b"}`)
	f(`{"note":"call\n13800138000"}`, `{"note":"call\n[REDACTED:phone]"}`)
	f(`{"pan":4111111111111111,"phone":5550123000,"duration_ns":13800138000}`, `{"pan":"[REDACTED:card]","phone":"[REDACTED:phone]","duration_ns":13800138000}`)
	f(`{"password":"hunter2","properties":{"password":{"type":"string"}},"max_tokens":5}`, `{"password":"[REDACTED:secret]","properties":{"password":{"type":"string"}},"max_tokens":5}`)
	f(`{"token":"hello","logprob":-0.5}`, `{"token":"hello","logprob":-0.5}`)
	f(`"plain ann@example.com"`, `"plain [REDACTED:email]"`)
	f(`not json ann@example.com`, `"not json [REDACTED:email]"`)
	f(`{"cut":"ann@example.com`, `"{\"cut\":\"[REDACTED:email]"`)
}

func TestMedia(t *testing.T) {
	p := policyFor(t, ModeFull, "all")
	data := bytes.Repeat([]byte("0123456789 pixels of a picture! "), 100)
	data[7], data[99] = 0xFF, 0xC3
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	b64 := base64.StdEncoding.EncodeToString(data)

	c := &llm.Call{Input: []llm.Message{{Role: "user", Parts: []llm.Part{
		{Type: llm.PartBlob, MIMEType: "image/png", Data: b64},
		{Type: llm.PartURI, URI: "data:image/jpeg;base64," + b64},
		{Type: llm.PartBlob, Data: base64.RawURLEncoding.EncodeToString(data)},
		{Type: llm.PartURI, URI: "https://example.org/a.png?sig=" + fakeKey(20)},
	}}}}
	p.Call(c)
	want := []llm.Part{
		{Type: llm.PartBlob, MIMEType: "image/png", Size: int64(len(data)), SHA256: hash},
		{Type: llm.PartBlob, MIMEType: "image/jpeg", Size: int64(len(data)), SHA256: hash},
		{Type: llm.PartBlob, Size: int64(len(data)), SHA256: hash},
		{Type: llm.PartURI, URI: "https://example.org/a.png?sig=[REDACTED:secret]"},
	}
	if d := cmp.Diff(want, c.Input[0].Parts); d != "" {
		t.Error(d)
	}

	shown := func(mime string) string { return fmt.Sprintf("[%s, %d bytes, sha256:%s]", mime, len(data), hash) }
	f := func(in, want string) {
		t.Helper()
		if got := p.Text(in); got != want {
			t.Errorf("got %.300q, want %q", got, want)
		}
	}
	f("see data:image/png;base64,"+b64+" there", "see "+shown("image/png")+" there")
	f(`{"u":"data:image\/png;base64,`+strings.ReplaceAll(b64, "/", `\/`)+`"}`, `{"u":"`+shown("image/png")+`"}`)
	f("data:;base64,"+b64, shown("text/plain"))
	f("raw: "+b64+".", "raw: "+shown("base64")+".")
	var wrapped strings.Builder
	for rest := b64; rest != ""; {
		n := min(76, len(rest))
		wrapped.WriteString(rest[:n] + "\n")
		rest = rest[n:]
	}
	f("mail:\n"+wrapped.String(), "mail:\n"+shown("base64")+"\n")
	for _, same := range []string{
		strings.Repeat("x", 100000), strings.Repeat("lorem ipsum ", 1000), strings.Repeat("ab/", 1000),
		strings.Repeat("0123456789abcdef", 200), "the data: model;base64, is", strings.Repeat("你好世界", 1000),
	} {
		f(same, same)
	}
}

func TestSummary(t *testing.T) {
	p, err := New(Config{Content: ModeSummary, MaxItems: 4, SummaryChars: 100})
	if err != nil {
		t.Fatal(err)
	}
	var msgs []llm.Message
	for i := range 10 {
		msgs = append(msgs, llm.Text("user", fmt.Sprint("message ", i)))
	}
	long := strings.Repeat("word ", 100)
	args, err := json.Marshal(map[string]string{"q": long})
	if err != nil {
		t.Fatal(err)
	}
	c := &llm.Call{
		Input:  msgs,
		Output: []llm.Message{{Role: "assistant", Parts: []llm.Part{{Type: llm.PartText, Content: long}, {Type: llm.PartToolCall, Arguments: string(args)}}}},
		Tools:  json.RawMessage(`[{"type":"function","function":{"name":"f","description":"long","parameters":{}}},{"name":"g","input_schema":{}},{"functionDeclarations":[{"name":"h","description":"x"}]}]`),
	}
	p.Call(c)
	var got []string
	for _, m := range c.Input {
		got = append(got, m.Parts[0].Content)
	}
	if d := cmp.Diff([]string{"message 0", "message 1", "message 8", "message 9"}, got); d != "" {
		t.Error(d)
	}
	if n := c.Attributes["pitot.input.messages_omitted"]; n != 6 {
		t.Errorf("omitted: got %v, want 6", n)
	}
	if n := len(c.Output[0].Parts[0].Content); n != 100 {
		t.Errorf("text: got %d characters, want 100", n)
	}
	if a := c.Output[0].Parts[1].Arguments; len(a) > 25 || !json.Valid([]byte(a)) {
		t.Errorf("arguments: got %s", a)
	}
	if d := cmp.Diff([]string{"input", "output"}, c.Truncated); d != "" {
		t.Error(d)
	}
	want := `[{"function":{"name":"f"},"type":"function"},{"name":"g"},{"functionDeclarations":[{"name":"h"}]}]`
	if string(c.Tools) != want && !json.Valid(c.Tools) {
		t.Errorf("tools: got %s", c.Tools)
	}
	once := encode(t, llm.Record{Call: c})
	p.Call(c)
	if twice := encode(t, llm.Record{Call: c}); twice != once {
		t.Errorf("a second pass changed\n%s\nto\n%s", once, twice)
	}
}

func TestSensitiveAttributes(t *testing.T) {
	p := policyFor(t, ModeFull) // no detector: credentials go nevertheless
	l := &llm.Log{Message: "m", Attributes: map[string]any{
		"authorization": "Basic x", "http.request.header.cookie": []any{"a=b"}, "X-API-Key": "k", "db.password": "p",
		"token": "t", "max_tokens": int64(5), "token.count": int64(7), "headers": map[string]any{"Set-Cookie": "s", "accept": "*/*"},
	}}
	p.Log(l)
	const r = "[REDACTED:secret]"
	want := map[string]any{
		"authorization": r, "http.request.header.cookie": []any{r}, "X-API-Key": r, "db.password": r,
		"token": r, "max_tokens": int64(5), "token.count": int64(7), "headers": map[string]any{"Set-Cookie": r, "accept": "*/*"},
	}
	if d := cmp.Diff(want, l.Attributes); d != "" {
		t.Error(d)
	}
}

// TestIDsStay makes sure that digits within ids are taken for no phone or card.
func TestIDsStay(t *testing.T) {
	p := policyFor(t, ModeFull, "all")
	c := &llm.Call{
		ID: "01JABCDEFGHJKMNPQRSTVWXYZ0", TraceID: "4111111111111111" + "4111111111111111", SpanID: "4111111111111111",
		ResponseID: "13800138000", RequestModel: "gpt-4o-2024-08-06", Service: "checkout",
	}
	want := *c
	p.Call(c)
	if d := cmp.Diff(want.ID+want.TraceID+want.SpanID+want.ResponseID+want.RequestModel, c.ID+c.TraceID+c.SpanID+c.ResponseID+c.RequestModel); d != "" {
		t.Error(d)
	}
}

func TestErrorMessageKeepsItsBound(t *testing.T) {
	p := policyFor(t, ModeFull, "all")
	c := &llm.Call{Status: llm.StatusError, ErrorType: "x", ErrorMessage: strings.Repeat("a@b.co ", 285)}
	p.Call(c)
	if n := len(c.ErrorMessage); n > llm.MaxErrorMessage || strings.Contains(c.ErrorMessage, "@") {
		t.Errorf("%d bytes: %q", n, c.ErrorMessage)
	}
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e-3,{"b":"c\u0040example.com"}],"password":"hunter2"}`, `[]`, `{"a":"\ud83d\ude00"}`, `"x"`, `[{"a":"` + strings.Repeat("x", 100) + `"},1,2,3]`,
		`{"pan":4111111111111111}`, `{"a":1,}`, `[1 2]`, `{"a"}`, "{\"\x80\":1}",
	} {
		f.Add(s, 40)
	}
	p := policyFor(f, ModeFull, "all")
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit, minChars)
		out, _, ok := p.json(s, limit)
		if ok != json.Valid([]byte(s)) && !strings.Contains(s, strings.Repeat("[", 100)) && !strings.Contains(s, strings.Repeat(`{"":`, 50)) {
			t.Errorf("json.Valid says %v, the masker %v: %q", !ok, ok, s)
		}
		if !ok {
			return
		}
		if !json.Valid([]byte(out)) {
			t.Errorf("%q became invalid: %q", s, out)
		}
		if n := utf8.RuneCountInString(out); n > limit {
			t.Errorf("%d characters, limit %d: %q", n, limit, out)
		}
		if again, _, _ := p.json(out, limit); again != out {
			t.Errorf("not idempotent: %q, %q, %q", s, out, again)
		}
	})
}

func FuzzCall(f *testing.F) {
	f.Add("text", `{"a":1}`, "data:image/png;base64,AAAA", 20)
	p1, p2 := policyFor(f, ModeFull, "all"), policyFor(f, ModeSummary, "all")
	f.Fuzz(func(t *testing.T, text, raw, uri string, n int) {
		for _, p := range []*Policy{p1, p2} {
			c := &llm.Call{
				User: text, ErrorMessage: text, Tools: json.RawMessage(raw),
				Tags: map[string]string{"k": text}, Params: map[string]any{"stop": text, "n": n}, Attributes: map[string]any{"a": raw, "b": []any{text}},
				Input: []llm.Message{{Role: "user", Name: text, Parts: []llm.Part{
					{Type: llm.PartText, Content: text}, {Arguments: raw, Response: json.RawMessage(raw)}, {URI: uri}, {Data: text},
				}}},
			}
			p.Call(c)
			once := encode(t, llm.Record{Call: c})
			p.Call(c)
			if twice := encode(t, llm.Record{Call: c}); twice != once {
				t.Errorf("not idempotent: %s", cmp.Diff(once, twice))
			}
		}
	})
}
