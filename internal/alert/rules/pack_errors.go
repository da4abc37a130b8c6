package rules

// errorsPack watches the share of failed calls. The ratio is summed without
// the label status on both sides: unsummed, each error series would be divided
// by itself. It is 0, and not absent, while there are no errors.
func errorsPack() *pack {
	return &pack{
		name: "errors", doc: "failed calls.",
		params: []param{
			{"error_ratio", 0.05, unitRatio, "HighErrorRate, major: share of failed calls."},
			{"error_ratio_for", 120, unitDuration, "HighErrorRate, major: how long."},
			{"error_ratio_minor", 0.01, unitRatio, "HighErrorRate, minor: share of failed calls."},
			{"error_ratio_minor_for", 600, unitDuration, "HighErrorRate, minor: how long."},
			{"spike_ratio", 0.10, unitRatio, "ErrorSpike: share of failed calls of the last 5 minutes."},
			{"min_requests", 20, unitNumber, "HighErrorRate: calls in 5 minutes below which it is silent."},
			{"spike_min_requests", 5, unitNumber, "ErrorSpike: calls in 5 minutes below which it is silent."},
		},
		groups: func(values) []groupText {
			return []groupText{{Name: "errors", Rules: append(errorRecords(), errorAlerts()...)}}
		},
	}
}

const (
	recRequests   = "llm:requests:rate5m"
	recErrors     = "llm:request_errors:rate5m"
	recErrorRatio = "llm:request_errors:ratio_rate5m"
)

func errorRecords() []ruleText {
	return []ruleText{
		{Record: recRequests, Expr: "sum without (status) (rate(llm_requests_total[5m]))"},
		{Record: recErrors, Expr: "sum without (status) (rate(llm_requests_total{status=\"error\"}[5m]))\nor\n" + recRequests + " * 0"},
		{Record: recErrorRatio, Expr: recErrors + " / (" + recRequests + " > 0)"},
	}
}

// errorShare is the share of failed calls of a model of a service.
const errorShare = `sum by (` + byCall + `) (` + recErrors + `)
/
(sum by (` + byCall + `) (` + recRequests + `) > 0)`

// enoughCalls keeps what has so many calls in 5 minutes.
func enoughCalls(param string) string {
	return "\nand on (" + byCall + ")\nsum by (" + byCall + ") (" + recRequests + ") * 300 >= <" + param + ">"
}

func errorAlerts() []ruleText {
	errorCalls := []string{"status=error"}
	return []ruleText{
		alertDef{
			name: "HighErrorRate", level: major, severity: critical, hold: "<error_ratio_for>", calls: errorCalls,
			expr:          "(\n" + errorShare + "\n) > <error_ratio>" + enoughCalls("min_requests"),
			summary:       "{{ $value | humanizePercentage }} of the calls of " + subject + " fail",
			summaryZH:     subjectZH + " 有 {{ $value | humanizePercentage }} 的调用失败",
			description:   "The share of failed calls has been above <error_ratio!> for <error_ratio_for!>; it is {{ $value | humanizePercentage }} now. Look at the error types first: 429 is a limit of the provider, 401 and 403 a key, 5xx and timeouts the provider or the network.",
			descriptionZH: "失败调用的占比已连续 <error_ratio_for!> 高于 <error_ratio!>，当前为 {{ $value | humanizePercentage }}。请先看错误类型：429 是供应商限流，401、403 是密钥问题，5xx 和超时是供应商或网络问题。",
		}.rule(),
		alertDef{
			name: "HighErrorRate", level: minor, severity: critical, hold: "<error_ratio_minor_for>", calls: errorCalls,
			expr:          "(\n" + errorShare + "\n) > <error_ratio_minor>" + enoughCalls("min_requests"),
			summary:       "{{ $value | humanizePercentage }} of the calls of " + subject + " fail, and have for <error_ratio_minor_for!>",
			summaryZH:     subjectZH + " 持续 <error_ratio_minor_for!> 有 {{ $value | humanizePercentage }} 的调用失败",
			description:   "The share of failed calls has been above <error_ratio_minor!> for <error_ratio_minor_for!>; it is {{ $value | humanizePercentage }} now. A low share that stays is often one user, one feature or one kind of request: group the failed calls by these.",
			descriptionZH: "失败调用的占比已连续 <error_ratio_minor_for!> 高于 <error_ratio_minor!>，当前为 {{ $value | humanizePercentage }}。长期存在的低占比往往来自某个用户、某个功能或某类请求：请按这些维度对失败调用分组。",
		}.rule(),
		alertDef{
			name: "ErrorSpike", severity: critical, calls: errorCalls,
			expr:          "(\n" + errorShare + "\n) > <spike_ratio>" + enoughCalls("spike_min_requests"),
			summary:       "Errors of " + subject + " spike: {{ $value | humanizePercentage }} in 5 minutes",
			summaryZH:     subjectZH + " 错误激增：5 分钟内 {{ $value | humanizePercentage }}",
			description:   "{{ $value | humanizePercentage }} of the calls of the last 5 minutes failed, more than <spike_ratio!>. Look at when it began and what was deployed or changed then, and at the error types.",
			descriptionZH: "最近 5 分钟内 {{ $value | humanizePercentage }} 的调用失败，超过 <spike_ratio!>。请查看开始时间、当时的发布或变更，以及错误类型。",
		}.rule(),
	}
}
