package pitot

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// numberSettings are the settings of metrics, logs and the summary.
type numberSettings struct {
	prices   func(CallInfo) (usd float64, ok bool) // nil: no prices
	callLogs *slog.Logger                          // nil: calls are not logged
	retained time.Duration                         // of the summary, 0: defaultRetained
}

// The bounds of how long the summary remembers.
const (
	defaultRetained = time.Hour
	minRetained     = time.Minute
	maxRetained     = 24 * time.Hour
)

// WithPrices gives calls a cost in US dollars. The function is called once a
// call whose provider did not state the cost itself, and says false where it
// knows no price: such calls are counted in llm_unpriced_requests_total and are
// in no sum. The cost is marked computed where the provider reported the usage
// and estimated where the usage is an estimate. The function runs on the
// goroutine of the call, must be quick, and may be called by many goroutines at
// once.
func WithPrices(price func(CallInfo) (usd float64, ok bool)) Option {
	return func(s *settings) error {
		if price == nil {
			return errors.New("WithPrices: the function is nil: leave the option out where there are no prices")
		}
		s.numbers.prices = price
		return nil
	}
}

// WithCallLogs writes a line about every call to l: llm_request_start at DEBUG,
// llm_request_success at INFO, rate_limit at WARN, llm_request_error at ERROR
// and trace_complete at INFO. The attributes are event, request_id, provider,
// model, operation, latency in seconds, input_tokens, output_tokens, error_type
// and error_message; what is unknown is left out. Lines hold no content.
// A logger over CallLogHandler writes them as the JSON lines that log pipelines
// of language models expect.
func WithCallLogs(l *slog.Logger) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("WithCallLogs: the logger is nil: leave the option out to log no calls")
		}
		s.numbers.callLogs = l
		return nil
	}
}

// WithSummaryWindow sets how far back Summary and threshold rules can look: from
// a minute to a day, an hour by default. The resolution is 1/240 of it, 15
// seconds by default and at least one second. Memory does not depend on it.
func WithSummaryWindow(d time.Duration) Option {
	return func(s *settings) error {
		if d < minRetained || d > maxRetained {
			return fmt.Errorf("WithSummaryWindow: %v: use %v to %v", d, minRetained, maxRetained)
		}
		s.numbers.retained = d
		return nil
	}
}
