package metrics

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// Metrics of senders feed families of Pitot's own in two cases: the llm_*
// families from senders whose Calls are not seen, and the llm_agent_cli_*
// families from coding agents. Both are made on arrival and not by recording
// rules: a sum over series that come and go, as those of coding agents do with
// each session, is no counter, and a rule can make nothing better of it.

// derivation makes a counter of a sender's metric.
type derivation struct {
	from string // the sender's metric, by its Prometheus name
	to   string
	// group tells sources apart that count the same: of a service only the first
	// that was seen is taken.
	group string
	// count takes the number of observations of a histogram and not their sum.
	count  bool
	factor float64 // 0 is 1
	// label fills what tells the points apart and says whether to take one.
	label func(in, out pcommon.Map) bool
}

// The names of the vocabulary of coding agents.
const (
	cliTokens   = "llm_agent_cli_tokens_total"
	cliCost     = "llm_agent_cli_cost_usd_total"
	cliSessions = "llm_agent_cli_sessions_total"
	cliRequests = "llm_agent_cli_requests_total"
	cliTools    = "llm_agent_cli_tool_calls_total"
	cliLines    = "llm_agent_cli_lines_total"
	cliCommits  = "llm_agent_cli_commits_total"
	cliActive   = "llm_agent_cli_active_seconds_total"
)

// choicesName counts answers by why they ended.
const choicesName = "llm_response_choices_total"

// DerivedFamily is a counter that is fed by metrics of senders.
type DerivedFamily struct {
	Name, Help string
	Labels     []string
	From       []string // the senders' metrics, by their Prometheus names
}

// DerivedFamilies returns the counters that are fed by metrics of senders.
func DerivedFamilies() []DerivedFamily {
	out := []DerivedFamily{
		{Name: cliTokens, Help: "Tokens that coding agents used. input includes cache_read and cache_write, output includes reasoning: only input and output add up.", Labels: []string{"product", "type", "model", "user"}},
		{Name: cliCost, Help: "Cost as the coding agent states it.", Labels: []string{"product", "model", "user"}},
		{Name: cliSessions, Help: "Sessions of coding agents that were started.", Labels: []string{"product", "user"}},
		{Name: cliRequests, Help: "Requests of coding agents to models.", Labels: []string{"product", "model", "user"}},
		{Name: cliTools, Help: "Calls of tools by coding agents.", Labels: []string{"product", "tool", "user"}},
		{Name: cliLines, Help: "Lines of code that coding agents changed; type is added or removed.", Labels: []string{"product", "type", "user"}},
		{Name: cliCommits, Help: "Commits that coding agents made.", Labels: []string{"product", "user"}},
		{Name: cliActive, Help: "Time in which coding agents were in use.", Labels: []string{"product", "user"}},
		{Name: choicesName, Help: "Answers by why they ended, from OpenLLMetry's counter of choices. It counts each answer twice, once without a reason: those are left out.", Labels: callLabels("finish_reason")},
		{Name: families()[famTokens].Name},
		{Name: families()[famRequests].Name},
		{Name: families()[famErrors].Name},
		{Name: families()[famCost].Name},
	}
	for i := range out {
		f := &out[i]
		for _, d := range derivations() {
			if d.to == f.Name && !slices.Contains(f.From, d.from) {
				f.From = append(f.From, d.from)
			}
		}
		slices.Sort(f.From)
	}
	return out
}

func derivations() []derivation {
	return slices.Concat(callDerivations(), agentDerivations())
}

