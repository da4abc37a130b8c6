package doctor

import (
	"regexp"
	"testing"
	"unicode"
)

// TestChineseIsComplete goes through everything that reports are made of: what is
// a sentence must have its Chinese. Settings that are code need none.
func TestChineseIsComplete(t *testing.T) {
	check := func(en string) {
		t.Helper()
		if en != "" && !hasHan(zh(en)) {
			t.Errorf("no Chinese for %q", en)
		}
	}
	for _, f := range fields() {
		check(f.what)
		check(f.why)
	}
	all := dialects()
	all["gateway"] = gatewayKnowledge()
	all["general"] = knowledge{}
	notes := func(r remedy) {
		check(r.note)
		if proseSetting.MatchString(r.setting) {
			check(r.setting)
		}
	}
	for _, k := range all {
		for _, reason := range k.cannot {
			check(reason)
		}
		for _, r := range k.remedies {
			notes(*r)
		}
	}
	for _, r := range generalRemedies() {
		notes(r)
	}
}

// proseSetting finds settings that are sentences.
var proseSetting = regexp.MustCompile(`^(the |let |span attribute|request header|instrument |update the |name attributes|W3C|capture\.content|gateway\.ask)`)

func hasHan(s string) bool {
	for _, r := range s {
		if unicode.Is(unicode.Han, r) {
			return true
		}
	}
	return false
}

// TestFindingsSpeakChinese looks at what Diagnose itself composes.
func TestFindingsSpeakChinese(t *testing.T) {
	senders := []Sender{
		{Service: "a", Source: "otlp", Dialect: "litellm", Calls: 10, Streams: 10, StreamsWithoutUsage: 9, Sampled: 5, Represented: 50, Fields: map[string]Count{fInTokens: {Have: 3, Of: 10}}},
		{Service: "a", Source: "gateway", Calls: 10, Fields: map[string]Count{fReqModel: {Of: 10}}},
		{Service: "b", Source: "otlp", Dialect: "vllm", Calls: 10, Fields: map[string]Count{fInput: {Of: 10}, fTools: {Of: 10}}},
		{Service: "c", Source: "otlp", Dialect: "something", Calls: 10, Spans: nil, Fields: map[string]Count{}},
	}
	r := Diagnose(senders, []Histogram{{Name: "gen_ai_client_operation_duration_seconds", Service: "a", Scope: "x"}})
	n := 0
	for _, f := range r.Findings {
		n++
		if !hasHan(f.MessageZH) {
			t.Errorf("%s: %q", f.Code, f.MessageZH)
		}
	}
	for _, s := range r.Senders {
		for _, f := range s.Findings {
			n++
			if !hasHan(f.MessageZH) || f.Note != "" && !hasHan(f.NoteZH) {
				t.Errorf("%s: %q, %q", f.Code, f.MessageZH, f.NoteZH)
			}
		}
	}
	if n < 8 {
		t.Errorf("only %d findings: the test looks at too little", n)
	}
}
