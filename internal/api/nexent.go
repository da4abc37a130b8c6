package api

import (
	"cmp"
	"context"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// The monitoring REST API of Nexent, so that its model page reads from Pitot:
// answers are {"code":0,"message":"success","data":...} and errors
// {"detail":...}. What is unknown is 0 there, because its readers expect a
// number.

type nexentAnswer struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

type nexentModel struct {
	ModelID             *int64  `json:"model_id"` // Nexent's own; Pitot knows none
	ModelName           string  `json:"model_name"`
	ModelType           string  `json:"model_type"`
	DisplayName         string  `json:"display_name"`
	RequestCount        int64   `json:"request_count"`
	ErrorRate           float64 `json:"error_rate"`            // percent
	AvgDuration         float64 `json:"avg_duration"`          // milliseconds
	AvgTTFT             float64 `json:"avg_ttft"`              // milliseconds, of streams
	TokenGenerationRate float64 `json:"token_generation_rate"` // tokens per second
	TotalTokens         int64   `json:"total_tokens"`
}

type nexentStatus struct {
	TelemetryEnabled bool    `json:"telemetry_enabled"`
	Provider         string  `json:"provider"`
	DashboardURL     string  `json:"dashboard_url"`
	DashboardPort    *string `json:"dashboard_port"`
	DashboardPath    *string `json:"dashboard_path"`
}

func (s *server) nexentRoutes() {
	for path, e := range map[string]endpoint{"/models": s.nexentModels, "/status": s.nexentStatus} {
		routed{s}.HandleFunc("GET /monitoring"+path, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
			defer cancel()
			data, err := e(r.WithContext(ctx))
			if err == nil {
				s.writeJSON(w, r, http.StatusOK, nexentAnswer{Message: "success", Data: data})
				return
			}
			f := toError(err)
			if f.Status == http.StatusInternalServerError {
				s.Logger.Error("request failed", "path", r.URL.Path, "err", err)
			}
			s.writeJSON(w, r, f.Status, map[string]string{"detail": f.Message + " (" + f.Hint + ")"})
		})
	}
}

// nexentStatus says that there is monitoring, and where a person can look at it.
func (s *server) nexentStatus(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return nexentStatus{TelemetryEnabled: true, Provider: "pitot", DashboardURL: scheme + "://" + r.Host + "/"}, nil
}

// nexentModels lists models, the most used first.
func (s *server) nexentModels(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	span := map[string]int{"24h": 1, "7d": 7, "30d": 30}[p.oneOf("time_range", "24h", "7d", "30d")]
	page := p.count("page", 1, math.MaxInt32)
	size := p.count("page_size", 20, 100)
	if err := p.check(); err != nil {
		return nil, err
	}
	now := s.Now()
	f := events.CallFilter{Range: events.Range{Start: now.AddDate(0, 0, -span), End: now}}
	stats, err := s.Events.Models(r.Context(), f)
	if err != nil {
		return nil, err
	}
	types, err := s.modelTypes(r.Context(), f)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(stats, func(a, b events.ModelStat) int { return cmp.Compare(b.Totals.Calls, a.Totals.Calls) })
	from := min((page-1)*size, len(stats))
	models := []nexentModel{}
	for _, m := range stats[from:min(from+size, len(stats))] {
		models = append(models, toNexent(m, types[[2]string{m.Provider, m.Model}]))
	}
	return models, nil
}

// modelTypes returns the kind of each model by what is asked of it most.
func (s *server) modelTypes(ctx context.Context, f events.CallFilter) (map[[2]string]string, error) {
	groups, err := s.Events.Costs(ctx, events.CostQuery{CallFilter: f, By: []string{"provider", "model", "operation"}, Limit: events.MaxLimit})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(groups, func(a, b events.Group) int { return cmp.Compare(b.Totals.Calls, a.Totals.Calls) })
	types := map[[2]string]string{}
	for _, g := range groups {
		key := [2]string{g.Values["provider"], g.Values["model"]}
		if _, ok := types[key]; !ok {
			types[key] = nexentType(llm.Operation(g.Values["operation"]))
		}
	}
	return types, nil
}

func nexentType(op llm.Operation) string {
	switch op {
	case llm.OpEmbeddings:
		return "embedding"
	case llm.OpRerank:
		return "rerank"
	case llm.OpSpeech:
		return "tts"
	case llm.OpTranscription:
		return "stt"
	case llm.OpImage:
		return "image"
	default:
		return "llm"
	}
}

func toNexent(m events.ModelStat, typ string) nexentModel {
	t := m.Totals
	out := nexentModel{
		ModelName: m.Model, ModelType: cmp.Or(typ, "llm"), DisplayName: cmp.Or(m.Model[strings.LastIndexByte(m.Model, '/')+1:], "Unknown"),
		RequestCount: t.Calls, TotalTokens: t.InputTokens + t.OutputTokens,
	}
	var waiting float64 // seconds until the first token of streams
	if m.TTFT != nil {
		out.AvgTTFT = round(m.TTFT.Avg*1e3, 1)
		waiting = m.TTFT.Avg * float64(m.TTFT.Count)
	}
	if t.Calls > 0 {
		out.ErrorRate = round(float64(t.Errors)/float64(t.Calls)*100, 2)
		out.AvgDuration = round(t.DurationSeconds/float64(t.Calls)*1e3, 1)
	}
	if generating := t.DurationSeconds - waiting; generating > 0 {
		out.TokenGenerationRate = round(float64(t.OutputTokens)/generating, 1)
	}
	return out
}

func round(f float64, digits int) float64 {
	unit := math.Pow10(digits)
	return math.Round(f*unit) / unit
}