// callDerivations feed the llm_* families.
func callDerivations() []derivation {
	t := families()
	tokens, requests, errs, cost := t[famTokens].Name, t[famRequests].Name, t[famErrors].Name, t[famCost].Name
	usage := func(part string) string { return "gen_ai_client_inference_usage_" + part + "_tokens_total" }
	return []derivation{
		{from: "gen_ai_client_token_usage", to: tokens, label: genAITokenType},
		{from: usage("input"), to: tokens, group: "inference", label: fixed("type", tokenInput)},
		{from: usage("output"), to: tokens, group: "inference", label: fixed("type", tokenOutput)},
		{from: usage("cache_read_input"), to: tokens, group: "inference", label: fixed("type", tokenCacheRead)},
		{from: usage("cache_write_input"), to: tokens, group: "inference", label: fixed("type", tokenCacheWrite)},
		{from: usage("reasoning_output"), to: tokens, group: "inference", label: fixed("type", tokenReasoning)},
		{from: "gen_ai_client_operation_duration_seconds", to: requests, group: "genai", count: true, label: outcomeOf},
		{from: "gen_ai_client_inference_duration_seconds", to: requests, group: "genai", count: true, label: outcomeOf},
		{from: "gen_ai_client_operation_duration_seconds", to: errs, group: "genai", count: true, label: errorTypeOf},
		{from: "gen_ai_client_inference_duration_seconds", to: errs, group: "genai", count: true, label: errorTypeOf},
		{from: "gen_ai_usage_cost_USD", to: cost, label: fixed("state", "reported")},
		{from: "gen_ai_usage_cost", to: cost, label: fixed("state", "reported")},
		{from: "operation_cost", to: cost, label: fixed("state", "reported")},
		{from: "gen_ai_client_generation_choices_choice_total", to: choicesName, label: finishReason},
		// A sender may use our names. Its series are put aside and their numbers taken
		// over with our labels. Nexent's llm_total_tokens of M1 and M2 is among them:
		// Prometheus' translation moves the word total to the end.
		{from: tokens, to: tokens, group: "nexent", label: renamed("type", "type")},
		{from: requests, to: requests, group: "named", label: renamed("status", "status")},
		{from: errs, to: errs, group: "named", label: renamed(labelErrorType, labelErrorType, "error.type")},
		{from: cost, to: cost, group: "named", label: renamed("state", "state")},
		// Nexent's M3 has dots. Its durations do not tell success from failure.
		{from: "llm_token_count_prompt_tokens_total", to: tokens, group: "nexent", label: fixed("type", tokenInput)},
		{from: "llm_token_count_completion_tokens_total", to: tokens, group: "nexent", label: fixed("type", tokenOutput)},
		{from: "llm_request_duration_seconds", to: requests, group: "nexent", count: true, label: fixed("status", statusSuccess)},
		{from: "llm_error_count_errors_total", to: errs, group: "nexent", label: fixed(labelErrorType, unknownErrorType)},
		{from: "llm_error_count_total", to: errs, group: "nexent", label: fixed(labelErrorType, unknownErrorType)},
	}
}

// agentDerivations feed the llm_agent_cli_* families.
func agentDerivations() []derivation {
	return []derivation{
		// Claude Code states input without what came from and went into the cache.
		{from: "claude_code_token_usage_tokens_total", to: cliTokens, label: typed("type", map[string]string{"input": tokenInput, "cacheRead": tokenInput, "cacheCreation": tokenInput, "output": tokenOutput})},
		{from: "claude_code_token_usage_tokens_total", to: cliTokens, label: typed("type", map[string]string{"cacheRead": tokenCacheRead, "cacheCreation": tokenCacheWrite})},
		{from: "claude_code_cost_usage_USD_total", to: cliCost},
		{from: "claude_code_session_count_total", to: cliSessions},
		{from: "claude_code_lines_of_code_count_total", to: cliLines, label: renamed("type", "type")},
		{from: "claude_code_commit_count_total", to: cliCommits},
		{from: "claude_code_active_time_seconds_total", to: cliActive},
		{from: "claude_code_code_edit_tool_decision_total", to: cliTools, label: renamed("tool", "tool_name", "tool")},
		{from: "claude_code_code_edit_tool_decision_count_total", to: cliTools, label: renamed("tool", "tool_name", "tool")},

		{from: "codex_turn_token_usage", to: cliTokens, label: typed("token_type", map[string]string{
			"input": tokenInput, "output": tokenOutput, "cached_input": tokenCacheRead, "cache_write_input": tokenCacheWrite, "reasoning_output": tokenReasoning,
		})},
		{from: "codex_turn_cost_microusd", to: cliCost, factor: 1e-6},
		{from: "codex_thread_started_total", to: cliSessions},
		{from: "codex_api_request_total", to: cliRequests},
		{from: "codex_websocket_request_total", to: cliRequests},
		{from: "codex_tool_call_total", to: cliTools, label: renamed("tool", "tool")},

		// Gemini states thoughts and the prompts of tools beside output and input.
		{from: "gemini_cli_token_usage_total", to: cliTokens, label: typed("type", map[string]string{"input": tokenInput, "tool": tokenInput, "output": tokenOutput, "thought": tokenOutput})},
		{from: "gemini_cli_token_usage_total", to: cliTokens, label: typed("type", map[string]string{"cache": tokenCacheRead, "thought": tokenReasoning})},
		{from: "gemini_cli_session_count_total", to: cliSessions},
		{from: "gemini_cli_api_request_count_total", to: cliRequests},
		{from: "gemini_cli_tool_call_count_total", to: cliTools, label: renamed("tool", "function_name")},
		{from: "gemini_cli_lines_changed_total", to: cliLines, label: renamed("type", "type")},
	}
}

