package pitot

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzTransport answers with anything, in any pieces: the caller gets exactly
// that, nothing panics, and one span ends.
func FuzzTransport(f *testing.F) {
	f.Add("api.openai.com", "/v1/chat/completions", chatRequest, chatAnswer, "application/json", "", 200, uint8(0))
	f.Add("api.openai.com", "/v1/chat/completions", chatRequest, chatStream, "text/event-stream", "", 200, uint8(1))
	f.Add("api.anthropic.com", "/v1/messages", `{"model":"c"}`, "event: error\ndata: {}\n\n", "text/event-stream", "gzip", 200, uint8(2))
	f.Add("bedrock-runtime.us-east-1.amazonaws.com", "/model/m/converse-stream", "{}", "\x00\x00\x00\x10", "application/vnd.amazon.eventstream", "", 500, uint8(3))
	f.Add("generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent", "", "[{}", "application/json", "br", 200, uint8(1))
	f.Add("localhost:11434", "/api/chat", `{"model":"m","messages":[]}`, "{}\n{}", "application/x-ndjson", "zstd", 404, uint8(4))
	f.Fuzz(func(t *testing.T, host, path, request, body, contentType, encoding string, status int, how uint8) {
		_, rec := testCore(t)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+host+path, strings.NewReader(request))
		if err != nil {
			t.Skip()
		}
		if how&8 != 0 {
			req.GetBody = nil
		}
		var sent []byte
		base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			sent, _ = io.ReadAll(r.Body)
			var b io.Reader = strings.NewReader(body)
			if how&1 != 0 {
				b = iotest.OneByteReader(b)
			}
			length := int64(len(body))
			if how&2 != 0 {
				length = -1
			}
			return answer(status, b, length, "Content-Type", contentType, "Content-Encoding", encoding), nil
		})
		resp, err := Transport(base).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		want := body
		if how&4 != 0 {
			want = want[:len(want)/2]
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("the caller got %q of %q: %v", got, want, err)
		}
		if how&4 == 0 {
			if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Fatalf("%d more bytes, %v", n, err)
			}
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if string(sent) != request {
			t.Fatalf("sent %q, want %q", sent, request)
		}
		if n := len(rec.Spans()); n > 1 {
			t.Fatalf("%d spans", n)
		}
	})
}

// TestDecompressionBomb: what inflates to gigabytes is not followed.
func TestDecompressionBomb(t *testing.T) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for range 256 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	for _, length := range []int64{int64(b.Len()), -1} {
		_, rec := testCore(t)
		base := roundTripFunc(func(*http.Request) (*http.Response, error) {
			return answer(200, bytes.NewReader(b.Bytes()), length, "Content-Type", "application/json", "Content-Encoding", "gzip"), nil
		})
		if got := send(t, Transport(base), post(t, chatURL, chatRequest)); got != b.String() {
			t.Error("the caller got other bytes")
		}
		if got := attr(rec.only(t), "pitot.truncated"); !strings.Contains(got, "response_body") {
			t.Errorf("truncated %s", got)
		}
	}
}
