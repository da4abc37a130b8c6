package semconv

import (
	"cmp"
	"maps"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/pitot-dev/pitot/internal/llm"
)

// call makes a Call of a span. Its Attributes are the caller's to set.
func (n *Normalizer) call(sc *scratch, c *spanContext, op llm.Operation, content bool) *llm.Call {
	call := &llm.Call{
		Time: c.start, Source: c.scope.source, Service: c.o.service, Environment: c.environment(sc), Upstream: sc.str(fUpstream),
		TraceID: c.sp.TraceID().String(), SpanID: c.sp.SpanID().String(), SpanName: clean(c.sp.Name()),
		Duration: c.duration, Notes: c.notes, Dialect: c.dialect.String(), Scope: c.scope.name, ScopeVersion: c.scope.version,
		Resource: maps.Clone(c.o.attributes), Events: c.events.kept, Links: linksOf(c.sp.Links()), Timeline: c.events.timeline,
		Weight: sc.weightOf(c.sp.TraceState().AsRaw()),
	}
	if id := c.sp.ParentSpanID(); !id.IsEmpty() {
		call.ParentSpanID = id.String()
	}
	n.facts(sc, call, op, c.dialect)
	call.Provider = cmp.Or(call.Provider, n.providerHint(c.scope.name, call.SpanName))
	if content {
		sc.callContent(call, &c.events, n.lookup)
	}
	sc.timeline(call)
	sc.timing(call, c)
	sc.remarks(call)
	call.Status = llm.StatusOK
	if typ, message, failed := c.failure(sc); failed {
		call.SetError(cut(typ, 200), message)
		if call.HTTPStatus == 0 {
			call.HTTPStatus = cmp.Or(httpStatusOf(typ), statusIn(message))
		}
		if src := sc.source(fResponseModel); src != nil && len(call.Output) == 0 && c.dialect != dPitot && src == sc.sharedModel() {
			call.ResponseModel = "" // one name for both models, and nothing answered
		}
	}
	return call
}

// facts fills what a Call's fields are told of by attributes alone: spans and
// log records have these in common.
func (n *Normalizer) facts(sc *scratch, call *llm.Call, op llm.Operation, d dialect) {
	req := sc.paramsJSON()
	call.Operation = op
	call.Provider = sc.provider()
	call.RequestModel = sc.str(fRequestModel)
	// Names that some senders use for the model asked for and others for the one
	// that answered: the request itself knows better.
	if h := &sc.hits[fRequestModel]; req.model != "" && (h.rank == 0 || h.src.since == "openinference" || h.src.since == "plain") {
		call.RequestModel = req.model
	}
	call.ResponseModel = sc.str(fResponseModel)
	call.ResponseID = sc.str(fResponseID)
	call.ServiceTier = sc.str(fServiceTier)
	call.Region = sc.str(fRegion)
	call.HTTPStatus = int(min(sc.count(fHTTPStatus).Or(0), 999))
	call.Stream = sc.on(fStream) || req.stream || n.streams(sc)
	if h := &sc.hits[fFinishReasons]; h.rank != 0 {
		for _, r := range listOf(h.v) {
			call.FinishReasons = append(call.FinishReasons, llm.FinishReason(r))
		}
	}
	if op == llm.OpChat && (strings.HasPrefix(call.ResponseID, "resp_") || sc.str(fAPIType) == "responses" || strings.HasSuffix(sc.str(fProvider), ".responses")) {
		call.Operation = llm.OpResponses
	}
	call.Usage, _ = sc.usageOf(op, d == dClaude)
	if call.Cost = sc.costOf(); call.Cost.State == llm.CostReported && sc.hits[fCostState].rank == 0 {
		call.Note("cost_by_sender")
	}
	call.User = cmp.Or(sc.str(fUser), req.user)
	call.Session = sc.str(fSession)
	call.Feature = sc.str(fFeature)
	call.PromptName, call.PromptVersion = sc.str(fPromptName), sc.str(fPromptVersion)
	call.Agent, call.Workflow = sc.str(fAgent), sc.str(fWorkflow)
	call.Tags = sc.tagsOf()
	if call.Provider == "" && sc.langChain != "" {
		call.Provider = llm.CanonicalProvider(sc.langChain)
	}
	if d == dPitot {
		sc.settleParams()
	}
	call.Params = sc.params
	call.GatewayOverhead = sc.duration(fGatewayOverhead)
	call.Phases = llm.Phases{
		Connect: sc.duration(fPhaseConnect), Headers: sc.duration(fPhaseHeaders), Queue: sc.duration(fPhaseQueue), Load: sc.duration(fPhaseLoad),
		Prefill: sc.duration(fPhasePrefill), Decode: sc.duration(fPhaseDecode), Server: sc.duration(fPhaseServer),
	}
}

