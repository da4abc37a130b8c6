package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// wholeShare is the share from which on a field counts as delivered: a few
	// odd calls are no setting.
	wholeShare = 0.95
	// fewCalls is how many calls it takes before something counts as missing that
	// one application's traffic may lack by chance.
	fewCalls = 3
)

// Diagnose says of each sender what it delivers and what would change that.
func Diagnose(senders []Sender, histograms []Histogram) Report {
	r := Report{Senders: []SenderReport{}, Findings: []Finding{}}
	// One library of a service tells of agents and tools, another of their calls.
	calling := map[string]bool{}
	for i := range senders {
		if s := &senders[i]; s.Calls > 0 || s.Spans[llm.KindLLM] > 0 {
			calling[s.Service] = true
		}
	}
	for i := range senders {
		if s := &senders[i]; s.Calls > 0 || s.Dialect != "" || s.Spans[llm.KindLLM] > 0 {
			r.Senders = append(r.Senders, diagnose(s, calling))
		}
	}
	for _, h := range histograms {
		r.Findings = append(r.Findings, histogramFinding(h))
	}
	r.Findings = append(r.Findings, doubles(senders)...)
	sortFindings(r.Findings)
	return r
}

func diagnose(s *Sender, calling map[string]bool) SenderReport {
	k := knowledgeOf(s)
	out := SenderReport{
		Service: s.Service, Source: s.Source, Dialect: s.Dialect, Name: k.name, Scope: s.Scope, ScopeVersion: s.ScopeVersion,
		LastSeen: s.LastSeen, Calls: s.Calls, Errors: s.Errors, Streams: s.Streams, Fields: []FieldReport{}, Findings: []Finding{},
	}
	if s.Sampled > 0 {
		out.Represented = s.Represented
	}
	for _, n := range s.Spans {
		out.Spans += n
	}
	if s.Calls > 0 {
		for _, f := range fields() {
			out.field(s, &k, f)
		}
	}
	out.Findings = append(out.Findings, senderFindings(s, &k, calling[s.Service])...)
	sortFindings(out.Findings)
	return out
}

// field judges one field and adds what is to say of it.
func (out *SenderReport) field(s *Sender, k *knowledge, f field) {
	c := s.Fields[f.name]
	rep := FieldReport{Field: f.name, Have: c.Have, Of: c.Of, State: stateOf(c)}
	reason, cannot := k.cannot[f.name]
	if rep.State == Absent {
		switch {
		case cannot:
			rep.State = Cannot
		case f.absent == "" && k.remedies[f.name] == nil:
			rep.State = NotSeen
		}
	}
	out.Fields = append(out.Fields, rep)
	fix := k.remedy(f.name)
	switch rep.State {
	case Cannot:
		severity := Cosmetic // nobody can do anything about it
		if f.absent == WrongNumbers {
			severity = WrongNumbers
		}
		out.Findings = append(out.Findings, Finding{
			Severity: severity, Code: "cannot_" + f.name, Field: f.name,
			Message:   fmt.Sprintf("%s does not send %s: %s. %s", k.name, f.what, reason, sentence(f.why)),
			MessageZH: fmt.Sprintf("%s 不发送%s：%s。%s", k.name, zh(f.what), zh(reason), zh(f.why)), Setting: fix.setting, Note: fix.note,
		})
	case Absent:
		if onlyStreamsLack(s, f) || c.Of < fewCalls && f.absent != WrongNumbers {
			return
		}
		msg, msgZH := fmt.Sprintf("no call has %s: %s", f.what, f.why), fmt.Sprintf("没有任何调用带有%s：%s", zh(f.what), zh(f.why))
		if f.absent == "" {
			msg, msgZH = msg+", unless there is none", msgZH+"，除非本来就没有"
		}
		out.Findings = append(out.Findings, Finding{
			Severity: cmp.Or(f.absent, Cosmetic), Code: "no_" + f.name, Field: f.name,
			Message: msg, MessageZH: msgZH, Setting: fix.setting, Note: fix.note,
		})
	case Partial:
		if f.absent != WrongNumbers || onlyStreamsLack(s, f) {
			return // not each user is known, not each application names a session
		}
		out.Findings = append(out.Findings, Finding{
			Severity: f.absent, Code: "partial_" + f.name, Field: f.name,
			Message:   fmt.Sprintf("%d of %d calls lack %s: %s", c.Of-c.Have, c.Of, f.what, f.why),
			MessageZH: fmt.Sprintf("%d / %d 次调用缺少%s：%s", c.Of-c.Have, c.Of, zh(f.what), zh(f.why)), Setting: fix.setting, Note: fix.note,
		})
	case Delivered, NotSeen, NoData:
	}
}

