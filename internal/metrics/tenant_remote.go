package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
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

// remotePath is the path under which the store answers a request, written in the one
// way that says nothing else to anybody who reads it; false for what is answered
// here. A path that a server in between could read as another one has none.
func remotePath(u *url.URL) (string, bool) {
	if slices.Contains(remotePaths, u.Path) {
		return u.Path, true
	}
	name, isLabel := strings.CutPrefix(u.Path, "/api/v1/label/")
	name, isValues := strings.CutSuffix(name, "/values")
	if !isLabel || !isValues || name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`) {
		return "", false
	}
	return u.Path, true
}

// remoteParams are the parameters that go to the store: others mean nothing to
// Prometheus, and nobody knows what they mean elsewhere.
var remoteParams = []string{
	"query", "time", "timeout", "start", "end", "step", "limit", "stats", "lookback_delta", "match[]",
	"dedup", "partial_response", "max_source_resolution", "nocache", "round_digits",
}

// remoteForm reads the parameters of a request, from wherever the store would
// read them. The body comes first, as FormValue has it.
func remoteForm(req *http.Request) (url.Values, error) {
	form, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("parse parameters: %w", err)
	}
	if req.Method == http.MethodPost && req.Body != nil {
		kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
		coding := req.Header.Get("Content-Encoding")
		if req.Header.Get("Content-Type") != "" && (err != nil || kind != "application/x-www-form-urlencoded") || coding != "" && !strings.EqualFold(coding, "identity") {
			return nil, errors.New("send the parameters as application/x-www-form-urlencoded, not compressed")
		}
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
		body, err := url.ParseQuery(string(b))
		if err != nil {
			return nil, fmt.Errorf("parse form: %w", err)
		}
		for name, values := range body {
			form[name] = append(values, form[name]...)
		}
	}
	for name := range form {
		if !slices.Contains(remoteParams, name) {
			delete(form, name)
		}
	}
	return form, nil
}

// restrictRequest returns a request for samples or labels as the tenant's who
// sends it. It is written anew, of what was understood: there is nothing in it that
// the store could read in another way.
func restrictRequest(req *http.Request) (*http.Request, error) {
	path, ok := remotePath(req.URL)
	if !ok {
		return nil, errors.New("this path is not one of the store's")
	}
	form, err := remoteForm(req)
	if err != nil {
		return nil, err
	}
	ctx := req.Context()
	if strings.HasPrefix(path, "/api/v1/query") {
		delete(form, "match[]")
		for i, expr := range form["query"] {
			own, err := restrictExpr(ctx, expr)
			if err != nil {
				return nil, fmt.Errorf("invalid parameter \"query\": %w", err)
			}
			form["query"][i] = own
		}
	} else {
		delete(form, "query")
		own, err := restrictSelectors(ctx, form["match[]"])
		if err != nil {
			return nil, err
		}
		form["match[]"] = own
	}
	out := req.Clone(ctx)
	out.URL.Path, out.URL.RawPath, out.URL.Fragment = path, "", ""
	out.TransferEncoding, out.Trailer = nil, nil
	for _, name := range []string{"Content-Encoding", "Content-Length", "Content-Type"} {
		out.Header.Del(name)
	}
	encoded := form.Encode()
	if req.Method == http.MethodPost {
		out.URL.RawQuery = ""
		out.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		out.Body, out.ContentLength = io.NopCloser(strings.NewReader(encoded)), int64(len(encoded))
		return out, nil
	}
	out.URL.RawQuery, out.Body, out.ContentLength = encoded, http.NoBody, 0
	return out, nil
}
