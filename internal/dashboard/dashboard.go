package dashboard

// Text is a text in the languages that there are.
type Text struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// In returns the text in a language: LangZH, or English.
func (t Text) In(lang string) string {
	if lang == LangZH {
		return t.ZH
	}
	return t.EN
}

// The languages of a Text.
const (
	LangEN = "en"
	LangZH = "zh"
)

// Role is who a dashboard is for.
type Role string

// The roles. Each has a dashboard of its own besides those that it is named in.
const (
	OnCall    Role = "on-call"
	Developer Role = "developer"
	Finance   Role = "finance"
	Product   Role = "product"
)

// Dashboard is a page of panels.
type Dashboard struct {
	// ID is stable; it is part of addresses and of file names.
	ID string `json:"id"`
	// UID is the id in Grafana.
	UID         string     `json:"uid"`
	Title       Text       `json:"title"`
	Description Text       `json:"description"`
	Roles       []Role     `json:"roles"`
	From        string     `json:"from"`    // the range that is shown at first: now-1h
	Refresh     string     `json:"refresh"` // 30s
	Variables   []Variable `json:"variables"`
	Rows        []Row      `json:"rows"`
}

// Row is a group of panels under a title.
type Row struct {
	Title  Text    `json:"title"`
	Panels []Panel `json:"panels"`
}

// Kind is how a panel is drawn.
type Kind string

// The kinds of panels.
const (
	Timeseries Kind = "timeseries"
	Stat       Kind = "stat" // one value, large
	Table      Kind = "table"
	Heatmap    Kind = "heatmap" // of a histogram's buckets over time
	Bar        Kind = "bar"     // one bar a series
	Traces     Kind = "traces"  // a list of traces; Trace is set
	TextPanel  Kind = "text"    // Content is set
)

// Unit is what a value is measured in.
type Unit string

// The units.
const (
	Count          Unit = "count"
	PerSecond      Unit = "per_second"
	RequestsPerSec Unit = "requests_per_second"
	TokensPerSec   Unit = "tokens_per_second"
	Tokens         Unit = "tokens"
	Seconds        Unit = "seconds"
	Ratio          Unit = "ratio"   // 0 to 1
	Percent        Unit = "percent" // 0 to 100
	USD            Unit = "usd"
	Bytes          Unit = "bytes"
	Watts          Unit = "watts"
	Celsius        Unit = "celsius"
)

// Panel is one chart.
type Panel struct {
	ID          string `json:"id"` // unique within a dashboard
	Kind        Kind   `json:"kind"`
	Title       Text   `json:"title"`
	Description Text   `json:"description"`
	Unit        Unit   `json:"unit,omitempty"`
	Width       int    `json:"width"`  // of 24
	Height      int    `json:"height"` // in rows of about 30 pixels
	Stacked     bool   `json:"stacked,omitempty"`
	// Base is the level below the first threshold.
	Base       Level       `json:"base,omitempty"`
	Thresholds []Threshold `json:"thresholds,omitempty"` // ascending
	Targets    []Target    `json:"targets,omitempty"`
	Trace      *TraceQuery `json:"trace,omitempty"`
	Content    *Text       `json:"content,omitempty"` // Markdown
	// GrafanaContent is what stands in a Grafana instead, where the same is done in
	// another way.
	GrafanaContent *Text  `json:"-"`
	Links          []Link `json:"links,omitempty"`
}

// Target is a query of a panel.
type Target struct {
	Ref    string `json:"ref"` // A, B, ...
	Expr   string `json:"expr"`
	Legend Text   `json:"legend"` // {{label}} is replaced; a column's title in a table
	// Instant targets are evaluated at the end of the range only.
	Instant bool `json:"instant,omitempty"`
	// Exemplars says that exemplars of the series are shown.
	Exemplars bool `json:"exemplars,omitempty"`
	// Unit of a column where it differs from the panel's.
	Unit Unit `json:"unit,omitempty"`
}

// TraceQuery selects traces in Jaeger's terms.
type TraceQuery struct {
	Service string            `json:"service"`
	Tags    map[string]string `json:"tags,omitempty"`
	Limit   int               `json:"limit"`
}

// Level is how good a value is.
type Level string

// The levels.
const (
	OK       Level = "ok"
	Warning  Level = "warning"
	Critical Level = "critical"
)

// Threshold is where a level begins.
type Threshold struct {
	Value float64 `json:"value"`
	Level Level   `json:"level"`
}

// Link leads from a panel to what is behind it.
type Link struct {
	Title Text `json:"title"`
	// Path is an address at Pitot with Grafana's placeholders: ${__from} and
	// ${__to} in milliseconds, ${model:regex}, ${__field.labels.model}.
	Path string `json:"path"`
	// Series says that the link is that of one series, and not of the panel.
	Series bool `json:"series,omitempty"`
}

// Dashboards returns all dashboards, the general ones first and then one for
// each role.
func Dashboards() []Dashboard {
	general := []Dashboard{
		overview(), performance(), agents(), models(), cost(), experience(), infrastructure(), objectives(),
	}
	return append(general, roles(general)...)
}
