package api

import "net/http"

// dashboards answers with the definitions from which Grafana's files are made,
// too.
func (s *server) dashboards(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	var all any = []any{}
	if s.Dashboards != nil {
		all = s.Dashboards()
	}
	return map[string]any{"dashboards": all}, nil
}
