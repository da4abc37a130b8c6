package slo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// maxDocuments bounds the documents of an OpenSLO file.
const maxDocuments = 2000

// openDoc is a document of openslo/v1 or openslo/v1alpha, of any kind.
type openDoc struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name        string               `yaml:"name"`
		DisplayName string               `yaml:"displayName"`
		Labels      map[string]yaml.Node `yaml:"labels"`
	} `yaml:"metadata"`
	Spec yaml.Node `yaml:"spec"`
}

type openSLO struct {
	Description     string          `yaml:"description"`
	Service         string          `yaml:"service"`
	Indicator       *openIndicator  `yaml:"indicator"`
	IndicatorRef    string          `yaml:"indicatorRef"`
	TimeWindow      []openWindow    `yaml:"timeWindow"`  // v1
	TimeWindows     []openWindow    `yaml:"timeWindows"` // v1alpha
	BudgetingMethod string          `yaml:"budgetingMethod"`
	Objectives      []openObjective `yaml:"objectives"`
}

type openIndicator struct {
	Spec      openSLI    `yaml:"spec"`            // v1
	Threshold *openQuery `yaml:"thresholdMetric"` // v1alpha
}

type openSLI struct {
	Threshold *openQuery `yaml:"thresholdMetric"`
	Ratio     *openRatio `yaml:"ratioMetric"`
}

type openRatio struct {
	Counter     *bool      `yaml:"counter"`
	Incremental *bool      `yaml:"incremental"` // v1alpha
	Good        *openQuery `yaml:"good"`
	Bad         *openQuery `yaml:"bad"`
	Total       *openQuery `yaml:"total"`
	Raw         *openQuery `yaml:"raw"`
	RawType     string     `yaml:"rawType"`
}

type openQuery struct {
	MetricSource struct {
		Ref  string         `yaml:"metricSourceRef"`
		Type string         `yaml:"type"`
		Spec map[string]any `yaml:"spec"`
	} `yaml:"metricSource"`
	Source    string `yaml:"source"`    // v1alpha
	QueryType string `yaml:"queryType"` // v1alpha
	Query     string `yaml:"query"`     // v1alpha
}

type openWindow struct {
	Duration  string    `yaml:"duration"`  // v1
	Unit      string    `yaml:"unit"`      // v1alpha
	Count     int       `yaml:"count"`     // v1alpha
	IsRolling bool      `yaml:"isRolling"` //
	Calendar  yaml.Node `yaml:"calendar"`
}

type openObjective struct {
	DisplayName   string         `yaml:"displayName"`
	Op            string         `yaml:"op"`
	Value         *float64       `yaml:"value"`
	Target        float64        `yaml:"target"`
	TargetPercent float64        `yaml:"targetPercent"`
	Indicator     *openIndicator `yaml:"indicator"`
	IndicatorRef  string         `yaml:"indicatorRef"`
	Ratio         *openRatio     `yaml:"ratioMetrics"` // v1alpha
}

// openFile is what the documents of one file refer to by name.
type openFile struct {
	slis    map[string]openSLI
	sources map[string]string // type of each DataSource
}

// ParseOpenSLO reads the objectives of an OpenSLO file, version v1 or v1alpha,
// which may have many documents. What it cannot read it names in the error; the
// other objectives are returned nevertheless. Alert policies, conditions and
// notification targets are left alone: alerts are burn-rate alerts.
func ParseOpenSLO(text []byte) ([]SLO, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("%d bytes: at most %d", len(text), maxText)
	}
	docs, err := readDocs(text)
	errs := []error{err}
	f := openFile{slis: map[string]openSLI{}, sources: map[string]string{}}
	for _, d := range docs {
		if err := f.index(d); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", d.Kind, d.Metadata.Name, err))
		}
	}
	var out []SLO
	for _, d := range docs {
		if d.Kind != "SLO" {
			continue
		}
		slos, err := f.slos(d)
		if err != nil {
			errs = append(errs, fmt.Errorf("SLO %s: %w", d.Metadata.Name, err))
		}
		out = append(out, slos...)
	}
	return out, errors.Join(errs...)
}

