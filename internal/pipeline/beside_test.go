package pipeline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestTrapLangChainBesideItsProvider: spans of a framework and of the provider's
// library that are siblings, in either order, in one batch or two.
func TestTrapLangChainBesideItsProvider(t *testing.T) {
	const library, framework = "@traceloop/instrumentation-openai", "@traceloop/instrumentation-langchain"
	at := func(span, scope, model string, from, length time.Duration) llm.Record {
		c := callAt(span, "root", llm.SourceOTLP)
		c.Scope, c.RequestModel, c.Service = scope, model, "app"
		c.Time, c.Duration = c.Time.Add(from), length
		return llm.Record{Call: c}
	}
	ms := time.Millisecond
	p1, f1 := func() llm.Record { return at("p1", library, "m", 15*ms, 170*ms) }, func() llm.Record { return at("f1", framework, "m", 0, 190*ms) }
	for name, c := range map[string]struct {
		batches [][]llm.Record
		want    map[string]string
	}{
		"the library's first":         {[][]llm.Record{{p1(), f1()}}, map[string]string{"p1": "call", "f1": countedByEnclosed}},
		"the framework's first":       {[][]llm.Record{{f1(), p1()}}, map[string]string{"p1": "call", "f1": countedByEnclosed}},
		"two exports":                 {[][]llm.Record{{p1()}, {f1()}, {f1()}}, map[string]string{"p1": "call", "f1": countedByEnclosed}},
		"the framework's alone":       {[][]llm.Record{{f1()}}, map[string]string{"f1": "call"}},
		"another model":               {[][]llm.Record{{at("p1", library, "n", 15*ms, 170*ms), f1()}}, map[string]string{"p1": "call", "f1": "call"}},
		"another time":                {[][]llm.Record{{at("p1", library, "m", time.Second, 170*ms), f1()}}, map[string]string{"p1": "call", "f1": "call"}},
		"two libraries, no framework": {[][]llm.Record{{p1(), at("p2", "other", "m", 0, 190*ms)}}, map[string]string{"p1": "call", "p2": "call"}},
		"one answers for one": {
			[][]llm.Record{{p1(), f1(), at("f2", framework, "m", 0, 200*ms)}},
			map[string]string{"p1": "call", "f1": countedByEnclosed, "f2": "call"},
		},
		"two at once": {
			[][]llm.Record{{p1(), at("p2", library, "m", 16*ms, 170*ms), f1(), at("f2", framework, "m", 1*ms, 190*ms)}},
			map[string]string{"p1": "call", "p2": "call", "f1": countedByEnclosed, "f2": countedByEnclosed},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t)
				for _, b := range c.batches {
					r.submit(b...)
				}
				pass(10 * time.Second)
				if d := cmp.Diff(c.want, r.storedSpans()); d != "" {
					t.Error(d)
				}
				r.checkBalance()
				r.stop()
			})
		})
	}
}

func TestALibraryLearnsFromItsFramework(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		library, framework := callAt("p", "", llm.SourceOTLP), callAt("f", "", llm.SourceOTLP)
		library.Scope, framework.Scope = "openai", "langchain"
		library.Usage = llm.Usage{Source: llm.UsageUnknown}
		framework.Usage = llm.Usage{InputTokens: llm.Some[int64](7), OutputTokens: llm.Some[int64](8), Source: llm.UsageReported}
		framework.User = "u"
		r.submit(llm.Record{Call: framework}, llm.Record{Call: library})
		pass(10 * time.Second)
		if library.Usage != framework.Usage || library.User == "" {
			t.Errorf("usage %+v, user %q", library.Usage, library.User)
		}
		r.checkBalance()
		r.stop()
	})
}

func TestBesideIsBounded(t *testing.T) {
	var b beside
	for i := range maxBesideKeys + 10 {
		b.add(spanKey(i+1), &llm.Call{Service: string(rune(i)), RequestModel: "m"})
	}
	for i := range maxBeside + 10 {
		b.add(spanKey(i+1), &llm.Call{Service: "s", RequestModel: "m"})
	}
	if len(b.recent) > maxBesideKeys || len(b.recent[besideKey{"s", "m"}]) > maxBeside {
		t.Errorf("%d keys, %d intervals", len(b.recent), len(b.recent[besideKey{"s", "m"}]))
	}
}