// fixed labels all points alike.
func fixed(name, value string) func(_, out pcommon.Map) bool {
	return func(_, out pcommon.Map) bool {
		out.PutStr(name, value)
		return true
	}
}

// renamed takes the first of these attributes that is there.
func renamed(name string, from ...string) func(in, out pcommon.Map) bool {
	return func(in, out pcommon.Map) bool {
		out.PutStr(name, firstAttr(in, from...))
		return true
	}
}

// typed takes the points whose attribute has one of the values, for the label
// type.
func typed(from string, values map[string]string) func(in, out pcommon.Map) bool {
	return func(in, out pcommon.Map) bool {
		v, ok := values[firstAttr(in, from)]
		if ok {
			out.PutStr("type", v)
		}
		return ok
	}
}

// genAITokenType takes the known types. Only input and output add up; Envoy AI
// Gateway and OpenLIT send parts of these beside them, under the same name.
func genAITokenType(in, out pcommon.Map) bool {
	types := map[string]string{
		"input": tokenInput, "prompt": tokenInput, "output": tokenOutput, "completion": tokenOutput,
		"cached_input": tokenCacheRead, "cache_read": tokenCacheRead, "cache_creation_input": tokenCacheWrite, "cache_write": tokenCacheWrite,
		"reasoning": tokenReasoning,
	}
	t, ok := types[firstAttr(in, "gen_ai.token.type", "token.type")]
	if ok {
		out.PutStr("type", t)
	}
	return ok
}

func outcomeOf(in, out pcommon.Map) bool {
	status := statusSuccess
	if firstAttr(in, "error.type") != "" {
		status = statusError
	}
	out.PutStr("status", status)
	return true
}

func errorTypeOf(in, out pcommon.Map) bool {
	t := firstAttr(in, "error.type")
	out.PutStr(labelErrorType, t)
	return t != ""
}

// finishReason takes the points of OpenLLMetry's choices that have one: it adds
// each choice once without.
func finishReason(in, out pcommon.Map) bool {
	r := firstAttr(in, "llm.response.finish_reason", "gen_ai.response.finish_reason", "llm.response.stop_reason", "gen_ai.response.stop_reason")
	out.PutStr("finish_reason", r)
	return r != ""
}

func firstAttr(m pcommon.Map, keys ...string) string {
	for _, k := range keys {
		if v, ok := m.Get(k); ok {
			if s := v.AsString(); s != "" {
				return s
			}
		}
	}
	return ""
}

// agentPrefixes are the products that have metrics of their own.
func agentPrefixes() map[string]string {
	return map[string]string{"claude_code": "claude_code", "codex": "codex_cli", "gemini_cli": "gemini_cli"}
}

// isAgentCLI says whether a metric is a coding agent's own.
func isAgentCLI(name string) bool {
	head, _, _ := strings.Cut(name, ".")
	_, ok := agentPrefixes()[head]
	return ok
}

