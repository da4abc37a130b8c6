package capacity

import (
	"fmt"
	"math"
	"time"
)

// Traffic is what comes in, and how long it stays.
type Traffic struct {
	CallsPerDay  float64
	InputTokens  float64 // of a call, on average
	OutputTokens float64
	SpansPerCall float64 // besides the call itself
	LogsPerDay   float64
	LogBytes     float64 // of a line
	Content      bool    // prompts and answers are kept
	// Combinations of service, model and operation, which metrics tell apart.
	Combinations float64
	// PeakFactor is how much more comes in the busiest minute than on average.
	PeakFactor float64
	// Streams are open at the same time at most.
	Streams float64

	Hot, Cold, Metrics time.Duration // how long data stays
}

// The model. Bytes are those on disk, compressed, with their indexes.
const (
	bytesPerToken = 4.0  // of text, English; Chinese has about 3
	callBytes     = 260  // a call without its text, its part of the rollups included
	textShare     = 0.29 // of the text's bytes that are left on disk
	spanBytes     = 130
	logOverhead   = 40
	logShare      = 0.15
	// seriesOf is how many series a combination has, with all histograms; ownSeries
	// are those of Pitot itself.
	seriesOf, ownSeries = 260, 900
	scrape              = 5 * time.Second
	sampleBytes         = 1.4
	seriesMemory        = 9 << 10   // in the head of the metric store, with the catalogue
	baseMemory          = 160 << 20 // server and engine, idle
	streamMemory        = 40 << 10
	burstMemory         = 256 << 20 // queues and merges under load
	engineCache         = 0.02      // of the hot days' bytes that the engine likes to hold
	maxEngineCache      = 2 << 30
	callCPU             = 330e-6 // seconds of one core, gateway to disk
	spanCPU             = 60e-6
	logCPU              = 15e-6
	mergeSpare          = 1.25 // room that merges of the engine need
)

// Observed is what a running server has seen; zero where it has not.
type Observed struct {
	Days       float64 // that are summed up
	Calls      float64
	EventBytes float64 // on disk
	Series     float64
}

// enough is how many calls an observation needs to replace an assumption.
const enough = 2000

// Plan is what is needed.
type Plan struct {
	EventBytesPerDay float64 `json:"event_bytes_per_day"`
	HotBytes         float64 `json:"hot_bytes"`
	ColdBytes        float64 `json:"cold_bytes"`
	MetricBytes      float64 `json:"metric_bytes"`
	JournalBytes     float64 `json:"journal_bytes"`
	DiskBytes        float64 `json:"disk_bytes"` // local, with room for merges
	MemoryBytes      float64 `json:"memory_bytes"`
	Cores            float64 `json:"cores"` // busy at the peak
	Series           float64 `json:"series"`
	// Assumptions are what the numbers rest on, a line each.
	Assumptions []string `json:"assumptions"`
}

// Plan predicts what a traffic needs.
func (t Traffic) Plan(o Observed) Plan {
	var p Plan
	say := func(format string, args ...any) { p.Assumptions = append(p.Assumptions, fmt.Sprintf(format, args...)) }
	perCall := callBytes + t.SpansPerCall*spanBytes
	text := (t.InputTokens + t.OutputTokens) * bytesPerToken
	if t.Content {
		perCall += text * textShare
		say("a call takes %d bytes, its text %.0f (%.0f tokens of %g bytes, of which %.0f %% are left on disk), each further span %d", callBytes, text*textShare, t.InputTokens+t.OutputTokens, bytesPerToken, textShare*100, spanBytes)
	} else {
		say("a call takes %d bytes without text, each further span %d", callBytes, spanBytes)
	}
	logs := t.LogsPerDay * (logOverhead + t.LogBytes*logShare)
	if t.LogsPerDay > 0 {
		say("a log line of %.0f bytes takes %.0f", t.LogBytes, logOverhead+t.LogBytes*logShare)
	}
	p.EventBytesPerDay = t.CallsPerDay*perCall + logs
	if o.Calls >= enough && o.EventBytes > 0 {
		seen := o.EventBytes / o.Calls
		say("instead of these, what the server has seen: %.0f bytes a call with all that belongs to it, over %.0f calls", seen, o.Calls)
		p.EventBytesPerDay = t.CallsPerDay * seen
	}
	p.HotBytes = p.EventBytesPerDay * days(t.Hot)
	p.ColdBytes = p.EventBytesPerDay * days(t.Cold)

	p.Series = ownSeries + t.Combinations*seriesOf
	say("metrics: %d series of Pitot's own and %d for each of %.0f combinations of service, model and operation, a sample every %v of %.1f bytes", ownSeries, seriesOf, t.Combinations, scrape, sampleBytes)
	if o.Series > 0 && o.Calls >= enough {
		p.Series = o.Series
		say("instead of these, what the server has: %.0f series", o.Series)
	}
	samplesPerDay := (24 * time.Hour).Seconds() / scrape.Seconds()
	p.MetricBytes = p.Series * samplesPerDay * sampleBytes * days(t.Metrics)
	// Two to three hours are in memory and in the write-ahead log besides.
	p.MetricBytes += p.Series * samplesPerDay / 8 * 6

	perSecond := t.CallsPerDay / (24 * time.Hour).Seconds() * max(t.PeakFactor, 1)
	p.JournalBytes = math.Min(1<<30, 64<<20+perSecond*60*(600+text))
	say("the journal holds a minute of the peak, and at most 1 GB unless storage.journal.max_disk says more")
	p.DiskBytes = p.HotBytes*mergeSpare + p.MetricBytes*1.1 + p.JournalBytes
	say("the engine needs a quarter more than its data while it merges files")

	p.MemoryBytes = baseMemory + p.Series*seriesMemory + t.Streams*streamMemory + burstMemory + math.Min(p.HotBytes*engineCache, maxEngineCache)
	say("memory: %d MB idle, %d KB a series, %d KB an open stream, %d MB for load, %.0f %% of the hot days for queries, at most 2 GB", int64(baseMemory)>>20, seriesMemory>>10, streamMemory>>10, int64(burstMemory)>>20, engineCache*100)
	p.Cores = perSecond*(callCPU+t.SpansPerCall*spanCPU) + t.LogsPerDay/(24*time.Hour).Seconds()*max(t.PeakFactor, 1)*logCPU
	say("processor: %.0f µs a call from the gateway to the disk, %.0f a span, %.0f a log line, at %.1f times the average", callCPU*1e6, spanCPU*1e6, logCPU*1e6, max(t.PeakFactor, 1))
	return p
}

func days(d time.Duration) float64 { return d.Hours() / 24 }
