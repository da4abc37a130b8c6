package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/breakdown"
	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/explain"
	"github.com/pitot-dev/pitot/internal/llm"
)

// document loads the OpenAPI document once for all tests.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	b, err := files.ReadFile("openapi.yaml")
	if err != nil {
		return nil, err
	}
	return openapi3.NewLoader().LoadFromData(b)
})

func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// operationOf finds the operation of the document that serves a path; nil where
// it has none, as for the foreign APIs.
func operationOf(doc *openapi3.T, method, path string) *openapi3.Operation {
	var found *openapi3.Operation
	best := -1
	for template, item := range doc.Paths.Map() {
		literal := 0
		want, got := strings.Split(template, "/"), strings.Split(path, "/")
		if len(want) != len(got) {
			continue
		}
		for i, s := range want {
			switch {
			case strings.HasPrefix(s, "{"):
			case s == got[i]:
				literal++
			default:
				literal = -len(want) * 2
			}
		}
		if literal > best {
			best, found = literal, item.GetOperation(method)
		}
	}
	return found
}

// conforms checks an answer against the document.
func conforms(t *testing.T, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	op := operationOf(loadDocument(t), r.Method, r.URL.Path)
	if op == nil {
		return
	}
	if err := conformance(op, w.Code, w.Header().Get("Content-Type"), w.Body.Bytes()); err != nil {
		t.Errorf("%s %s: the answer is not what openapi.yaml says: %v\n%s", r.Method, r.URL, err, w.Body)
	}
}

func conformance(op *openapi3.Operation, status int, contentType string, body []byte) error {
	resp := op.Responses.Status(status)
	if resp == nil {
		resp = op.Responses.Default()
	}
	if resp == nil {
		return fmt.Errorf("status %d is not in the document", status)
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("content type %q: %w", contentType, err)
	}
	content := resp.Value.Content[media]
	if content == nil {
		return fmt.Errorf("content type %s is not in the document", media)
	}
	if media != "application/json" {
		return nil
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	return content.Schema.Value.VisitJSON(v, openapi3.MultiErrors())
}

func TestOpenAPIIsValid(t *testing.T) {
	doc := loadDocument(t)
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" || seen[op.OperationID] || op.Summary == "" || len(op.Tags) != 1 {
				t.Errorf("%s %s: no summary, no tag, or no operationId of its own (%q)", method, path, op.OperationID)
			}
			seen[op.OperationID] = true
			for _, p := range op.Parameters {
				if p.Value.Description == "" && p.Value.Schema.Value.Enum == nil && p.Value.Schema.Value.Max == nil {
					t.Errorf("%s %s: parameter %s has no description", method, path, p.Value.Name)
				}
			}
		}
	}
}

// TestOpenAPIIsServed reads the document as a client does.
func TestOpenAPIIsServed(t *testing.T) {
	w := wantOK(t, newAPI(t).get("/api/pitot/v1/openapi.yaml"))
	if _, err := openapi3.NewLoader().LoadFromData(w.Body.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// TestOpenAPIEndpoints compares the paths of the document with those of the mux.
func TestOpenAPIEndpoints(t *testing.T) {
	doc := loadDocument(t)
	s := &server{Options: newAPI(t).opts, mux: http.NewServeMux()}
	s.routes()
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			_, pattern := s.mux.Handler(httptest.NewRequest(method, strings.NewReplacer("{id}", callID, "{name}", "p", "{receiver}", "r").Replace(path), http.NoBody))
			if pattern != method+" "+path {
				t.Errorf("%s %s is in the document and is served by the pattern %q", method, path, pattern)
			}
		}
	}
	for path := range s.endpoints() {
		if doc.Paths.Value(base+path) == nil {
			t.Errorf("%s is served and not in the document", base+path)
		}
	}
}

// tryPath is an address of an operation whose path parameters are good.
func tryPath(path string) string {
	if strings.Contains(path, "/traces/") {
		return strings.ReplaceAll(path, "{id}", traceID)
	}
	return strings.ReplaceAll(path, "{id}", callID)
}

