package semconv

import (
	"math"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestWeight(t *testing.T) {
	f := func(state string, a attrs, want float64) {
		t.Helper()
		if a == nil {
			a = attrs{}
		}
		a["gen_ai.operation.name"] = "chat"
		c := oneCall(t, "s", "chat", a, func(sp ptrace.Span) { sp.TraceState().FromRaw(state) })
		if math.Abs(c.Weight-want) > 1e-9*want {
			t.Errorf("%q %v: weight = %v, want %v", state, a, c.Weight, want)
		}
		if want == 0 && c.Count() != 1 {
			t.Errorf("%q: count = %v, want 1", state, c.Count())
		}
	}
	f("", nil, 0)
	f("ot=th:0", nil, 0) // all of them
	f("ot=th:8", nil, 2)
	f("ot=th:c", nil, 4)
	f("ot=th:e666666666666", nil, 1/(1-float64(0xe6666666666660)/(1<<56))) // 10 %
	f("vendor=x,ot=rv:0123456789abcd;th:c,other=y", nil, 4)
	f("ot=p:3;r:62", nil, 8)
	f("ot=p:63", nil, 0) // never: its sender is confused
	f("ot=th:", nil, 0)
	f("ot=th:zz", nil, 0)
	f("ot=th:0123456789abcdef", nil, 0)
	f("ot=th:ffffffffffffff", nil, 0) // one in 2^56: beyond belief
	f("notot=th:c", nil, 0)
	f("", attrs{"sampling.probability": 0.1}, 10)
	f("", attrs{"sampling.probability": 0.0}, 0)
	f("", attrs{"sampling.probability": -1.0}, 0)
	f("", attrs{"SampleRate": 20}, 20)
	f("", attrs{"SampleRate": "20"}, 20)
	f("", attrs{"sampler.type": "probabilistic", "sampler.param": 0.25}, 4)
	f("", attrs{"sampler.type": "ratelimiting", "sampler.param": 0.25}, 0)
	f("ot=th:c", attrs{"SampleRate": 20}, 4) // the standard wins
}