func stateOf(c Count) State {
	switch {
	case c.Of == 0:
		return NoData
	case c.Have == 0:
		return Absent
	case float64(c.Have) >= wholeShare*float64(c.Of):
		return Delivered
	}
	return Partial
}

// onlyStreamsLack reports whether the calls without tokens are streams that
// report no usage, of which there is a finding of its own.
func onlyStreamsLack(s *Sender, f field) bool {
	c := s.Fields[f.name]
	return (f.name == fOutTokens || f.name == fInTokens) && s.StreamsWithoutUsage > 0 && c.Of-c.Have <= s.StreamsWithoutUsage
}

// senderFindings are those that are of no single field. calling says that calls
// of the service are known, be it from another of its libraries.
func senderFindings(s *Sender, k *knowledge, calling bool) []Finding {
	var out []Finding
	add := func(f Finding) { out = append(out, f) }
	if n := s.StreamsWithoutUsage; n > 0 {
		f := Finding{
			Severity: WrongNumbers, Code: "streams_without_usage", Field: fOutTokens,
			Message:   fmt.Sprintf("%d of %d streams report no tokens: their cost is an estimate or unknown", n, s.Streams),
			MessageZH: fmt.Sprintf("%d / %d 个流式调用没有报告 token 数：其成本为估算值或未知", n, s.Streams),
		}
		if fix := k.remedy(fixStreamUsage); float64(n) > (1-wholeShare)*float64(s.Streams) {
			f.Setting, f.Note = fix.setting, fix.note
		} else {
			// The usage comes last, so that a stream that was cut has none.
			f.Severity, f.Note = Cosmetic, "so few are likely streams that ended early: clients that went away, time-outs"
		}
		add(f)
	}
	if s.Sampled > 0 && s.Calls > 0 {
		add(Finding{
			Severity: Cosmetic, Code: "sampled_by_sender",
			Message:   fmt.Sprintf("the sender records a share of its calls: %d stand for about %.0f. Totals are corrected by that; quantiles come from buckets; lists show only what was sent", s.Calls, s.Represented),
			MessageZH: fmt.Sprintf("发送端只记录一部分调用：%d 次约代表 %.0f 次。合计已据此修正；分位数来自分桶；列表只显示实际发送的", s.Calls, s.Represented),
			Setting:   "OTEL_TRACES_SAMPLER=parentbased_always_on",
			Note:      "with the sender's sampling off, pipeline.sampling can do it in Pitot: totals then stay exact, and errors and slow calls are always kept",
		})
	}
	if n := s.Spans[llm.KindLLM]; n > 0 {
		add(Finding{
			Severity: Cosmetic, Code: "counted_elsewhere",
			Message:   fmt.Sprintf("%d model calls of this sender are shown in traces but not counted, because another record counts the same call (the provider library's span, or the gateway)", n),
			MessageZH: fmt.Sprintf("该发送端的 %d 次模型调用显示在链路中但不计数，因为另一条记录（提供商库的 span 或网关）已经计了同一次调用", n),
		})
	}
	if s.Calls == 0 && s.Spans[llm.KindLLM] == 0 && !calling {
		fix := k.remedy(fixNoCalls)
		add(Finding{
			Severity: Missing, Code: "no_calls",
			Message:   "spans arrive but none is a model call: tokens and cost of this sender are unknown",
			MessageZH: "收到了 span，但没有一个是模型调用：该发送端的 token 数和成本未知",
			Setting:   cmp.Or(fix.setting, "instrument the provider's client library too, or send the calls through Pitot's gateway"), Note: fix.note,
		})
	}
	if s.Calls > 0 && !k.known {
		msg, msgZH := "these calls come from an instrumentation that Pitot does not know", "这些调用来自 Pitot 不认识的埋点库"
		if s.Dialect != "" {
			msg, msgZH = fmt.Sprintf("these calls come in the dialect %q, of which Pitot knows no settings", s.Dialect), fmt.Sprintf("这些调用使用方言 %q，Pitot 不知道它的设置", s.Dialect)
		}
		add(Finding{
			Severity: Cosmetic, Code: "unknown_dialect", Message: msg + ": compare a few with what was really sent", MessageZH: msgZH + "：请拿几次调用与实际发送的内容比对",
			Setting: "name attributes as OpenTelemetry's GenAI conventions do (gen_ai.*)",
		})
	}
	if k.warn != nil {
		out = append(out, k.warn(s)...)
	}
	return out
}