// TestOpenAPIParameters asks each operation which parameters it reads, and
// compares with the document. Then it tries the bounds that the document gives.
func TestOpenAPIParameters(t *testing.T) {
	doc := loadDocument(t)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Tags[0] == "state" && !slices.Contains([]string{"/status", "/ledger", "/config", "/setup", "/doctor"}, strings.TrimPrefix(path, base)) {
				continue // those that tools probe take anything
			}
			t.Run(method+path, func(t *testing.T) {
				a := newAPI(t, func(o *Options) {
					o.Live = func(int) (<-chan *llm.Call, func()) { return oneCall() }
					o.Explain = func(_ context.Context, req explain.Request) (*explain.Explanation, error) {
						return &explain.Explanation{Metric: req.Metric, Causes: []explain.Cause{}, Notes: []string{}, Exemplars: []explain.Exemplar{}}, nil
					}
				})
				a.events.full()
				ask := func(query string) *httptest.ResponseRecorder {
					return a.do(httptest.NewRequest(method, tryPath(path)+"?"+query, strings.NewReader(`{"call_id":"`+callID+`","score":1}`)))
				}
				if w := ask("no_such_parameter=1"); w.Code != http.StatusBadRequest {
					t.Fatalf("an unknown parameter: %d %s", w.Code, w.Body)
				} else if diff := cmp.Diff(documented(op), readBy(t, w)); diff != "" {
					t.Errorf("parameters (-in the document +read by the handler):\n%s", diff)
				}
				if w := ask(neededParams(path)); w.Code != http.StatusOK {
					t.Errorf("without parameters: %d %s", w.Code, w.Body)
				}
				for _, p := range op.Parameters {
					if p.Value.In == "query" {
						tryBounds(t, p.Value, ask)
					}
				}
			})
		}
	}
}

// neededParams are those without which an operation has nothing to answer.
func neededParams(path string) string {
	if path == base+"/prices/explain" {
		return "model=gpt-4o"
	}
	return ""
}

func documented(op *openapi3.Operation) []string {
	names := []string{}
	for _, p := range op.Parameters {
		if p.Value.In == "query" {
			names = append(names, p.Value.Name)
		}
	}
	slices.Sort(names)
	return names
}

// readBy takes the parameters that a handler reads from its own hint.
func readBy(t *testing.T, w *httptest.ResponseRecorder) []string {
	t.Helper()
	body := decode[struct {
		Error  Error
		Detail string
	}](t, w.Body.Bytes())
	_, list, ok := strings.Cut(body.Error.Hint+strings.TrimSuffix(body.Detail, ")"), "allowed: ")
	if !ok {
		t.Fatalf("no hint: %s", w.Body)
	}
	names := []string{}
	if list != "no parameters" {
		names = strings.Split(list, ", ")
	}
	slices.Sort(names)
	return names
}

func tryBounds(t *testing.T, p *openapi3.Parameter, ask func(string) *httptest.ResponseRecorder) {
	t.Helper()
	try := func(value string, want int) {
		t.Helper()
		if w := ask(p.Name + "=" + value); w.Code != want {
			t.Errorf("%s=%s: %d, want %d: %s", p.Name, value, w.Code, want, w.Body)
		}
	}
	s := p.Schema.Value
	for _, v := range s.Enum {
		try(fmt.Sprint(v), http.StatusOK)
	}
	if len(s.Enum) > 0 {
		try("neither", http.StatusBadRequest)
	}
	if s.Type.Is("integer") {
		if s.Min == nil || s.Max == nil || s.Default == nil {
			t.Fatalf("%s: an integer without minimum, maximum or default", p.Name)
		}
		try(strconv.Itoa(int(*s.Min)), http.StatusOK)
		try(strconv.Itoa(int(*s.Max)), http.StatusOK)
		try(strconv.Itoa(int(*s.Min)-1), http.StatusBadRequest)
		try(strconv.Itoa(int(*s.Max)+1), http.StatusBadRequest)
		try("1.5", http.StatusBadRequest)
		try("1e1", http.StatusBadRequest)
	}
	if w := ask(p.Name + "=a&" + p.Name + "=b"); w.Code != http.StatusBadRequest {
		t.Errorf("%s given twice: %d, want %d", p.Name, w.Code, http.StatusBadRequest)
	}
}

