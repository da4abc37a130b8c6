package pitot

import (
	"errors"

	"go.opentelemetry.io/otel/metric"
)

// The bucket bounds, as docs/metrics.md lists them.
var (
	durationBuckets = []float64{0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 20, 30, 60, 120, 300}
	ttftBuckets     = []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 30}
	perTokenBuckets = []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5}
	rateBuckets     = []float64{1, 2.5, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000}
	costBuckets     = []float64{0.00001, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10}
	scoreBuckets    = []float64{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1}

	// Those that OpenTelemetry's GenAI convention prescribes.
	genAITokenBuckets    = []float64{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864}
	genAITimeBuckets     = []float64{0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92}
	genAIAgentBuckets    = []float64{0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6}
	genAICountBuckets    = []float64{1, 2, 4, 8, 16, 32, 64, 128}
	genAIWorkflowBuckets = []float64{1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200}
)

// callFamilies are the families that every call is counted in. Their names are
// such that Prometheus' translation of OpenTelemetry metrics gives the names of
// docs/metrics.md: dots become underscores, a unit in braces is dropped, `s`
// becomes `_seconds`, a counter gets `_total`.
type callFamilies struct {
	// Counters are read at collection from numbers that calls add to: an addition
	// through the API costs forty times as much.
	requests, errors, streams, unpriced, tokens metric.Int64ObservableCounter
	cost                                        metric.Float64ObservableCounter
	active                                      metric.Int64ObservableUpDownCounter

	duration, ttft, tpot, itl   metric.Float64Histogram
	tokensPerSecond, generation metric.Float64Histogram
	costPerRequest              metric.Float64Histogram
	quality                     metric.Float64Histogram
	feedback                    metric.Int64Counter
}

// newCallFamilies creates the counters first: a receiver that makes its own
// numbers of a sender's takes the first that tells it something, and these tell
// more than the counts of histograms do.
func newCallFamilies(b *builder) callFamilies {
	var f callFamilies
	f.requests = b.totals("llm.requests", "{request}", "Calls of models that have ended, by outcome: status is success or error.")
	f.errors = b.totals("llm.errors", "{error}", "Calls that failed, by the provider's type of error.")
	f.streams = b.totals("llm.streams", "{stream}", "Streamed calls that have ended, by outcome: success, error, cut (it ended without its last event and without an error) or client_gone.")
	f.tokens = b.totals("llm.tokens", "{token}", "Tokens consumed. Only type=input and type=output add up: cache_read and cache_write are parts of input, reasoning is a part of output.")
	f.cost = b.floatTotals("llm.cost_usd", "{USD}", "Cost of calls, by how far it can be trusted: reported by the provider, computed from reported usage, or estimated. Calls without a price are in llm_unpriced_requests_total.")
	f.unpriced = b.totals("llm.unpriced_requests", "{request}", "Calls whose cost is unknown, by reason: they are missing from llm_cost_usd_total.")
	f.active = b.level("llm.active_requests", "{request}", "Calls that have started and not ended.")
	f.duration = b.histogram("llm.request.duration", "s", "Time from the start of a call to its last byte, failed calls included.", durationBuckets)
	f.ttft = b.histogram("llm.time_to_first_token", "s", "Time from the start of a streamed call to its first chunk with text, reasoning or a tool call.", ttftBuckets)
	f.tpot = b.histogram("llm.time_per_output_token", "s", "Time per output token after the first: (duration - time to first token) / (output tokens - 1). Successful streams only.", perTokenBuckets)
	f.itl = b.histogram(itlName, "s", itlHelp, perTokenBuckets)
	f.tokensPerSecond = b.histogram("llm.tokens_per_second", "", "Speed of generation as the reader sees it: output tokens over the time after the first token for streams, over the whole duration otherwise.", rateBuckets)
	f.generation = b.histogram("llm.token_generation_rate", "", "Output tokens over the whole duration of the call, the wait for the first token included, in tokens per second.", rateBuckets)
	f.costPerRequest = b.histogram("llm.token_cost_per_request", "{USD}", "Cost of one call.", costBuckets)
	f.quality = b.histogram("llm.response_quality_score", "", "Scores of answers on a scale of 0 to 1, by the user or evaluator that gave them.", scoreBuckets)
	f.feedback = b.counter("llm.feedback", "{judgement}", "Judgements of answers, by who gave them and by their label where they have one.")
	return f
}

