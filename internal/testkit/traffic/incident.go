package traffic

import (
	"slices"
	"time"
)

// Incident is something that goes wrong on a schedule. It recurs by the clock,
// so that history and live traffic agree and a reader can be told when to look.
type Incident struct {
	Name  string // short and stable
	Cause string // one sentence: what is wrong
	Signs string // one sentence: where it shows

	Every  time.Duration // one occurrence in each such span since the Unix epoch
	Offset time.Duration // when in the span it begins
	Length time.Duration

	Provider string // whom it hits; empty for all
	Model    string // likewise, the requested model

	Slow       float64 // factor on all times; 0 for none
	Queue      float64 // share of calls that wait as in a saturated model server
	ErrorShare float64 // share of calls that fail
	Status     int     // how they fail
	User       string  // a user who runs away
	UserRate   float64 // with so many calls a second on average
	Prompt     string  // a version of a prompt whose answers people dislike
	Version    string
}

// Occurrence is one time that an Incident happens.
type Occurrence struct {
	Incident   Incident
	Start, End time.Time
}

// DefaultIncidents are those that Config uses where it names none.
func DefaultIncidents() []Incident {
	return []Incident{
		{
			Name: "slow-provider", Cause: "Anthropic answers four times slower than usual.",
			Signs: "Time to first token and duration of claude models rise; their error rate does not.",
			Every: 3 * time.Hour, Offset: 40 * time.Minute, Length: 12 * time.Minute,
			Provider: "anthropic", Slow: 4,
		},
		{
			Name: "rate-limit", Cause: "A batch job elsewhere uses up the rate limit of gpt-4o: over half of its calls get 429.",
			Signs: "Errors rate_limit_exceeded of gpt-4o; other models of OpenAI are healthy.",
			Every: 2 * time.Hour, Offset: 95 * time.Minute, Length: 6 * time.Minute,
			Provider: "openai", Model: "gpt-4o", ErrorShare: 0.55, Status: 429,
		},
		{
			Name: "server-errors", Cause: "DeepSeek is partly down: a third of its calls get 500.",
			Signs: "Errors server_error of deepseek-chat; the code assistant suffers.",
			Every: 4 * time.Hour, Offset: 150 * time.Minute, Length: 8 * time.Minute,
			Provider: "deepseek", ErrorShare: 0.35, Status: 500,
		},
		{
			Name: "runaway-user", Cause: "User u-loop has a client that resends a long prompt without end.",
			Signs: "Tokens and cost of one user and of gpt-4o-mini jump; latency and errors do not.",
			Every: 6 * time.Hour, Offset: 200 * time.Minute, Length: 10 * time.Minute,
			User: "u-loop", UserRate: 2,
		},
		{
			Name: "saturated-gpu", Cause: "The company's own model server is saturated: calls wait in its queue as they do on a real GPU.",
			Signs: "Time to first token of llama3.2 goes to ten seconds and more while its time per output token stays.",
			Every: 5 * time.Hour, Offset: 70 * time.Minute, Length: 10 * time.Minute,
			Provider: "ollama", Queue: 0.8,
		},
	}
}

// at returns the occurrence that t falls in.
func (i *Incident) at(t time.Time) (Occurrence, bool) {
	if i.Every <= 0 {
		return Occurrence{}, false
	}
	start := time.Unix(0, t.UnixNano()/int64(i.Every)*int64(i.Every)).Add(i.Offset)
	for _, s := range [...]time.Time{start, start.Add(-i.Every)} {
		if !t.Before(s) && t.Before(s.Add(i.Length)) {
			return Occurrence{Incident: *i, Start: s.UTC(), End: s.Add(i.Length).UTC()}, true
		}
	}
	return Occurrence{}, false
}

// Incidents returns the incidents of the load.
func (g *Generator) Incidents() []Incident { return slices.Clone(g.cfg.Incidents) }

// Occurrences returns every occurrence that overlaps the span from start to
// end, in order of time.
func (g *Generator) Occurrences(start, end time.Time) []Occurrence {
	start, end = g.clock(start), g.clock(end)
	var out []Occurrence
	for _, i := range g.cfg.Incidents {
		if i.Every <= 0 {
			continue
		}
		first := time.Unix(0, start.UnixNano()/int64(i.Every)*int64(i.Every)).Add(i.Offset - i.Every)
		for s := first; s.Before(end); s = s.Add(i.Every) {
			if e := s.Add(i.Length); e.After(start) {
				out = append(out, Occurrence{Incident: i, Start: s.UTC(), End: e.UTC()})
			}
		}
	}
	for i := range out {
		out[i].Start, out[i].End = out[i].Start.Add(-g.cfg.Shift), out[i].End.Add(-g.cfg.Shift)
	}
	slices.SortFunc(out, func(a, b Occurrence) int { return a.Start.Compare(b.Start) })
	return out
}

// hits reports whether the incident concerns a call of m.
func (i *Incident) hits(m *Model) bool {
	if i.User != "" || i.Prompt != "" {
		return false
	}
	return (i.Provider == "" || i.Provider == m.Provider) && (i.Model == "" || i.Model == m.Name)
}