// doubles warns of services whose calls come in by two doors and are both
// counted: the same call cannot be recognised without a common trace.
func doubles(senders []Sender) []Finding {
	type doors struct{ gateway, telemetry, traceless int64 }
	by := map[string]*doors{}
	for i := range senders {
		s := &senders[i]
		if s.Service == "" || s.Calls == 0 {
			continue
		}
		d := by[s.Service]
		if d == nil {
			d = &doors{}
			by[s.Service] = d
		}
		if s.Source == llm.SourceGateway {
			d.gateway += s.Calls
			if c := s.Fields[fParent]; c.Have == 0 {
				d.traceless += s.Calls
			}
		} else {
			d.telemetry += s.Calls
		}
	}
	var out []Finding
	for _, service := range slices.Sorted(maps.Keys(by)) {
		d := by[service]
		if d.telemetry == 0 || d.gateway == 0 || d.traceless == 0 {
			continue
		}
		out = append(out, Finding{
			Severity: WrongNumbers, Code: "two_doors",
			MessageZH: fmt.Sprintf("服务 %s 以遥测发送 %d 次调用，又有 %d 次不带链路上下文经过网关：其中属于同一次调用、又没有共同响应 ID 的会被计两次", service, d.telemetry, d.gateway),
			Message:   fmt.Sprintf("service %s sends %d calls as telemetry and %d through the gateway without trace context: those that are the same call and have no common response id count twice", service, d.telemetry, d.gateway),
			Setting:   "let the HTTP client propagate W3C trace context (traceparent) to the gateway",
			Note:      "or turn one of the two off; another service name at the gateway (X-Pitot-Service) hides this warning but not the fact",
		})
	}
	return out
}

func histogramFinding(h Histogram) Finding {
	where, whereZH := "from "+cmp.Or(h.Service, "an unnamed service"), cmp.Or(h.Service, "未命名的服务")
	if h.Scope != "" {
		where, whereZH = where+" ("+h.Scope+")", whereZH+"（"+h.Scope+"）"
	}
	return Finding{
		Severity: WrongNumbers, Code: "useless_histogram", Field: h.Name,
		Message:   fmt.Sprintf("%s %s cannot tell latencies apart: %s", h.Name, where, cmp.Or(h.Reason, "its buckets are too wide")),
		MessageZH: fmt.Sprintf("%s 的 %s 无法区分延迟：分桶太宽", whereZH, h.Name),
		Setting:   cmp.Or(h.Advice, "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION=base2_exponential_bucket_histogram"),
		Note:      "llm_request_duration_seconds, which Pitot makes from the calls themselves, has good buckets",
	}
}

// sortFindings puts the worst first, and says in Chinese what is said by constants.
func sortFindings(f []Finding) {
	for i := range f {
		f[i].SettingZH, f[i].NoteZH = zh(f[i].Setting), zh(f[i].Note)
	}
	slices.SortStableFunc(f, func(a, b Finding) int { return cmp.Compare(a.Severity.rank(), b.Severity.rank()) })
}

// sentence makes text the start of a sentence.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
