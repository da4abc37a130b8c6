package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestRemoteWriteBombsAreDefused: a few bytes that say that they unpack to
// gigabytes are refused before anything is unpacked.
func TestRemoteWriteBombsAreDefused(t *testing.T) {
	var got []byte
	h := boundedBodies(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var err error
		if got, err = io.ReadAll(r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	ask := func(path string, body io.Reader) int {
		got = nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, body))
		return w.Code
	}
	bomb := append(binary.AppendUvarint(nil, 4<<30), "x"...)
	if code := ask(writePath, bytes.NewReader(bomb)); code != http.StatusRequestEntityTooLarge || got != nil {
		t.Errorf("%d %q", code, got)
	}
	if code := ask(writePath, strings.NewReader(strings.Repeat("\xff", 20))); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a length that is none: %d", code)
	}
	good := append(binary.AppendUvarint(nil, 5), "hello"...)
	if code := ask(writePath, bytes.NewReader(good)); code != http.StatusOK || !bytes.Equal(got, good) {
		t.Errorf("%d %q", code, got)
	}
	if code := ask("/api/v1/query", io.LimitReader(zeros{}, maxPrometheusBody+1)); code == http.StatusOK {
		t.Error("a body without an end is read")
	}
	if code := ask(writePath, http.NoBody); code != http.StatusOK {
		t.Errorf("no body: %d", code)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
