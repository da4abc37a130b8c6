package dashboard

import (
	"net/url"
	"strings"
)

const apiPath = "/api/pitot/v1/"

// rangeParams are the range that is shown, in milliseconds.
const rangeParams = "start=${__from}&end=${__to}"

// choice is the reader's choice of calls as a LogsQL filter, escaped but for
// Grafana's placeholders. A variable of all values is .*, which matches absent
// fields too.
func choice() string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	one := func(field, variable string) string {
		return escape(field+":~`^(?:") + "${" + variable + ":regex}" + escape(")$`")
	}
	return one("service", "service") + escape(" ") + one("provider", "provider") +
		escape(" (") + one("request_model", "model") + escape(" or ") + one("response_model", "model") + escape(")")
}

// callsLink leads to the calls of the range and choice; more are parameters of
// the API.
func callsLink(title Text, more ...string) Link {
	params := append([]string{rangeParams, "query=" + choice()}, more...)
	return Link{Title: title, Path: apiPath + "calls?" + strings.Join(params, "&")}
}

// callsWhere leads to those of these calls for which a LogsQL filter holds too.
func callsWhere(title Text, filter string) Link {
	l := callsLink(title)
	l.Path += "%20" + url.QueryEscape(filter)
	return l
}

func linkSlowest() Link {
	return callsLink(Text{"The slowest of these calls", "其中最慢的调用"}, "order=slowest")
}

func linkFailed() Link {
	return callsLink(Text{"The calls that failed", "失败的调用"}, "status=error")
}

func linkCostliest() Link {
	return callsLink(Text{"The costliest of these calls", "其中费用最高的调用"}, "order=costliest")
}

// linkSeries leads to the calls of one series by a label that is also a
// parameter of the API.
func linkSeries(label string, more ...string) Link {
	params := append([]string{rangeParams, label + "=${__field.labels." + label + "}"}, more...)
	return Link{
		Title: Text{"Calls: ${__field.labels." + label + "}", "调用：${__field.labels." + label + "}"},
		Path:  apiPath + "calls?" + strings.Join(params, "&"), Series: true,
	}
}

// linkExplain leads to what changed in the range.
func linkExplain(metric string) Link {
	return Link{
		Title: Text{"What changed?", "发生了什么变化？"},
		Path:  apiPath + "explain?metric=" + metric + "&" + rangeParams + "&query=" + choice(),
	}
}

func linkCosts(by string) Link {
	return Link{
		Title: Text{"Costs in detail", "费用明细"},
		Path:  apiPath + "costs?by=" + by + "&" + rangeParams + "&query=" + choice(),
	}
}

func linkFeedback() Link {
	return Link{Title: Text{"The judgements", "反馈明细"}, Path: apiPath + "feedback?" + rangeParams}
}

func linkSLOs() Link {
	return Link{Title: Text{"State of the objectives", "目标状态"}, Path: apiPath + "slos"}
}

func linkBudgets() Link {
	return Link{Title: Text{"State of the budgets", "预算状态"}, Path: apiPath + "budgets"}
}

func linkStatus() Link {
	return Link{Title: Text{"Pitot's status", "Pitot 状态"}, Path: apiPath + "status"}
}

func linkLedger() Link {
	return Link{Title: Text{"The account of each source", "各来源账目"}, Path: apiPath + "ledger"}
}

func linkTrace() Link {
	return Link{Title: Text{"The trace at Pitot", "在 Pitot 中查看链路"}, Path: apiPath + "traces/${__value.raw}", Series: true}
}
