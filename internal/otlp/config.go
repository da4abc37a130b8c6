package otlp

import (
	"errors"
	"fmt"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"
)

// Config is the `otlp:` section.
type Config struct {
	MaxMessage  units.Base2Bytes `yaml:"max_message,omitempty" doc:"Largest message that is taken, before and after decompression; larger ones are answered with 413 or RESOURCE_EXHAUSTED. Default 64MiB."`
	MaxInFlight units.Base2Bytes `yaml:"max_in_flight,omitempty" doc:"About how much memory messages may take between their arrival and the journal, all senders together; past it senders are told to send again later. Default 128MiB."`
	MaxWait     model.Duration   `yaml:"max_wait,omitempty" doc:"How long a message waits for room under max_in_flight before its sender is told to send again later. Default 1s."`
	Jaeger      *bool            `yaml:"jaeger,omitempty" doc:"Take Jaeger Thrift at /api/traces of the OTLP HTTP listener. Default true."`
	Zipkin      *bool            `yaml:"zipkin,omitempty" doc:"Take Zipkin v2 JSON at /api/v2/spans of the OTLP HTTP listener. Default true."`
}

const (
	defaultMaxMessage  = 64 * units.MiB
	defaultMaxInFlight = 128 * units.MiB
	defaultMaxWait     = model.Duration(time.Second)
)

// DefaultConfig returns the configuration that is used where the user set nothing.
func DefaultConfig() Config {
	on, too := true, true
	return Config{
		MaxMessage: defaultMaxMessage, MaxInFlight: defaultMaxInFlight, MaxWait: defaultMaxWait,
		Jaeger: &on, Zipkin: &too,
	}
}

// withDefaults fills what is not set.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.MaxMessage == 0 {
		c.MaxMessage = d.MaxMessage
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = max(d.MaxInFlight, 2*c.MaxMessage)
	}
	if c.MaxWait == 0 {
		c.MaxWait = d.MaxWait
	}
	if c.Jaeger == nil {
		c.Jaeger = d.Jaeger
	}
	if c.Zipkin == nil {
		c.Zipkin = d.Zipkin
	}
	return c
}

// Validate reports everything that is wrong with the section.
func (c *Config) Validate() error {
	var errs []error
	full := c.withDefaults()
	// The length of a gRPC message has 32 bits, and the whole is in memory at once.
	if full.MaxMessage < 64*units.KiB || full.MaxMessage > units.GiB {
		errs = append(errs, fmt.Errorf("otlp.max_message: %s: must be between 64KiB and 1GiB", c.MaxMessage))
	}
	if full.MaxInFlight < 2*full.MaxMessage {
		errs = append(errs, fmt.Errorf("otlp.max_in_flight: %s: must be at least twice max_message (%s): the largest message and what is decoded of it must fit", c.MaxInFlight, full.MaxMessage))
	}
	if c.MaxWait < 0 {
		errs = append(errs, errors.New("otlp.max_wait: must not be negative"))
	}
	return errors.Join(errs...)
}
