package pitot

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// TestAskUsage: the server is asked, the span has the counts, and the program
// gets what it would have got without.
func TestAskUsage(t *testing.T) {
	const (
		request = `{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Hello"}]}`
		usage   = "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n"
	)
	for name, cut := range map[string]func(io.Reader) io.Reader{
		"whole": func(r io.Reader) io.Reader { return r }, "bytes": iotest.OneByteReader, "halves": iotest.HalfReader, "data with its error": iotest.DataErrReader,
	} {
		for _, size := range []int{1, 7, 4096} {
			_, rec := testCore(t)
			var sent string
			base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
				b, _ := io.ReadAll(r.Body)
				if sent = string(b); r.ContentLength != int64(len(b)) {
					t.Errorf("a length of %d for %d bytes", r.ContentLength, len(b))
				}
				return answer(200, cut(strings.NewReader(chatStream)), -1, "Content-Type", "text/event-stream"), nil
			})
			resp, err := Transport(base, AskUsage()).RoundTrip(post(t, chatURL, request))
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			buf := make([]byte, size)
			for {
				n, err := resp.Body.Read(buf)
				got.Write(buf[:n])
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			_ = resp.Body.Close()
			if want := strings.Replace(chatStream, usage, "", 1); got.String() != want {
				t.Errorf("%s, %d: the program got %q", name, size, got.String())
			}
			if !strings.Contains(sent, `"include_usage":true`) {
				t.Errorf("sent %s", sent)
			}
			wantAttrs(t, rec.only(t), map[string]string{"gen_ai.usage.input_tokens": "9", "gen_ai.usage.output_tokens": "2", "pitot.notes": ""})
		}
	}
}

// TestAskUsageOnlyWhereItHelps leaves all other requests as they are.
func TestAskUsageOnlyWhereItHelps(t *testing.T) {
	testCore(t)
	for _, body := range []string{chatRequest, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[]}`, "no JSON"} {
		var sent string
		base := roundTripFunc(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			sent = string(b)
			return answer(200, strings.NewReader(chatStream), -1, "Content-Type", "text/event-stream"), nil
		})
		if got := send(t, Transport(Transport(base), AskUsage()), post(t, chatURL, body)); got != chatStream || sent != body {
			t.Errorf("sent %q for %q, got %q", sent, body, got)
		}
	}
}
