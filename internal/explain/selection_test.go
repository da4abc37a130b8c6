package explain

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseSelection(t *testing.T) {
	f := func(in string, want ...Term) {
		t.Helper()
		got, err := ParseSelection(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			return
		}
		if d := cmp.Diff(want, got.Terms); d != "" {
			t.Errorf("%s: %s", in, d)
		}
		again, err := ParseSelection(got.String())
		if err != nil || cmp.Diff(got, again) != "" {
			t.Errorf("%s: its own form %q reads as %v, %v", in, got.String(), again, err)
		}
	}
	f("")
	f("provider=openai", Term{"provider", OpIs, []string{"openai"}})
	f("  model=gpt-4o,gpt-4o-mini\tuser!=u1 ", Term{"model", OpIs, []string{"gpt-4o", "gpt-4o-mini"}}, Term{"user", OpIsNot, []string{"u1"}})
	f(`feature="a b",c tags.team="x,\"y\""`, Term{"feature", OpIs, []string{"a b", "c"}}, Term{"tags.team", OpIs, []string{`x,"y"`}})
	f("duration>=2s ttft<300ms tpot>0.05", Term{"duration", OpFrom, []string{"2"}}, Term{"ttft", OpUnder, []string{"0.3"}}, Term{"tpot", OpOver, []string{"0.05"}})
	f("input_band=<512", Term{"input_band", OpIs, []string{"<512"}})
	f(`user=""`, Term{"user", OpIs, []string{""}})
	f("user=", Term{"user", OpIs, []string{""}})

	bad := func(in, want string) {
		t.Helper()
		_, err := ParseSelection(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", in, err, want)
		}
	}
	bad("nosuch=1", "is no dimension")
	bad("openai", "dimension=value")
	bad("=x", "dimension=value")
	bad("model>gpt", "only = and !=")
	bad("duration>=soon", "is no duration")
	bad("cost>NaN", "is no number")
	bad("duration>1,2", "one value")
	bad(`user="x`, "does not end")
	bad(`user="x"y`, "a blank is missing")
	bad("input_band=7", "is no band")
	bad("model gpt", "an operator is missing")
	bad("tags.=x", "is no dimension")
	bad(strings.Repeat("user=a ", 65), "more than 64")
	bad("user="+strings.Repeat("a", 20_000), "longer than")
	bad("user="+strings.Repeat("a,", 300), "more than 256")
}

func FuzzParseSelection(f *testing.F) {
	for _, s := range []string{"provider=openai", `feature="a b",c duration>=2s`, "tags.x!=y", "input_band=1024..2047", "a=\"\\xff\"", "ttft<1e300"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ParseSelection(in)
		if err != nil {
			return
		}
		if err := s.Validate(); err != nil {
			t.Fatalf("%q reads as an invalid selection: %v", in, err)
		}
		again, err := ParseSelection(s.String())
		if err != nil {
			t.Fatalf("%q: its own form %q: %v", in, s.String(), err)
		}
		if d := cmp.Diff(s, again); d != "" {
			t.Fatalf("%q: its own form %q reads otherwise: %s", in, s.String(), d)
		}
		_ = s.LogsQL()
		_ = s.Params(Range{})
		var r Row
		r.Reset()
		_ = s.Match(&r)
	})
}

func TestLogsQL(t *testing.T) {
	f := func(in, want string) {
		t.Helper()
		s, err := ParseSelection(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.LogsQL(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
	}
	f("", "*")
	f("provider=openai", `provider:="openai"`)
	f("model=a,b", `(model:="a" or model:="b")`)
	f("user!=u1", `!(user:="u1")`)
	f(`feature="say \"hi\""`, `feature:="say \"hi\""`)
	f("duration>=1.5s cost>0.00000001", `duration_seconds:>=1.5 "cost.usd":>0.00000001`)
	f("input_band=1024..2047", `"usage.input_tokens":range[1024, 2048)`)
	f("input_band=131072+", `"usage.input_tokens":>=131072`)
	f("stream=true", `stream:="true"`)
	f("stream=false", `!stream:="true"`)
	f("finish_reason=length", `finish_reasons:="[\"length\""*`)
	f("prompt_version=support@4", `(prompt_name:="support" prompt_version:="4")`)
	f("tags.team=a", `"tags.team":="a"`)
	f("input_tokens!=5", `!"usage.input_tokens":=5`)

	s := Selection{Terms: []Term{{"provider", OpIs, []string{"x"}}, {"region", OpIs, []string{"eu"}}, {"user", OpIsNot, []string{"u"}}}, Query: "error or warning"}
	p := s.Params(Range{epoch, epoch.Add(time.Hour)})
	if got, want := p.Encode(), "end=2026-11-20T11%3A30%3A00Z&provider=x&query=region%3A%3D%22eu%22+%21%28user%3A%3D%22u%22%29+%28error+or+warning%29&start=2026-11-20T10%3A30%3A00Z"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What Match says of a row is what the terms mean.
func TestMatch(t *testing.T) {
	var r Row
	r.Reset()
	r.Values[DimModel], r.Values[DimPrompt], r.Values[DimPromptVersion], r.Values[DimStream] = "m", "p", "4", ""
	r.Nums[NumInputTokens], r.Nums[NumDuration] = 1500, 2
	r.Tags = []Tag{{"team", "a"}}
	f := func(in string, want bool) {
		t.Helper()
		s, err := ParseSelection(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Match(&r); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
	f("", true)
	f("model=m", true)
	f("model=n,m", true)
	f("model!=n,m", false)
	f("prompt_version=p@4", true)
	f("prompt_version=q@4", false)
	f("prompt_version=4", true)
	f("stream=false", true)
	f("stream=true", false)
	f("input_band=1024..2047", true)
	f("tags.team=a tags.other=\"\"", true)
	f("tags.team!=a", false)
	f("duration>=2s duration<=2s duration<3 duration>1 duration=2", true)
	f("duration!=2", false)
	f("ttft>0", false) // unknown is not above 0
}

func TestBand(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := float64(r.IntN(300_000))
		lo, hi, ok := bandBounds(Band(n))
		if !ok || n < float64(lo) || hi > 0 && n >= float64(hi) {
			t.Fatalf("%v is in band %q from %d to %d", n, Band(n), lo, hi)
		}
	}
}
