package wire

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newAWS(emit func(frame), oversized func()) framer {
	return &awsFramer{emit: emit, oversized: oversized, corrupt: func() { emit(frame{event: "corrupt"}) }}
}

func TestAWSEvents(t *testing.T) {
	in := awsEvent("messageStart", `{"role":"assistant"}`) + awsException("throttlingException", `{"message":"slow down"}`) + awsEvent("end", "")
	want := []string{`messageStart|{"role":"assistant"}`, `throttlingException|{"message":"slow down"}`, "end|"}
	for size := 1; size <= len(in); size++ {
		if d := cmp.Diff(want, frames(newAWS, []byte(in), func() int { return size })); d != "" {
			t.Fatalf("pieces of %d (-want +got):\n%s", size, d)
		}
	}
}

// A message of which any bit has changed is not trusted, nor what follows it.
func TestAWSEventsCorrupt(t *testing.T) {
	first := awsEvent("one", "{}")
	in := first + awsEvent("two", `{"a":1}`) + awsEvent("three", "{}")
	second := len(awsEvent("two", `{"a":1}`))
	for i := len(first); i < len(first)+second; i++ {
		b := []byte(in)
		b[i] ^= 0x10
		if d := cmp.Diff([]string{"one|{}", "corrupt|"}, frames(newAWS, b, func() int { return 7 })); d != "" {
			t.Fatalf("byte %d changed (-want +got):\n%s", i, d)
		}
	}
}

func TestAWSEventHeaders(t *testing.T) {
	var h []byte
	add := func(name string, typ byte, value ...byte) {
		h = append(append(append(h, byte(len(name))), name...), typ)
		h = append(h, value...)
	}
	add("t", 0)
	add("f", 1)
	add("b", 2, 7)
	add("s", 3, 1, 0)
	add("i", 4, 0, 0, 1, 0)
	add("l", 5, 0, 0, 0, 0, 0, 0, 0, 9)
	add("y", 6, 0, 2, 'h', 'i')
	add("x", 7, 0, 1, 'z')
	add("d", 8, 0, 0, 0, 0, 0, 0, 0, 1)
	add("u", 9, make([]byte, 16)...)
	var got map[string]string
	f := awsFramer{emit: func(f frame) { got = f.headers }, oversized: func() {}, corrupt: func() { t.Error("corrupt") }}
	f.write(awsRaw(h, nil))
	want := map[string]string{"t": "true", "f": "false", "b": "7", "s": "256", "i": "256", "l": "9", "y": "hi", "x": "z", "d": "1", "u": string(make([]byte, 16))}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("headers (-want +got):\n%s", d)
	}
	for _, bad := range [][]byte{{5, 'a'}, {1, 'a'}, {1, 'a', 10}, {1, 'a', 7, 0}, {1, 'a', 7, 0, 9, 'x'}, {1, 'a', 5, 0}} {
		corrupt := false
		f := awsFramer{emit: func(frame) { t.Errorf("headers %v are taken", bad) }, corrupt: func() { corrupt = true }}
		f.write(awsRaw(bad, nil))
		if !corrupt {
			t.Errorf("headers %v are not noticed", bad)
		}
	}
}

// awsRaw encodes a message with headers that are encoded already.
func awsRaw(headers, payload []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(headers)+len(payload)+awsPrelude+awsTrailer))
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = append(append(b, headers...), payload...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
}

func TestAWSEventsOversized(t *testing.T) {
	in := append(awsRaw(nil, make([]byte, maxFrame)), awsEvent("after", "{}")...)
	for _, size := range []int{len(in), 1 << 20, 4099} {
		if d := cmp.Diff([]string{"oversized", "after|{}"}, frames(newAWS, in, func() int { return size })); d != "" {
			t.Errorf("pieces of %d: differs", size)
		}
	}
}

func FuzzAWSEvents(f *testing.F) {
	fuzzFramer(f, newAWS, func(string) ([]string, bool) { return nil, false },
		awsEvent("a", "{}")+awsException("b", "{}"), awsEvent("a", "{}")[:20], string(awsRaw([]byte{1, 'a', 0}, nil)))
}