// genAIFamilies are those of OpenTelemetry's convention. Either the published
// names or the newer ones are there.
type genAIFamilies struct {
	// The published convention; duration also for what is no inference in the
	// newer one.
	tokenUsage              metric.Int64Histogram
	duration                metric.Float64Histogram
	firstChunk, outputChunk metric.Float64Histogram

	// The newer names.
	inference                             metric.Float64Histogram
	input, output                         metric.Int64Counter
	cacheRead, cacheWrite, reasoning      metric.Int64Counter
	inputDistribution, outputDistribution metric.Int64Histogram
	agent, tool, workflow                 metric.Float64Histogram
	agentInferenceCalls, agentToolCalls   metric.Int64Histogram
	agentSteps, agentErrors               metric.Int64Counter
}

func newGenAIFamilies(b *builder, newNames bool) genAIFamilies {
	var f genAIFamilies
	prefix := "gen_ai.client.operation."
	if newNames {
		prefix = "gen_ai.client.inference."
		f.inference = b.histogram("gen_ai.client.inference.duration", "s", "Duration of one inference.", genAITimeBuckets)
		usage := func(part, help string) metric.Int64Counter {
			return b.counter("gen_ai.client.inference.usage."+part+"_tokens", "{token}", help)
		}
		f.input, f.output = usage("input", "Input tokens, those from and for the cache included."), usage("output", "Output tokens, reasoning included.")
		f.cacheRead, f.cacheWrite = usage("cache_read.input", "Input tokens that were read from the cache: a part of the input."), usage("cache_write.input", "Input tokens that were written to the cache: a part of the input.")
		f.reasoning = usage("reasoning.output", "Output tokens of reasoning: a part of the output.")
		f.inputDistribution = b.intHistogram("gen_ai.client.inference.operation.input_tokens", "{token}", "Input tokens of one inference.", genAITokenBuckets)
		f.outputDistribution = b.intHistogram("gen_ai.client.inference.operation.output_tokens", "{token}", "Output tokens of one inference.", genAITokenBuckets)
	} else {
		f.tokenUsage = b.intHistogram("gen_ai.client.token.usage", "{token}", "Input and output tokens of one call. Absent where the usage is unknown.", genAITokenBuckets)
	}
	f.duration = b.histogram("gen_ai.client.operation.duration", "s", "Duration of one operation.", genAITimeBuckets)
	f.firstChunk = b.histogram(prefix+"time_to_first_chunk", "s", "Time to the first chunk of a stream.", genAITimeBuckets)
	f.outputChunk = b.histogram(chunkName(newNames), "s", chunkHelp, genAITimeBuckets)

	f.agent = b.histogram("gen_ai.invoke_agent.duration", "s", "Duration of one run of an agent.", genAIAgentBuckets)
	f.agentInferenceCalls = b.intHistogram("gen_ai.invoke_agent.inference_calls", "{inference_call}", "Calls of models that one run of an agent made itself, failed ones included.", genAICountBuckets)
	f.agentToolCalls = b.intHistogram("gen_ai.invoke_agent.tool_calls", "{tool_call}", "Calls of tools that one run of an agent made itself, failed ones included.", genAICountBuckets)
	f.tool = b.histogram("gen_ai.execute_tool.duration", "s", "Duration of one call of a tool.", genAITimeBuckets)
	f.workflow = b.histogram("gen_ai.invoke_workflow.duration", "s", "Duration of one run of a workflow.", genAIWorkflowBuckets)
	f.agentSteps = b.counter("agent.step.count", "{step}", "Steps of agents: calls of tools and retrievals.")
	f.agentErrors = b.counter("agent.error.count", "{error}", "Steps and runs of agents that failed.")
	return f
}

// builder creates instruments and gathers what went wrong.
type builder struct {
	m   metric.Meter
	err error
}

func (b *builder) fail(err error) {
	if err != nil {
		b.err = errors.Join(b.err, err)
	}
}

func (b *builder) counter(name, unit, help string) metric.Int64Counter {
	i, err := b.m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(help))
	b.fail(err)
	return i
}

func (b *builder) totals(name, unit, help string) metric.Int64ObservableCounter {
	i, err := b.m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	b.fail(err)
	return i
}

func (b *builder) floatTotals(name, unit, help string) metric.Float64ObservableCounter {
	i, err := b.m.Float64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	b.fail(err)
	return i
}

func (b *builder) level(name, unit, help string) metric.Int64ObservableUpDownCounter {
	i, err := b.m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
	b.fail(err)
	return i
}

func (b *builder) histogram(name, unit, help string, bounds []float64) metric.Float64Histogram {
	i, err := b.m.Float64Histogram(name, metric.WithUnit(unit), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(bounds...))
	b.fail(err)
	return i
}

func (b *builder) intHistogram(name, unit, help string, bounds []float64) metric.Int64Histogram {
	i, err := b.m.Int64Histogram(name, metric.WithUnit(unit), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(bounds...))
	b.fail(err)
	return i
}
