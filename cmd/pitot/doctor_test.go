package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/llm"
)

// doctorServer answers with a sender that lacks everything but its model.
func doctorServer(t *testing.T, senders ...doctor.Sender) (url string, asked *string) {
	t.Helper()
	asked = new(string)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = r.URL.String()
		_ = json.NewEncoder(w).Encode(api.SendersReport{Report: doctor.Diagnose(senders, nil)})
	}))
	t.Cleanup(srv.Close)
	return srv.URL, asked
}

func poorSender() doctor.Sender {
	s := doctor.Sender{
		Service: "shop", Source: llm.SourceOTLP, Dialect: "openllmetry", Scope: "opentelemetry.instrumentation.openai", ScopeVersion: "0.62.1",
		Calls: 100, Represented: 100, Streams: 40, StreamsWithoutUsage: 40, Fields: map[string]doctor.Count{},
	}
	for _, f := range doctor.FieldNames() {
		s.Fields[f] = doctor.Count{Of: 100}
	}
	s.Fields["output_tokens"] = doctor.Count{Have: 60, Of: 100}
	return s
}

func runDoctor(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if err := run(t.Context(), append([]string{"doctor", "senders"}, args...), strings.NewReader(""), &out, &errs); err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String()
}

func TestDoctorSenders(t *testing.T) {
	url, asked := doctorServer(t, poorSender())
	out, _ := runDoctor(t, "--server", url, "--since", "2d")
	if !strings.HasSuffix(*asked, "/api/pitot/v1/senders?start=-2d") {
		t.Errorf("asked for %s", *asked)
	}
	for _, want := range []string{"OpenLLMetry", "60%", "wrong numbers", "40 of 40 streams", "stream_options", "TRACELOOP_TRACE_CONTENT=true"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	if strings.Contains(out, "FIELD") {
		t.Error("the fields are shown though nobody asked")
	}
	if out, _ := runDoctor(t, "--server", url, "--fields", "--sender", "SHOP"); !strings.Contains(out, "FIELD") || !strings.Contains(out, "cache_read_tokens") {
		t.Errorf("with --fields:\n%s", out)
	}
	if out, errs := runDoctor(t, "--server", url, "--sender", "other"); out != "" || !strings.Contains(errs, "no model calls") {
		t.Errorf("other senders: %q, %q", out, errs)
	}
}

func TestDoctorSendersJSON(t *testing.T) {
	url, _ := doctorServer(t, poorSender())
	out, _ := runDoctor(t, "--server", url, "--json")
	var r api.SendersReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || len(r.Senders) != 1 || r.Senders[0].Calls != 100 {
		t.Errorf("%v: %s", err, out)
	}
}

func TestDoctorWithoutSenders(t *testing.T) {
	url, _ := doctorServer(t)
	if out, errs := runDoctor(t, "--server", url); out != "" || !strings.Contains(errs, "4318") {
		t.Errorf("%q, %q", out, errs)
	}
}
