package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestParseTraceparent(t *testing.T) {
	f := func(in string, want bool) {
		t.Helper()
		if _, _, _, ok := parseTraceparent(in); ok != want {
			t.Errorf("%q: valid = %v, want %v", in, ok, want)
		}
	}
	f("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true)
	f("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings", true)
	f("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra", false)
	f("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false)
	f("00-00000000000000000000000000000000-b7ad6b7169203331-01", false)
	f("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false)
	f("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false)
	f("", false)
	f("00-short", false)
}

func TestConnectionHeadersStayOnTheirConnection(t *testing.T) {
	src := http.Header{"Connection": {"close, X-Secret-Hop"}, "X-Secret-Hop": {"1"}, "Te": {"trailers"}, "X-Pitot-User": {"u"}, "Accept": {"*/*"}}
	dst := http.Header{}
	copyHeaders(dst, src)
	if len(dst) != 1 || dst.Get("Accept") != "*/*" {
		t.Errorf("copied %v", dst)
	}
}

func TestDimensionsAreBounded(t *testing.T) {
	h := http.Header{"X-Pitot-User": {strings.Repeat("é", 1000)}}
	for i := range 100 {
		h["X-Pitot-Tag-T"+string(rune('a'+i%26))+strings.Repeat("x", i/26)] = []string{"v"}
	}
	var c llm.Call
	dimensions(h, &c)
	if len(c.User) > maxDimension || len(c.Tags) > maxTags || len(c.Truncated) == 0 {
		t.Errorf("user %d bytes, %d tags, truncated %v", len(c.User), len(c.Tags), c.Truncated)
	}
}

func TestBaggageSaysForWhom(t *testing.T) {
	f := func(user, session string, baggage ...string) {
		t.Helper()
		c := llm.Call{}
		fromBaggage(http.Header{"Baggage": baggage}, &c)
		if c.User != user || c.Session != session {
			t.Errorf("%q: user %q, session %q", baggage, c.User, c.Session)
		}
	}
	f("u 1", "s1", "user.id=u%201;ttl=5, session.id = s1 ,other=x")
	f("u1", "s1", "langfuse_user_id=u1", "gen_ai.conversation.id=s1")
	f("first", "", "enduser.id=first,user.id=second")
	f("", "", "user.id=%zz,session.id=%ff,user.id", ",,=;", "user.id="+strings.Repeat("x", 300))
	named := llm.Call{User: "header"}
	fromBaggage(http.Header{"Baggage": {"user.id=baggage"}}, &named)
	if named.User != "header" {
		t.Error("baggage replaces what the header says")
	}
}

func TestBaggageSaysWhatFor(t *testing.T) {
	c := llm.Call{PromptName: "header"}
	fromBaggage(http.Header{"Baggage": {
		"tenant.id=acme,pitot.feature=search,pitot.prompt.name=p,pitot.prompt.version=3,pitot.tag.Zone%20%C3%A9=a%20b,pitot.tag.=x,pitot.tag.b=",
		"pitot.tenant=late,pitot.feature=late,pitot.tag.Zone%20%C3%A9=late,pitot.tag." + strings.Repeat("k", 65) + "=x",
	}}, &c)
	want := llm.Call{
		PromptName: "header", PromptVersion: "3", Feature: "search", Tags: map[string]string{"Zone é": "a b"}, Attributes: map[string]any{"tenant.id": "acme"},
	}
	if diff := cmp.Diff(want, c, cmp.AllowUnexported(llm.Timeline{}), cmp.Comparer(func(a, b llm.Usage) bool { return a == b }),
		cmp.Comparer(func(a, b llm.Opt[float64]) bool { return a == b }), cmp.Comparer(func(a, b llm.Opt[time.Duration]) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var many llm.Call
	for i := range 100 {
		fromBaggage(http.Header{"Baggage": {fmt.Sprintf("pitot.tag.t%d=v", i)}}, &many)
	}
	if len(many.Tags) != maxTags {
		t.Errorf("%d tags", len(many.Tags))
	}
}

func TestBaggageForPitotStaysHere(t *testing.T) {
	for in, want := range map[string]string{
		"user.id=u1":                               "",
		"user.id = u1;ttl=5, a=b ":                 " a=b ",
		"a=b,pitot.tag.team=x, session.id=s,c=d;p": "a=b,c=d;p",
		"a=b": "a=b", "": "", "userx.id=1": "userx.id=1", "tenant.id=t,pitot.feature=f": "",
	} {
		h := http.Header{"Baggage": {in, "x=y"}}
		stripBaggage(h)
		if got := strings.Join(h["Baggage"], "|"); got != strings.TrimPrefix(want+"|x=y", map[bool]string{true: "|"}[want == "" && in != ""]) {
			t.Errorf("%q: %q", in, got)
		}
	}
	var got http.Header
	f := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = w.Write([]byte("{}"))
	}))
	do(t, "POST", f.url+"/up/v1/chat/completions", `{"model":"m"}`, "Baggage", "user.id=u1,pitot.feature=f")
	if c := f.next(t); c.User != "u1" || c.Feature != "f" {
		t.Errorf("call: %+v", c)
	}
	if _, ok := got["Baggage"]; ok {
		t.Errorf("upstream got %q", got["Baggage"])
	}
}

func TestCallIDsSortByTime(t *testing.T) {
	now := time.Now()
	a, b := newCallID(now), newCallID(now.Add(2*time.Millisecond))
	if a >= b {
		t.Errorf("%s >= %s", a, b)
	}
	id, err := ulid.ParseStrict(a)
	if err != nil || id.Time() != uint64(now.UnixMilli()) {
		t.Errorf("%s: %v", a, err)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	c := Config{Upstreams: []Upstream{
		{Name: "Bad Name", BaseURL: "http://x"},
		{Name: "a", BaseURL: "ftp://x"},
		{Name: "a", BaseURL: "http://x?y=1"},
		{Name: "b", BaseURL: "http://x", Dialect: "opnai", Proxy: "://", TLS: TLS{CertFile: "c"}},
	}}
	err := c.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"Bad Name", "absolute URL", "used twice", "query", "opnai", "proxy", "key_file"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not mention %q:\n%v", want, err)
		}
	}
}
