package pipeline

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// appendV1 writes the envelope as Pitot did before version 2.
func appendV1(dst []byte, kind byte, source, id, pair string, at time.Time) []byte {
	dst = append(dst, 1, kind)
	for _, s := range [...]string{source, id, pair} {
		dst = binary.AppendUvarint(dst, uint64(len(s)))
		dst = append(dst, s...)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(at.UnixNano()))
}

func fullHeader() header {
	return header{
		kind: kindSpan, flags: flagCall | flagKeep, source: "otlp", id: "01J", trace: strings.Repeat("ab", 16),
		span: "00f067aa0ba902b7", parent: "00f067aa0ba902b8", response: "chatcmpl-1", held: `{"id":"x"}`, time: time.Unix(1, 2).UTC(),
	}
}

func TestEnvelopeComesBackAsItWas(t *testing.T) {
	for _, h := range []header{fullHeader(), {kind: kindLog, time: time.Unix(0, 0).UTC()}} {
		b := append(appendEnvelope(nil, h), "the row"...)
		got, row, err := openEnvelope(b)
		if err != nil || string(row) != "the row" || got != h {
			t.Errorf("%s, row %q, %v", cmp.Diff(h, got, cmp.AllowUnexported(header{})), row, err)
		}
		for n := range len(b) - len("the row") {
			if _, _, err := openEnvelope(b[:n]); err == nil {
				t.Errorf("%d of %d bytes are opened without an error", n, len(b))
			}
		}
	}
	if _, _, err := openEnvelope([]byte{9, 'c', 0}); err == nil || !strings.Contains(err.Error(), "version 9") {
		t.Errorf("err = %v", err)
	}
}

func TestEnvelopeV1IsStillRead(t *testing.T) {
	at := time.Unix(1_700_000_000, 5).UTC()
	f := func(kind byte, pair string, want header) {
		t.Helper()
		h, row, err := openEnvelope(append(appendV1(nil, kind, "gateway", "01J", pair, at), "row"...))
		if err != nil || string(row) != "row" {
			t.Fatalf("row %q, %v", row, err)
		}
		want.source, want.id, want.time = "gateway", "01J", at
		if d := cmp.Diff(want, h, cmp.AllowUnexported(header{})); d != "" {
			t.Error(d)
		}
		if h.pair() != pair {
			t.Errorf("pair %q, want %q", h.pair(), pair)
		}
	}
	f(kindCall, "t/r/1", header{kind: kindCall, flags: flagCall | flagCounted | flagKeep, trace: "t", response: "r/1"})
	f(kindCall, "", header{kind: kindCall, flags: flagCall | flagCounted | flagKeep})
	f(kindLog, "", header{kind: kindLog, flags: flagKeep})
}

func FuzzOpenEnvelope(f *testing.F) {
	f.Add(append(appendEnvelope(nil, fullHeader()), `{"a":1}`...))
	f.Add(append(appendV1(nil, kindCall, "otlp", "01J", "t/r", time.Unix(1, 2)), `{"a":1}`...))
	f.Add([]byte{1, 'c', 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{2, 's', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, row, err := openEnvelope(b)
		if err != nil {
			return
		}
		h2, row2, err := openEnvelope(append(appendEnvelope(nil, h), row...))
		if err != nil || h2 != h || string(row2) != string(row) {
			t.Errorf("%+v came back as %+v (%v)", h, h2, err)
		}
	})
}