// provider is the provider's canonical name: said, or told by the host.
func (sc *scratch) provider() string {
	if s := sc.str(fProvider); s != "" && !strings.EqualFold(s, "unknown") {
		for _, api := range [...]string{".chat", ".responses", ".messages", ".completion", ".embedding", ".image", ".speech", ".transcription"} {
			s = strings.TrimSuffix(s, api) // the Vercel SDK names the API too
		}
		return llm.CanonicalProvider(s)
	}
	for _, f := range [...]field{fAPIBase, fServerAddress} {
		if p := hostProvider(sc.str(f)); p != "" {
			return p
		}
	}
	return ""
}

// hostProvider is the provider behind a well-known host.
func hostProvider(host string) string {
	if host == "" {
		return ""
	}
	for _, h := range [...]struct{ suffix, provider string }{
		{"openai.azure.com", llm.ProviderAzureOpenAI},
		{"services.ai.azure.com", "azure.ai.inference"},
		{"api.openai.com", llm.ProviderOpenAI},
		{"anthropic.com", llm.ProviderAnthropic},
		{"generativelanguage.googleapis.com", llm.ProviderGemini},
		{"aiplatform.googleapis.com", llm.ProviderVertex},
		{"amazonaws.com", llm.ProviderBedrock},
		{"cohere.com", llm.ProviderCohere},
		{"cohere.ai", llm.ProviderCohere},
		{"deepseek.com", llm.ProviderDeepSeek},
		{"groq.com", llm.ProviderGroq},
		{"mistral.ai", llm.ProviderMistral},
		{"moonshot.cn", llm.ProviderMoonshot},
		{"moonshot.ai", llm.ProviderMoonshot},
		{"perplexity.ai", llm.ProviderPerplexity},
		{"x.ai", llm.ProviderXAI},
		{"openrouter.ai", llm.ProviderOpenRouter},
		{"dashscope.aliyuncs.com", llm.ProviderDashScope},
		{"dashscope-intl.aliyuncs.com", llm.ProviderDashScope},
		{"bigmodel.cn", llm.ProviderZhipu},
		{"z.ai", llm.ProviderZhipu},
		{"together.xyz", llm.ProviderTogether},
		{"together.ai", llm.ProviderTogether},
		{"fireworks.ai", llm.ProviderFireworks},
	} {
		if head, ok := strings.CutSuffix(host, h.suffix); ok && (head == "" || head[len(head)-1] == '.' || head[len(head)-1] == '-') {
			return h.provider
		}
	}
	return ""
}

// sharedModel is the source that says both the model asked for and the one
// that answered, nil where each has its own.
func (sc *scratch) sharedModel() *source {
	a, b := sc.source(fRequestModel), sc.source(fResponseModel)
	if b == nil || a != nil && a.key != b.key && a.since != "plain" {
		return nil
	}
	return b
}

// providerHint tells a provider by the library that was instrumented, where
// nothing else does: the last word of the scope, or the first of the span's name.
func (n *Normalizer) providerHint(scope, span string) string {
	scope = strings.TrimSuffix(strings.TrimSuffix(scope, ".v1"), ".v0")
	for _, word := range [...]string{scope[strings.LastIndexAny(scope, ".-/")+1:], span[:wordEnd(span)]} {
		if p := n.libraries[strings.ToLower(word)]; p != "" {
			return p
		}
	}
	return ""
}

