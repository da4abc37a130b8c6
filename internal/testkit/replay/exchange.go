package replay

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/klauspost/compress/zstd"
)

// Exchange is a recorded request and answer with the span that an independent
// gateway makes of it.
type Exchange struct {
	ID            string
	Method        string
	URL           *url.URL
	RequestHeader http.Header
	RequestBody   []byte
	Status        int
	Header        http.Header
	Body          []byte
	Span          []byte // OTLP JSON
}

// cassetteYAML is one exchange as go-vcr keeps it.
type cassetteYAML struct {
	Interactions []struct {
		Request struct {
			Body    string      `yaml:"body"`
			Headers http.Header `yaml:"headers"`
			URL     string      `yaml:"url"`
			Method  string      `yaml:"method"`
		} `yaml:"request"`
		Response struct {
			Body    string      `yaml:"body"`
			Headers http.Header `yaml:"headers"`
			Code    int         `yaml:"code"`
		} `yaml:"response"`
	} `yaml:"interactions"`
}

// Exchanges reads an archive (tar, compressed by Zstandard) of go-vcr cassettes,
// NAME.yaml, and the spans expected of them, NAME.json. They are returned in the
// order of their names.
func Exchanges(path string) ([]Exchange, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer z.Close()
	var out []Exchange
	spans := map[string][]byte{}
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		b, err := io.ReadAll(tr)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, h.Name, err)
		}
		name, ext := filepath.Base(h.Name), filepath.Ext(h.Name)
		switch id := strings.TrimSuffix(name, ext); ext {
		case ".yaml":
			x, err := exchangeOf(id, b)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", path, h.Name, err)
			}
			out = append(out, x)
		case ".json":
			spans[id] = b
		}
	}
	for i := range out {
		out[i].Span = spans[out[i].ID]
	}
	slices.SortFunc(out, func(a, b Exchange) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

func exchangeOf(id string, b []byte) (Exchange, error) {
	var v cassetteYAML
	if err := yaml.Unmarshal(b, &v); err != nil {
		return Exchange{}, err
	}
	if len(v.Interactions) == 0 {
		return Exchange{}, errors.New("no interaction in it")
	}
	in := v.Interactions[0]
	u, err := url.Parse(in.Request.URL)
	if err != nil {
		return Exchange{}, err
	}
	return Exchange{
		ID: id, Method: in.Request.Method, URL: u, RequestHeader: in.Request.Headers, RequestBody: []byte(in.Request.Body),
		Status: in.Response.Code, Header: in.Response.Headers, Body: []byte(in.Response.Body),
	}, nil
}
