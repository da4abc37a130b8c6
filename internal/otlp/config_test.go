package otlp

import (
	"strings"
	"testing"

	"github.com/alecthomas/units"
)

func TestConfigValidate(t *testing.T) {
	if d := DefaultConfig(); d.Validate() != nil {
		t.Error(d.Validate())
	}
	for name, c := range map[string]struct {
		config Config
		says   string
	}{
		"nothing set":       {Config{}, ""},
		"large message":     {Config{MaxMessage: 200 * units.MiB}, ""},
		"tiny message":      {Config{MaxMessage: 10}, "otlp.max_message"},
		"huge message":      {Config{MaxMessage: 2 * units.GiB}, "otlp.max_message"},
		"too little memory": {Config{MaxMessage: units.MiB, MaxInFlight: units.MiB}, "otlp.max_in_flight"},
		"negative wait":     {Config{MaxWait: -1}, "otlp.max_wait"},
	} {
		switch err := c.config.Validate(); {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestNewNeedsItsParts(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a receiver without a sink")
	}
	if _, err := New(Options{Sink: &fakeSink{}, Normalizer: &plainNormalizer{}, Config: Config{MaxMessage: 1}}); err == nil {
		t.Error("a receiver with a wrong configuration")
	}
}