// TestOpenAPIDimensions compares the dimensions that the document names with
// those that the store has.
func TestOpenAPIDimensions(t *testing.T) {
	for _, p := range loadDocument(t).Paths.Value(base + "/costs").Get.Parameters {
		if p.Value.Name != "by" {
			continue
		}
		_, list, _ := strings.Cut(strings.TrimSuffix(p.Value.Description, "."), ": ")
		if diff := cmp.Diff(strings.Join(append(events.GroupFields(), tagParam), ", "), reorder(list, events.GroupFields())); diff != "" {
			t.Errorf("by of costs in openapi.yaml (-store +document):\n%s", diff)
		}
		return
	}
	t.Fatal("costs has no parameter by")
}

// reorder puts the words of a list into the order of another.
func reorder(list string, order []string) string {
	words := strings.Split(list, ", ")
	slices.SortStableFunc(words, func(a, b string) int {
		at := func(w string) int {
			if i := slices.Index(order, w); i >= 0 {
				return i
			}
			return len(order)
		}
		return at(a) - at(b)
	})
	return strings.Join(words, ", ")
}

// TestOpenAPISchemasAreComplete compares the properties of each schema with the
// fields of the type behind it: additionalProperties is false, so a field more
// breaks strict clients, and one less misleads readers.
func TestOpenAPISchemasAreComplete(t *testing.T) {
	doc := loadDocument(t)
	withFeedback := callDetail{fullCall(), []events.Feedback{*fullFeedback()}, true}
	for name, want := range map[string][]string{
		"Call":          slices.Sorted(slices.Values(append(keysOf(t, withFeedback), "tenant"))),
		"Span":          slices.Sorted(slices.Values(append(keysOf(t, fullSpan()), "tenant"))),
		"Usage":         fieldsOf(llm.Usage{}),
		"Cost":          fieldsOf(llm.Cost{}),
		"Message":       fieldsOf(llm.Message{}),
		"Facet":         fieldsOf(events.Facet{}),
		"FacetValue":    fieldsOf(events.FacetValue{}),
		"Totals":        fieldsOf(events.Totals{}),
		"Distribution":  fieldsOf(events.Distribution{}),
		"Summary":       fieldsOf(events.Summary{}),
		"Timeline":      fieldsOf(events.Timeline{}),
		"ModelStat":     fieldsOf(events.ModelStat{}),
		"TraceSummary":  fieldsOf(TraceSummary{}),
		"SessionStat":   fieldsOf(events.SessionStat{}),
		"SessionCall":   keysOf(t, sessionCall{fullTurn()}),
		"Sample":        fieldsOf(events.Sample{}),
		"SampleColumns": fieldsOf(events.SampleColumns{}),
		"Coded":         fieldsOf(events.Coded{}),
		"Comparison":    fieldsOf(events.Comparison{}),
		"ComparedGroup": fieldsOf(events.ComparedGroup{}),
		"Interval":      fieldsOf(events.Interval{}),
		"Versus":        fieldsOf(events.Versus{}),

		"SeriesQuantiles":  fieldsOf(events.SeriesQuantiles{}),
		"ComparedDuration": fieldsOf(events.ComparedDuration{}),
		"ComparedQuality":  keysOf(t, fullQuality()),

		"Group":         fieldsOf(events.Group{}),
		"Trace":         fieldsOf(Trace{}),
		"TraceSpan":     fieldsOf(TraceSpan{}),
		"Feedback":      fieldsOf(events.Feedback{}),
		"LedgerEntry":   keysOf(t, fullLedger()[0]),
		"Status":        fieldsOf(Status{}),
		"SpanEvent":     fieldsOf(llm.SpanEvent{}),
		"SpanLink":      fieldsOf(llm.SpanLink{}),
		"SendersReport": slices.Sorted(slices.Values(append([]string{"start", "end"}, fieldsOf(doctor.Report{})...))),
		"SenderReport":  fieldsOf(doctor.SenderReport{}),
		"FieldReport":   fieldsOf(doctor.FieldReport{}),
		"Finding":       fieldsOf(doctor.Finding{}),
		"Breakdown":     keysOf(t, &breakdown.Breakdown{Dominant: "decode"}),
		"Phase":         keysOf(t, breakdown.Phase{Typical: &breakdown.Typical{}}),
		"NexentModel":   fieldsOf(nexentModel{}),
		"NexentStatus":  fieldsOf(nexentStatus{}),
	} {
		schema := doc.Components.Schemas[name]
		if schema == nil {
			t.Errorf("no schema %s", name)
			continue
		}
		if diff := cmp.Diff(want, sortedKeys(schema.Value.Properties)); diff != "" {
			t.Errorf("%s (-type +document):\n%s", name, diff)
		}
		if allowed := schema.Value.AdditionalProperties.Has; allowed == nil || *allowed {
			t.Errorf("%s allows other properties", name)
		}
	}
	part := doc.Components.Schemas["Message"].Value.Properties["parts"].Value.Items.Value
	if diff := cmp.Diff(fieldsOf(llm.Part{}), sortedKeys(part.Properties)); diff != "" {
		t.Errorf("parts of a Message (-type +document):\n%s", diff)
	}
}