func wordEnd(s string) int {
	if i := strings.IndexAny(s, ".-_ "); i >= 0 {
		return i
	}
	return len(s)
}

// libraries are the client libraries of providers, and LangChain's classes.
func libraries() map[string]string {
	return map[string]string{
		"openai": llm.ProviderOpenAI, "chatopenai": llm.ProviderOpenAI, "azurechatopenai": llm.ProviderAzureOpenAI,
		"anthropic": llm.ProviderAnthropic, "chatanthropic": llm.ProviderAnthropic, "bedrock": llm.ProviderBedrock, "chatbedrock": llm.ProviderBedrock,
		"chatbedrockconverse": llm.ProviderBedrock, "cohere": llm.ProviderCohere, "chatcohere": llm.ProviderCohere, "groq": llm.ProviderGroq,
		"chatgroq": llm.ProviderGroq, "mistralai": llm.ProviderMistral, "chatmistralai": llm.ProviderMistral, "ollama": llm.ProviderOllama,
		"chatollama": llm.ProviderOllama, "google_generativeai": llm.ProviderGemini, "google_genai": llm.ProviderGemini,
		"chatgooglegenerativeai": llm.ProviderGemini, "vertexai": llm.ProviderVertex, "chatvertexai": llm.ProviderVertex,
		"together": llm.ProviderTogether, "chatdeepseek": llm.ProviderDeepSeek,
	}
}

// streams says whether the kind of operation itself means a stream.
func (n *Normalizer) streams(sc *scratch) bool {
	if !sc.opsSeen {
		return false
	}
	for _, s := range sc.ops {
		if strings.HasPrefix(s, "ai.stream") {
			return true
		}
	}
	return false
}

// timeline takes the arrival of each chunk as Pitot's own SDK and exports have it.
func (sc *scratch) timeline(call *llm.Call) {
	if text := sc.str(fTimeline); text != "" && call.Timeline.Chunks() == 0 {
		tl, err := llm.ParseTimeline(text)
		if err != nil {
			call.Note("bad_timeline") // a limit on the length of attributes cuts it
		}
		call.Timeline = tl
	}
	if n := sc.count(fChunks).Or(0); n > 0 && n < math.MaxInt32 {
		call.Timeline.SetChunks(int(n))
	}
}

// maxRemarks bounds the notes and the names of cut parts that a sender gives.
const maxRemarks = 32

// remarks takes what another Pitot noted on the record.
func (sc *scratch) remarks(call *llm.Call) {
	sc.remark(fNotes, call.Note)
	sc.remark(fTruncated, call.MarkTruncated)
}

func (sc *scratch) remark(f field, add func(string)) {
	h := &sc.hits[f]
	if h.rank == 0 {
		return
	}
	for i, s := range listOf(h.v) {
		if i < maxRemarks && s != "" {
			add(cut(clean(s), 64))
		}
	}
}

// timing fills time to first token and what follows from it.
func (sc *scratch) timing(call *llm.Call, c *spanContext) {
	if h := &sc.hits[fStream]; h.rank != 0 && h.n == 0 {
		return // some measure a first token of whole answers too: it is their last
	}
	call.TTFT = sc.duration(fTTFT)
	streamed := call.TTFT.Known() && sc.source(fTTFT).key != "gen_ai.server.time_to_first_token"
	if h := &sc.hits[fFirstTokenAt]; h.rank != 0 && !call.TTFT.Known() {
		if d := time.Unix(0, h.n).Sub(c.start); d >= 0 && (c.duration == 0 || d <= c.duration) {
			call.TTFT, streamed = llm.Some(d), true
		}
	}
	if d, ok := c.events.firstToken.Get(); ok && !call.TTFT.Known() {
		call.TTFT, streamed = llm.Some(d), true
	}
	if d, ok := call.TTFT.Get(); ok && d > c.duration && c.duration > 0 {
		call.TTFT = llm.Opt[time.Duration]{}
		call.Note("bad_ttft")
	}
	if c.dialect == dPitot {
		streamed = false // it says so: speech has a first piece, and is no stream of events
	}
	if h := &sc.hits[fStream]; (streamed || call.Timeline.Chunks() > 0) && (h.rank == 0 || h.n == 1) {
		call.Stream = true
	}
}