// derive adds the points of m to the families that they feed. seen says that
// the Calls of the service are.
func (s *senders) derive(res *senderResource, name string, m pmetric.Metric, delta, seen bool) {
	for i := range s.derivations[name] {
		d := &s.derivations[name][i]
		agent := strings.HasPrefix(d.to, "llm_agent_cli_")
		if d.to == name && s.cfg.SenderFamilies == familiesKeep {
			continue // it stays under this name: twice would be too much
		}
		if !agent && (seen || !s.firstSource(res.service, d)) {
			continue
		}
		out := &senderResource{attrs: pcommon.NewMap(), service: res.service, namespace: res.namespace, source: res.source}
		out.attrs.PutStr(attrService, res.service)
		if res.namespace != "" {
			out.attrs.PutStr(attrNamespace, res.namespace)
		}
		target := pmetric.NewMetric()
		target.SetName(d.to)
		target.SetEmptySum().SetIsMonotonic(true)
		id := sourceID{res: out, scope: pcommon.NewInstrumentationScope(), metric: target, delta: delta}
		eachPoint(m, d.count, func(attrs pcommon.Map, start, ts pcommon.Timestamp, v float64) {
			labels := pcommon.NewMap()
			if d.label != nil && !d.label(attrs, labels) {
				return
			}
			if agent {
				agentLabels(d, name, res, attrs, labels)
			} else {
				senderLabels(res, attrs, labels)
			}
			s.collapse.limitAttrs(d.to, labels)
			if d.factor != 0 {
				v *= d.factor
			}
			source := mix(res.source, hashString(name), hashString(d.to), uint64(i), hashAttrs(uint64(m.Type()), attrs))
			s.collapse.add(id, source, labels, start, ts, pointValue{num: v})
		})
	}
}

// firstSource says whether this source of a family is the one that is taken for
// the service. Senders that straddle two versions of a convention send both.
func (s *senders) firstSource(service string, d *derivation) bool {
	key, group := service+"\xff"+d.to, d.group
	if group == "" {
		group = d.from
	}
	first, ok := s.sourceOf[key]
	if !ok {
		if len(s.sourceOf) >= maxForeign*10 {
			return true
		}
		s.sourceOf[strings.Clone(key)] = group
		return true
	}
	return first == group
}

// senderLabels are the labels of the llm_* families.
func senderLabels(res *senderResource, in, out pcommon.Map) {
	out.PutStr(labelService, res.service)
	out.PutStr(labelProvider, firstAttr(in, "gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "provider"))
	out.PutStr(labelModel, firstAttr(in, "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "model"))
	out.PutStr(labelMethod, firstAttr(in, "gen_ai.operation.name", "llm.operation.name", "operation", "method"))
	out.PutStr("origin", "sender")
}

// agentLabels are the labels of the llm_agent_cli_* families.
func agentLabels(d *derivation, name string, res *senderResource, in, out pcommon.Map) {
	for prefix, product := range agentPrefixes() {
		if strings.HasPrefix(name, prefix+"_") {
			out.PutStr("product", product)
		}
	}
	users := []string{"user.email", "user.account_uuid", "user.account_id", "user.id", "installation.id"}
	user := firstAttr(in, users...)
	if user == "" {
		user = firstAttr(res.attrs, users...)
	}
	out.PutStr("user", user)
	switch d.to {
	case cliTokens, cliCost, cliRequests:
		out.PutStr(labelModel, firstAttr(in, "model", "gen_ai.request.model"))
	}
}

// eachPoint yields the points of a metric as numbers: the number, or the sum or
// count of a histogram.
func eachPoint(m pmetric.Metric, count bool, yield func(attrs pcommon.Map, start, ts pcommon.Timestamp, v float64)) {
	switch m.Type() {
	case pmetric.MetricTypeSum:
		if count || !m.Sum().IsMonotonic() {
			return
		}
		for _, p := range m.Sum().DataPoints().All() {
			yield(p.Attributes(), p.StartTimestamp(), p.Timestamp(), numberValue(p).num)
		}
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			yield(p.Attributes(), p.StartTimestamp(), p.Timestamp(), sumOrCount(count, p.Sum(), p.Count()))
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			yield(p.Attributes(), p.StartTimestamp(), p.Timestamp(), sumOrCount(count, p.Sum(), p.Count()))
		}
	default:
	}
}

func sumOrCount(count bool, sum float64, n uint64) float64 {
	if count {
		return float64(n)
	}
	return sum
}
