package metrics

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// An outside store that evaluates queries knows nothing of tenants: the matcher
// is written into each selector of an expression before the store sees it. What
// this parser does not understand is not passed on.

// restrictExpr adds the matcher of a context to all selectors of an expression.
func restrictExpr(ctx context.Context, expr string) (string, error) {
	if all, _ := ctx.Value(allTenantsKey{}).(bool); all {
		return expr, nil
	}
	e, err := newParser().ParseExpr(expr)
	if err != nil {
		return "", fmt.Errorf("invalid expression: %w", err)
	}
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			s.LabelMatchers = restrict(ctx, s.LabelMatchers)
		}
		return nil
	})
	return e.String(), nil
}

func (s *remoteSource) restricted(ctx context.Context, expr string) (string, error) {
	if !s.tenanted {
		return expr, nil
	}
	return restrictExpr(ctx, expr)
}

// restrictSelectors adds the matcher to the selectors of a request for series or
// labels, and one that selects all of the tenant's where there is none.
func restrictSelectors(ctx context.Context, selectors []string) ([]string, error) {
	if len(selectors) == 0 {
		// A selector must not match nothing but what is absent.
		some := labels.MustNewMatcher(labels.MatchNotEqual, model.MetricNameLabel, "")
		return []string{"{" + some.String() + "," + matcher(ctx).String() + "}"}, nil
	}
	out := make([]string, len(selectors))
	for i, s := range selectors {
		ms, err := newParser().ParseMetricSelector(s)
		if err != nil {
			return nil, fmt.Errorf("invalid parameter \"match[]\": %w", err)
		}
		parts := make([]string, 0, len(ms)+1)
		for _, m := range restrict(ctx, ms) {
			parts = append(parts, m.String())
		}
		out[i] = "{" + strings.Join(parts, ",") + "}"
	}
	return out, nil
}

// restrictRequest returns a request for samples or labels as the tenant's who
// sends it.
func restrictRequest(req *http.Request) (*http.Request, error) {
	form := req.URL.Query()
	if req.Method == http.MethodPost {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
		body, err := url.ParseQuery(string(b))
		if err != nil {
			return nil, fmt.Errorf("parse form: %w", err)
		}
		for name, values := range body {
			form[name] = append(values, form[name]...) // the body comes first, as FormValue has it
		}
	}
	ctx := req.Context()
	if strings.HasPrefix(req.URL.Path, "/api/v1/query") {
		for i, expr := range form["query"] {
			own, err := restrictExpr(ctx, expr)
			if err != nil {
				return nil, fmt.Errorf("invalid parameter \"query\": %w", err)
			}
			form["query"][i] = own
		}
	} else {
		own, err := restrictSelectors(ctx, form["match[]"])
		if err != nil {
			return nil, err
		}
		form["match[]"] = own
	}
	out := req.Clone(ctx)
	encoded := form.Encode()
	if req.Method == http.MethodPost {
		out.URL.RawQuery = ""
		out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		out.Body, out.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
		out.Header.Del("Content-Encoding")
		return out, nil
	}
	out.URL.RawQuery, out.Body, out.ContentLength = encoded, http.NoBody, 0
	return out, nil
}
