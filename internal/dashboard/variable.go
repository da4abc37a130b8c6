package dashboard

// VariableKind is what a variable chooses from.
type VariableKind string

// The kinds of variables.
const (
	VarLabel      VariableKind = "label"      // the values of a label
	VarDatasource VariableKind = "datasource" // Grafana's data sources of a type
	VarCustom     VariableKind = "custom"     // a list
	VarText       VariableKind = "text"       // what is written
)

// Variable is a choice that the reader makes for all panels of a dashboard.
type Variable struct {
	Name  string       `json:"name"` // $name in queries
	Kind  VariableKind `json:"kind"`
	Label Text         `json:"label"`
	// Selector and From say whose values a VarLabel offers: those of the label
	// From of the series that match. It may refer to other variables.
	Selector string `json:"selector,omitempty"`
	From     string `json:"from,omitempty"`
	// Type is that of a data source.
	Type string `json:"type,omitempty"`
	// Values are those of a list.
	Values  []string `json:"values,omitempty"`
	Default string   `json:"default,omitempty"`
	// Multi says that several values, or all, can be chosen: they are put into
	// expressions as a regular expression.
	Multi  bool `json:"multi,omitempty"`
	Hidden bool `json:"hidden,omitempty"`
}

// defaultInterval keeps a rate over at least a minute: four times this.
const defaultInterval = "15s"

func labelVariable(name string, label Text, selector string) Variable {
	return Variable{Name: name, Kind: VarLabel, Label: label, Selector: selector, From: name, Multi: true}
}

func varDatasource() Variable {
	return Variable{Name: "datasource", Kind: VarDatasource, Label: Text{"Metrics", "指标数据源"}, Type: "prometheus", Default: MetricsUID}
}

func varTraces() Variable {
	return Variable{Name: "traces", Kind: VarDatasource, Label: Text{"Traces", "链路数据源"}, Type: "jaeger", Default: TracesUID}
}

// varInterval is the narrowest step of charts. Rates look back over at least
// four of them.
func varInterval() Variable {
	return Variable{
		Name: "interval", Kind: VarCustom, Label: Text{"Resolution", "分辨率"}, Default: defaultInterval,
		Values: []string{defaultInterval, "30s", "1m", "5m", "15m", "1h"},
	}
}

// varPitot is where links lead. It is hidden; var-pitot in the address sets it.
func varPitot() Variable {
	return Variable{Name: "pitot", Kind: VarText, Label: Text{"Pitot's address", "Pitot 地址"}, Default: DefaultURL, Hidden: true}
}

func varSLO() Variable {
	return labelVariable("slo", Text{"Objective", "目标"}, "slo:objective:ratio")
}

func varServer() Variable {
	return labelVariable("server", Text{"Model server", "模型服务器"}, serverSeries)
}

func varGPU() Variable {
	return labelVariable("gpu_id", Text{"GPU", "GPU"}, "llm_gpu_utilization_percent")
}

func varInstance() Variable {
	return labelVariable("instance", Text{"Pitot", "Pitot 实例"}, "pitot_queue_records")
}

func varProduct() Variable {
	return labelVariable("product", Text{"Coding agent", "编程智能体"}, `{__name__=~"llm_agent_cli_.+"}`)
}

// varTraceService is one service: Jaeger's search takes no more.
func varTraceService() Variable {
	return Variable{
		Name: "trace_service", Kind: VarLabel, Label: Text{"Service of the traces", "链路所属服务"},
		Selector: "llm_requests_total", From: "service",
	}
}

// serverSeries are those of all model servers: no family is there for each.
const serverSeries = `{__name__=~"llm_server_.+"}`

// withCalls are the variables of a dashboard about Calls, and then more.
func withCalls(more ...Variable) []Variable {
	calls := []Variable{
		varDatasource(),
		labelVariable("service", Text{"Service", "服务"}, "llm_requests_total"),
		labelVariable("provider", Text{"Provider", "供应商"}, `llm_requests_total{service=~"$service"}`),
		labelVariable("model", Text{"Model", "模型"}, `llm_requests_total{service=~"$service", provider=~"$provider"}`),
	}
	return append(append(calls, more...), varInterval(), varPitot())
}