// httpStatusOf reads an error's type that is an HTTP status, as some have it.
func httpStatusOf(typ string) int {
	if n, err := strconv.Atoi(typ); err == nil && n >= 400 && n < 600 {
		return n
	}
	return 0
}

// statusIn finds the HTTP status in an error's text: "429 Rate limit", "Error
// code: 429", "status code 429".
func statusIn(message string) int {
	message = message[:min(len(message), 300)]
	for _, before := range [...]string{"", "Error: ", "Error code: ", "status code: ", "status code ", "status_code: ", "HTTP "} {
		i := strings.Index(message, before)
		if before == "" {
			i = 0
		}
		if i < 0 {
			continue
		}
		rest := message[i+len(before):]
		if len(rest) >= 3 && (len(rest) == 3 || rest[3] < '0' || rest[3] > '9') {
			if n := httpStatusOf(rest[:3]); n != 0 {
				return n
			}
		}
	}
	return 0
}

// answer reads from a provider's whole answer, which some senders keep, what no
// attribute of theirs says.
func (sc *scratch) answer(call *llm.Call, v pcommon.Value) {
	if call.ResponseID != "" && call.ResponseModel != "" && len(call.FinishReasons) > 0 && call.ServiceTier != "" || embeds(call.Operation) {
		return
	}
	text := sc.jsonOf(v)
	media := call.Operation == llm.OpImage || call.Operation == llm.OpTranscription
	if len(text) == 0 || text[0] != '{' || !media && !strings.Contains(text, `"object"`) && !strings.Contains(text, `"choices"`) {
		return
	}
	j, err := sc.parser.Parse(text)
	if err != nil || j.Type() != fastjson.TypeObject {
		return
	}
	if media {
		mediaUsage(call, j)
		return
	}
	if call.ResponseID == "" {
		call.ResponseID = clean(str(j, "id"))
	}
	if call.ResponseModel == "" {
		call.ResponseModel = clean(str(j, "model"))
	}
	if call.ServiceTier == "" {
		call.ServiceTier = clean(str(j, "service_tier"))
	}
	if len(call.FinishReasons) == 0 {
		for _, choice := range j.GetArray("choices") {
			if r := str(choice, "finish_reason"); r != "" {
				call.FinishReasons = append(call.FinishReasons, llm.FinishReason(clean(r)))
			}
		}
		if str(j, "object") == "response" {
			call.FinishReasons = responseReason(j)
		}
	}
}

// responseReason is why an answer of OpenAI's responses API ended.
func responseReason(j *fastjson.Value) []string {
	switch str(j, "status") {
	case "completed":
		for _, item := range j.GetArray("output") {
			if itemRole(str(item, "type")) == "assistant" {
				return []string{"tool_call"}
			}
		}
		return []string{"stop"}
	case "incomplete":
		return []string{llm.FinishReason(clean(string(j.GetStringBytes("incomplete_details", "reason"))))}
	case "failed":
		return []string{"error"}
	}
	return nil
}

// mediaUsage reads units that are priced by themselves and have no attribute.
func mediaUsage(call *llm.Call, answer *fastjson.Value) {
	u := &call.Usage
	if n := len(answer.GetArray("data")); call.Operation == llm.OpImage && n > 0 {
		fill(&u.Images, llm.Some(int64(n)))
	}
	if x := answer.Get("usage", "seconds"); x != nil && x.Type() == fastjson.TypeNumber {
		fill(&u.AudioSeconds, llm.Some(x.GetFloat64()))
	}
	if u.Images.Known() || u.AudioSeconds.Known() {
		u.Source = llm.UsageReported
	}
}
