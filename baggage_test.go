package pitot

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

func TestPropagationAllowed(t *testing.T) {
	r, _ := testCore(t, WithPropagation("gateway.example.com", "*.corp.example"))
	for host, want := range map[string]bool{
		"localhost": true, "localhost:4401": true, "127.0.0.1:4401": true, "127.9.9.9": true, "[::1]:80": true, "::1": true, "10.1.2.3": true, "192.168.0.1:1": true,
		"172.16.0.1": true, "172.32.0.1": false, "169.254.1.1": true, "[fd00::1]:443": true, "[fe80::1]": true, "::ffff:10.0.0.1": true, "::ffff:8.8.8.8": false,
		"pitot": true, "pitot:4401": true, "pitot.monitoring.svc": true, "pitot.monitoring.svc.cluster.local": true, "PITOT.Internal": true, "x.test": true,
		"gateway.example.com": true, "gateway.example.com:443": true, "a.corp.example": true, "a.b.corp.example.": true,
		"corp.example": false, "evilcorp.example": false, "gateway.example.com.evil.org": false,
		"api.openai.com": false, "api.openai.com:443": false, "generativelanguage.googleapis.com": false, "8.8.8.8": false, "": false, "local.evil.com": false,
	} {
		if got := r.propagationAllowed(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
	all, _ := testCore(t, WithPropagation("*"))
	if !all.propagationAllowed("api.openai.com") {
		t.Error("* does not allow all")
	}
	for _, bad := range []string{"", "http://x", "a b", "a.*.b", "x*"} {
		if err := defaultSettings().apply([]Option{WithPropagation(bad)}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestPropertiesCrossHTTP(t *testing.T) {
	r, _ := testCore(t)
	ctx := With(t.Context(), User("ünï 1,2;=%"), Session("s"), Tenant("acme"), Feature("search"), Prompt("p", "3"), Tag("Zone é", "a b"), Tag("b", "2"))
	own, _ := baggage.Parse("mine=1;ttl=5")
	ctx = baggage.ContextWithBaggage(ctx, own)
	ctx, w := Start(ctx, KindTask, "t")
	defer w.End(nil)

	h := http.Header{}
	r.propagate(ctx, h, "pitot:4401")
	got := Extract(t.Context(), propagation.HeaderCarrier(h))
	want, have := PropertiesOf(ctx), PropertiesOf(got)
	if fmt.Sprint(want) != fmt.Sprint(have) {
		t.Errorf("got %+v, want %+v from %s", have, want, h.Get("Baggage"))
	}
	if trace.SpanContextFromContext(got).SpanID() != trace.SpanContextFromContext(ctx).SpanID() {
		t.Error("the trace was lost")
	}
	if !strings.HasPrefix(h.Get("Baggage"), "mine=1;ttl=5,") {
		t.Errorf("the program's own baggage: %s", h.Get("Baggage"))
	}
	// A server that extracts baggage in its own way needs no Handler.
	other := propagation.Baggage{}.Extract(t.Context(), propagation.HeaderCarrier(h))
	if PropertiesOf(other).User != want.User {
		t.Error("baggage of another middleware is not read")
	}
}

func TestProvidersDoNotLearnForWhom(t *testing.T) {
	r, _ := testCore(t)
	own, _ := baggage.Parse("mine=1")
	ctx := baggage.ContextWithBaggage(With(t.Context(), User("u")), own)
	ctx, w := Start(ctx, KindTask, "t")
	defer w.End(nil)
	h := http.Header{}
	r.propagate(ctx, h, "api.openai.com")
	if h.Get("Baggage") != "" || h.Get("Traceparent") == "" {
		t.Errorf("headers %v", h)
	}
	h = http.Header{"Baggage": {"the=program's"}}
	r.propagate(ctx, h, "api.openai.com")
	if h.Get("Baggage") != "the=program's" {
		t.Errorf("a header that the program set: %v", h)
	}
	h = http.Header{"Baggage": {"user.id=named,a=b"}}
	r.propagate(ctx, h, "localhost")
	if h.Get("Baggage") != "user.id=named,a=b,mine=1" {
		t.Errorf("%v", h)
	}
}

func TestBaggageIsBounded(t *testing.T) {
	r, _ := testCore(t)
	ctx := t.Context()
	for i := range maxTags {
		ctx = With(ctx, Tag(fmt.Sprint("tag", i), strings.Repeat("é", 120))) //nolint:fatcontext // that is the test
	}
	ctx = With(ctx, User("u"))
	h := http.Header{"Baggage": {strings.Repeat("k=v,", 20) + "x=" + strings.Repeat("y", 5000)}}
	r.propagate(ctx, h, "localhost")
	b := h.Get("Baggage")
	if len(b) > maxBaggageBytes || strings.Count(b, ",")+1 > maxBaggageMembers || !strings.Contains(b, "user.id=u") {
		t.Errorf("%d bytes, %d members", len(b), strings.Count(b, ",")+1)
	}
	if _, err := baggage.Parse(b); err != nil {
		t.Error(err)
	}
}

func TestPropagatorsWithoutBaggage(t *testing.T) {
	r, _ := testCore(t)
	r.propagator = propagation.TraceContext{}
	h := http.Header{}
	r.propagate(With(t.Context(), User("u")), h, "localhost")
	if len(h["Baggage"]) != 0 {
		t.Errorf("OTEL_PROPAGATORS without baggage: %v", h)
	}
	r.propagator = nil
	r.propagate(t.Context(), h, "localhost")
	Inject(t.Context(), nil)
	if Extract(t.Context(), nil) == nil {
		t.Error("no context")
	}
}

func TestOldNamesOfBaggage(t *testing.T) {
	testCore(t)
	h := http.Header{"Baggage": {"enduser.id=e,langfuse_session_id=ls,gen_ai.prompt.name=pn,gen_ai.prompt.version=2,pitot.tenant=t,user.id=late"}}
	p := PropertiesOf(Extract(t.Context(), propagation.HeaderCarrier(h)))
	if p.User == "" || p.Session != "ls" || p.PromptName != "pn" || p.PromptVersion != "2" || p.Tenant != "t" {
		t.Errorf("%+v", p)
	}
}

func FuzzBaggage(f *testing.F) {
	f.Add("u 1", "s;1", "k", "v", "a=b")
	f.Add("é,=%", "\xff", "tag key/é", "\x00", "user.id=x,,;=")
	f.Fuzz(func(t *testing.T, user, session, key, value, header string) {
		r, _ := testCore(t)
		ctx := With(t.Context(), User(user), Session(session), Tag(key, value))
		h := http.Header{}
		r.propagate(ctx, h, "localhost")
		if b := h.Get("Baggage"); b != "" {
			if _, err := baggage.Parse(b); err != nil {
				t.Fatalf("%q: %v", b, err)
			}
		}
		want, got := PropertiesOf(ctx), PropertiesOf(Extract(context.Background(), propagation.HeaderCarrier(h)))
		if got.User != want.User || got.Session != want.Session || fmt.Sprint(got.Tags) != fmt.Sprint(want.Tags) && len(want.Tags) > 0 {
			t.Fatalf("got %+v, want %+v from %q", got, want, h.Get("Baggage"))
		}
		// Whatever a stranger sends.
		in := PropertiesOf(Extract(context.Background(), propagation.HeaderCarrier(http.Header{"Baggage": {header}})))
		for _, s := range []string{in.User, in.Session, in.Feature, in.Tenant} {
			if len(s) > maxDimension || !utf8.ValidString(s) {
				t.Fatalf("%q", s)
			}
		}
		h = http.Header{"Baggage": {header}}
		r.propagate(ctx, h, "localhost")
	})
}