func readDocs(text []byte) ([]openDoc, error) {
	var docs []openDoc
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for range maxDocuments {
		var d openDoc
		switch err := dec.Decode(&d); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return docs, fmt.Errorf("document %d: %s", len(docs)+1, decodeMessage(err))
		case d.APIVersion == "" && d.Kind == "":
			continue // between two ---
		case d.APIVersion != "openslo/v1" && d.APIVersion != "openslo/v1alpha":
			return docs, fmt.Errorf("document %d: apiVersion %q: openslo/v1 and openslo/v1alpha are read", len(docs)+1, d.APIVersion)
		}
		docs = append(docs, d)
	}
	return docs, fmt.Errorf("more than %d documents", maxDocuments)
}

// index keeps what others refer to.
func (f *openFile) index(d openDoc) error {
	switch d.Kind {
	case "SLI":
		var s openSLI
		if err := d.Spec.Decode(&s); err != nil {
			return errors.New(decodeMessage(err))
		}
		f.slis[d.Metadata.Name] = s
	case "DataSource":
		var s struct {
			Type string `yaml:"type"`
		}
		if err := d.Spec.Decode(&s); err != nil {
			return errors.New(decodeMessage(err))
		}
		f.sources[d.Metadata.Name] = s.Type
	}
	return nil
}

var notInName = regexp.MustCompile(`[^a-z0-9._-]+`)

// slos makes one objective of each in the document.
func (f *openFile) slos(d openDoc) ([]SLO, error) {
	var o openSLO
	if err := d.Spec.Decode(&o); err != nil {
		return nil, errors.New(decodeMessage(err))
	}
	if m := o.BudgetingMethod; m != "" && m != "Occurrences" {
		return nil, fmt.Errorf("budgetingMethod %s: only Occurrences is supported", m)
	}
	w, err := openWindowOf(append(o.TimeWindow, o.TimeWindows...))
	if err != nil {
		return nil, err
	}
	if len(o.Objectives) == 0 {
		return nil, errors.New("has no objectives")
	}
	var out []SLO
	var errs []error
	for i, obj := range o.Objectives {
		s := SLO{
			Name: d.Metadata.Name, Description: strings.TrimSpace(o.Description), Window: w,
			Objective: Percent(cmp.Or(obj.TargetPercent, roundTo(obj.Target*100))), Labels: d.labels(),
		}
		if o.Service != "" {
			s.Labels["service"] = o.Service
		}
		if len(o.Objectives) > 1 {
			suffix := strings.Trim(notInName.ReplaceAllString(strings.ToLower(obj.DisplayName), "-"), "-.")
			s.Name += "-" + cmp.Or(suffix, strconv.Itoa(i+1))
		}
		s.SLI, err = f.sli(o, obj)
		if err == nil {
			err = (Config{SLOs: []SLO{s}}).Validate()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("objective %d: %w", i+1, err))
			continue
		}
		out = append(out, s)
	}
	return out, errors.Join(errs...)
}

// labels are those of the metadata that can be labels of series: v1 allows
// lists, of which the first value is taken.
func (d *openDoc) labels() map[string]string {
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(d.Metadata.Labels)) {
		n := d.Metadata.Labels[name]
		if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
			n = *n.Content[0]
		}
		if n.Kind == yaml.ScalarNode && model.LegacyValidation.IsValidLabelName(name) && !slices.Contains(reservedLabels, name) {
			out[name] = n.Value
		}
	}
	return out
}

func openWindowOf(all []openWindow) (Window, error) {
	if len(all) == 0 {
		return Window{Length: month}, nil
	}
	if len(all) > 1 {
		return Window{}, errors.New("timeWindow: more than one: write one")
	}
	w := all[0]
	if w.Unit != "" {
		unit := map[string]string{"day": "d", "week": "w", "month": "M", "hour": "h"}[strings.ToLower(w.Unit)]
		if unit == "" {
			return Window{}, fmt.Errorf("timeWindows: unit %s: use Day, Week or Month", w.Unit)
		}
		w.Duration = strconv.Itoa(max(w.Count, 1)) + unit
	}
	if w.IsRolling {
		return ParseWindow(strings.Replace(w.Duration, "1M", "30d", 1))
	}
	if w.Duration != "1M" {
		return Window{}, fmt.Errorf("timeWindow: %s of the calendar: only 1M is supported, or isRolling: true", w.Duration)
	}
	var c struct {
		TimeZone string `yaml:"timeZone"`
	}
	if w.Calendar.Kind != 0 {
		if err := w.Calendar.Decode(&c); err != nil {
			return Window{}, fmt.Errorf("timeWindow: calendar: %s", decodeMessage(err))
		}
	}
	if c.TimeZone != "" && c.TimeZone != "UTC" && c.TimeZone != "Etc/UTC" {
		return Window{}, fmt.Errorf("timeWindow: time zone %s: months are counted in UTC; write that or isRolling: true", c.TimeZone)
	}
	return Window{Length: month, Calendar: true}, nil
}

