package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLines(t *testing.T) {
	in := "{\"a\":1}\r\n\n  {\"b\":2}\n{\"c\":3}"
	for size := 1; size <= len(in); size++ {
		got := frames(newLines, []byte(in), func() int { return size })
		if d := cmp.Diff([]string{`|{"a":1}`, `|{"b":2}`, `|{"c":3}`}, got); d != "" {
			t.Fatalf("pieces of %d (-want +got):\n%s", size, d)
		}
	}
	long := strings.Repeat("x", maxFrame+1) + "\n{}\n"
	if d := cmp.Diff([]string{"oversized", "|{}"}, frames(newLines, []byte(long), func() int { return 1 << 16 })); d != "" {
		t.Errorf("oversized line (-want +got):\n%s", d)
	}
}

func TestArray(t *testing.T) {
	for in, want := range map[string][]string{
		`[{"a":"]},{\\"},` + "\n" + ` {"b":[1,{"c":2}]}]`: {`|{"a":"]},{\\"}`, `|{"b":[1,{"c":2}]}`},
		`[]`:                    nil,
		`[1,"a,]",[2],null]  x`: {"|1", `|"a,]"`, "|[2]", "|null"},
		`[{"a":1},{"b":`:        {`|{"a":1}`},
		` [ {} , {} ] `:         {"|{}", "|{}"},
	} {
		for size := 1; size <= len(in); size++ {
			got := frames(newArray, []byte(in), func() int { return size })
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s in pieces of %d (-want +got):\n%s", in, size, d)
			}
		}
	}
	long := `[{"a":"` + strings.Repeat("x", maxFrame) + `"},{"b":1}]`
	if d := cmp.Diff([]string{"oversized", `|{"b":1}`}, frames(newArray, []byte(long), func() int { return 1 << 16 })); d != "" {
		t.Errorf("oversized element: %d bytes of difference", len(d))
	}
}

func FuzzLines(f *testing.F) {
	fuzzFramer(f, newLines, func(in string) ([]string, bool) {
		var want []string
		for line := range strings.SplitSeq(in, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				want = append(want, "|"+line)
			}
		}
		return want, true
	}, "{}\n{\"a\":1}\r\n\n{", "\n\n")
}

func FuzzArray(f *testing.F) {
	fuzzFramer(f, newArray, func(in string) ([]string, bool) {
		var elems []json.RawMessage
		if json.Unmarshal([]byte(in), &elems) != nil {
			return nil, false
		}
		var want []string
		for _, e := range elems {
			want = append(want, "|"+strings.TrimSpace(string(e)))
		}
		return want, true
	}, `[{"a":"]"},[1],2,"x"]`, `[[],{}]`, `[`)
}