// TestFixturesAreFull keeps the fixtures in step with the types: what they leave
// out no test has seen.
func TestFixturesAreFull(t *testing.T) {
	for _, v := range []any{*fullCall(), fullCall().Usage, fullCall().Cost, *fullSpan(), *fullFeedback(), fullTotals(), fullStatus(), fullLedger()[0]} {
		rv := reflect.ValueOf(v)
		for i := range rv.NumField() {
			if f := rv.Type().Field(i); f.IsExported() && rv.Field(i).IsZero() && f.Name != "Aggregate" && f.Name != "Tenant" { // never stored; only where there are tenants
				t.Errorf("%s.%s is empty", rv.Type(), f.Name)
			}
		}
	}
}

// fieldsOf are the JSON names of the fields of a struct.
func fieldsOf(v any) []string {
	var names []string
	rt := reflect.TypeOf(v)
	for f := range rt.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.IsExported() && name != "-" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// keysOf are the keys of the JSON form of a value.
func keysOf(t *testing.T, v any) []string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return sortedKeys(decode[map[string]any](t, b))
}

// TestConformanceFindsFaults makes sure that the check of answers checks.
func TestConformanceFindsFaults(t *testing.T) {
	op := operationOf(loadDocument(t), http.MethodGet, base+"/calls")
	for name, bad := range map[string]string{
		"an unknown field":   `{"calls":[],"more":1}`,
		"a missing field":    `{}`,
		"a wrong type":       `{"calls":{}}`,
		"a call without id":  `{"calls":[{}]}`,
		"an unknown status":  strings.Replace(callsAnswer(t), `"status":"error"`, `"status":"odd"`, 1),
		"a time that is not": strings.Replace(callsAnswer(t), `"time":"2026`, `"time":"26`, 1),
	} {
		if conformance(op, http.StatusOK, "application/json", []byte(bad)) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if err := conformance(op, http.StatusOK, "application/json", []byte(callsAnswer(t))); err != nil {
		t.Error(err)
	}
	if conformance(op, http.StatusOK, "text/plain", nil) == nil {
		t.Error("another content type passes")
	}
	if conformance(op, http.StatusTeapot, "application/json", []byte(`{"error":{"code":"new","message":"m"}}`)) == nil {
		t.Error("an unknown code passes")
	}
}

func callsAnswer(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(events.CallPage{Calls: []*llm.Call{fullCall()}}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// oneCall is a live channel that ends, so that follow returns.
func oneCall() (<-chan *llm.Call, func()) {
	ch := make(chan *llm.Call, 1)
	ch <- fullCall()
	close(ch)
	return ch, func() {}
}