// sli finds the indicator of an objective: its own, the document's, or that of
// an SLI document.
func (f *openFile) sli(o openSLO, obj openObjective) (SLI, error) {
	if obj.Ratio != nil {
		return f.ratio(obj.Ratio)
	}
	ind, ref := o.Indicator, o.IndicatorRef
	if obj.Indicator != nil || obj.IndicatorRef != "" {
		ind, ref = obj.Indicator, obj.IndicatorRef
	}
	var s openSLI
	switch {
	case ref != "":
		var ok bool
		if s, ok = f.slis[ref]; !ok {
			return SLI{}, fmt.Errorf("indicatorRef %s: no SLI of this name in the file", ref)
		}
	case ind != nil:
		if s = ind.Spec; ind.Threshold != nil {
			s.Threshold = ind.Threshold
		}
	}
	switch {
	case s.Ratio != nil:
		return f.ratio(s.Ratio)
	case s.Threshold != nil:
		return f.threshold(s.Threshold, obj)
	default:
		return SLI{}, errors.New("has no indicator: write ratioMetric or thresholdMetric")
	}
}

func (f *openFile) ratio(r *openRatio) (SLI, error) {
	counter := r.Counter != nil && *r.Counter || r.Incremental != nil && *r.Incremental
	if r.Raw != nil {
		q, err := f.query("raw", r.Raw)
		if err != nil {
			return SLI{}, err
		}
		switch strings.ToLower(r.RawType) {
		case "failure":
			return SLI{ErrorRatio: q}, nil
		case "success", "":
			return SLI{ErrorRatio: "1 - (" + q + ")"}, nil
		default:
			return SLI{}, fmt.Errorf("rawType %s: must be success or failure", r.RawType)
		}
	}
	if r.Total == nil || (r.Good == nil) == (r.Bad == nil) {
		return SLI{}, errors.New("ratioMetric: write total, and either good or bad")
	}
	e := &Events{gauge: !counter}
	var err, more error
	e.Total, err = f.query("total", r.Total)
	if r.Good != nil {
		e.Good, more = f.query("good", r.Good)
	} else {
		e.Errors, more = f.query("bad", r.Bad)
	}
	return SLI{Events: e}, errors.Join(err, more)
}

// threshold counts the share of the time in which a value is not as the
// objective wants it.
func (f *openFile) threshold(t *openQuery, obj openObjective) (SLI, error) {
	q, err := f.query("thresholdMetric", t)
	if err != nil {
		return SLI{}, err
	}
	op := map[string]string{"lte": ">", "lt": ">=", "gte": "<", "gt": "<="}[strings.ToLower(obj.Op)]
	if op == "" || obj.Value == nil {
		return SLI{}, errors.New("thresholdMetric: the objective needs op (lte, lt, gte, gt) and value")
	}
	return SLI{ErrorRatio: fmt.Sprintf("avg((%s) %s bool %s)", q, op, num(*obj.Value))}, nil
}

// query is the PromQL of a metric source.
func (f *openFile) query(field string, q *openQuery) (string, error) {
	typ := cmp.Or(q.MetricSource.Type, f.sources[q.MetricSource.Ref], q.QueryType)
	switch strings.ToLower(typ) {
	case "", "prometheus", "promql", "thanos", "cortex", "mimir", "victoriametrics", "amp":
	default:
		return "", fmt.Errorf("%s: a metric source of type %s: only Prometheus is supported", field, typ)
	}
	text := q.Query
	for _, key := range []string{"query", "promql"} {
		if v, ok := q.MetricSource.Spec[key].(string); ok && text == "" {
			text = v
		}
	}
	if strings.TrimSpace(text) == "" {
		return "", fmt.Errorf("%s: has no query", field)
	}
	return strings.TrimSpace(text), nil
}
