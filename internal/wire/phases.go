package wire

import (
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxPhase is the longest time that a server is believed to have spent.
const maxPhase = 24 * time.Hour

// serverHeaders are the headers, in canonical form, in which servers and the
// proxies before them say how many milliseconds they worked on a request.
var serverHeaders = [...]string{
	"Openai-Processing-Ms",
	"X-Envoy-Upstream-Service-Time", // before Anthropic, Cohere, Mistral, OpenAI
	"X-Kong-Upstream-Latency",       // before Mistral
	"X-Amzn-Bedrock-Invocation-Latency",
	"Cmp-Upstream-Response-Duration", // before Azure OpenAI
	"X-Total-Time",                   // TGI, Together
}

// headerPhases takes the times that stand in a response's headers. Of several
// the longest counts: it was measured closest to us.
func headerPhases(h http.Header, p *llm.Phases) {
	for _, name := range serverHeaders {
		d, ok := headerMillis(h, name)
		if old, known := p.Server.Get(); ok && (!known || d > old) {
			p.Server = llm.Some(d)
		}
	}
	if d, ok := headerMillis(h, "X-Queue-Time"); ok && !p.Queue.Known() {
		p.Queue = llm.Some(d)
	}
}

// headerMillis reads a header whose name is in canonical form.
func headerMillis(h http.Header, name string) (time.Duration, bool) {
	v := h[name]
	if len(v) == 0 {
		return 0, false
	}
	ms, err := strconv.ParseFloat(v[0], 64)
	if err != nil {
		return 0, false
	}
	return phase(ms, time.Millisecond)
}

// phase is a number of units of time, where it can be believed.
func phase(n float64, unit time.Duration) (time.Duration, bool) {
	if !(n >= 0 && n <= float64(maxPhase/unit)) { // NaN neither
		return 0, false
	}
	return time.Duration(n * float64(unit)), true
}

// setPhase takes a member that counts units of time.
func setPhase(dst *llm.Opt[time.Duration], v *fastjson.Value, key string, unit time.Duration) {
	n, ok := amount(v, key).Get()
	if !ok {
		return
	}
	if d, ok := phase(n, unit); ok {
		*dst = llm.Some(d)
	}
}

// secondsPhases reads the times of Groq's usage and of Cerebras' time_info.
func secondsPhases(v *fastjson.Value, p *llm.Phases) {
	if v.Get("completion_time") == nil && v.Get("prompt_time") == nil {
		return
	}
	setPhase(&p.Queue, v, "queue_time", time.Second)
	setPhase(&p.Prefill, v, "prompt_time", time.Second)
	setPhase(&p.Decode, v, "completion_time", time.Second)
	setPhase(&p.Server, v, "total_time", time.Second)
}
