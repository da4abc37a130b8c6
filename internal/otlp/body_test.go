package otlp

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// deadlineWriter is a connection whose sender falls silent after some bytes.
type deadlineWriter struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (w *deadlineWriter) SetReadDeadline(t time.Time) error {
	w.deadlines = append(w.deadlines, t)
	return nil
}

type silent struct{ io.Reader }

func (s silent) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		err = os.ErrDeadlineExceeded // what net/http returns once the deadline is over
	}
	return n, err
}

func TestSilentSenderIsGivenUp(t *testing.T) {
	r, err := New(Options{Sink: &fakeSink{}, Normalizer: &plainNormalizer{}})
	if err != nil {
		t.Fatal(err)
	}
	for contentType, path := range map[string]string{typeProto: "/v1/traces", typeGRPC: methodTraces} {
		req := httptest.NewRequest(http.MethodPost, path, silent{bytes.NewReader([]byte{0, 0, 0, 1, 0, 1})})
		req.Header.Set("Content-Type", contentType)
		req.ProtoMajor = 2
		w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
		started := time.Now()
		r.HTTPHandler().ServeHTTP(w, req)
		if contentType == typeProto && w.Code != http.StatusRequestTimeout {
			t.Errorf("status %d %q", w.Code, w.Body)
		}
		if contentType == typeGRPC && w.Result().Trailer.Get("Grpc-Status") != "4" {
			t.Errorf("trailers %v", w.Result().Trailer)
		}
		if len(w.deadlines) < 2 || w.deadlines[0].Before(started.Add(readPause)) || w.deadlines[0].After(started.Add(readTotal)) {
			t.Errorf("deadlines %v", w.deadlines)
		}
		if !w.deadlines[len(w.deadlines)-1].IsZero() {
			t.Error("the deadline stays: net/http would take it for a client that went away")
		}
	}
	if n := r.budget.used.Load(); n != 0 {
		t.Errorf("%d bytes are still in flight", n)
	}
}

func TestPacedBodyEnds(t *testing.T) {
	w := &deadlineWriter{ResponseRecorder: httptest.NewRecorder()}
	b := paced(w, io.NopCloser(strings.NewReader("x")))
	b.end = time.Now().Add(time.Second)
	if _, err := b.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if !w.deadlines[0].Equal(b.end) {
		t.Errorf("deadline %v is after the end %v: a sender could trickle for ever", w.deadlines[0], b.end)
	}
}
