package logs

import (
	"bytes"
	"path/filepath"
	"strings"
	"time"

	"github.com/valyala/fastjson"
)

// wrapped is a piece of a line as a container runtime writes it.
type wrapped struct {
	text   []byte
	time   time.Time
	stream string
	more   bool // the line goes on in the next piece
}

// unwrapCRI reads the form of Kubernetes' container runtimes:
// "2026-01-01T00:00:00.123456789Z stdout F text", with P where the line goes on.
func unwrapCRI(line []byte) (wrapped, bool) {
	if len(line) < 30 || line[4] != '-' || line[10] != 'T' {
		return wrapped{}, false
	}
	stamp, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(stamp) > 40 {
		return wrapped{}, false
	}
	stream, rest, ok := bytes.Cut(rest, []byte(" "))
	if !ok || string(stream) != "stdout" && string(stream) != "stderr" {
		return wrapped{}, false
	}
	tags, text, ok := bytes.Cut(rest, []byte(" "))
	if !ok { // an empty line has no space behind its tags
		tags, text = rest, nil
	}
	tag, _, _ := bytes.Cut(tags, []byte(":"))
	if string(tag) != "F" && string(tag) != "P" {
		return wrapped{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err != nil {
		return wrapped{}, false
	}
	return wrapped{text: text, time: t.UTC(), stream: string(stream), more: string(tag) == "P"}, true
}

// unwrapDocker reads the form of Docker's json-file driver:
// {"log":"text\n","stream":"stdout","time":"..."}. Docker cuts long lines in
// pieces, of which only the last ends with a newline.
func unwrapDocker(p *fastjson.Parser, line []byte) (wrapped, bool) {
	if !bytes.HasPrefix(line, []byte(`{"log":"`)) || !bytes.Contains(line, []byte(`"stream":"`)) {
		return wrapped{}, false
	}
	v, err := p.ParseBytes(line)
	if err != nil {
		return wrapped{}, false
	}
	text, stream := v.GetStringBytes("log"), string(v.GetStringBytes("stream"))
	t, err := time.Parse(time.RFC3339Nano, string(v.GetStringBytes("time")))
	if err != nil || stream != "stdout" && stream != "stderr" {
		return wrapped{}, false
	}
	whole, ended := bytes.CutSuffix(text, []byte("\n"))
	return wrapped{text: bytes.TrimSuffix(whole, []byte("\r")), time: t.UTC(), stream: stream, more: !ended}, true
}

// resourceOfPath reads namespace, pod and container from the paths under which
// Kubernetes keeps logs:
//
//	/var/log/pods/<namespace>_<pod>_<uid>/<container>/0.log
//	/var/log/containers/<pod>_<namespace>_<container>-<id>.log
func resourceOfPath(path string) (resource map[string]string, container string) {
	slashed := filepath.ToSlash(path)
	if _, rest, ok := strings.Cut(slashed, "/log/pods/"); ok {
		seg := strings.Split(rest, "/")
		pod := strings.Split(seg[0], "_")
		if len(seg) < 3 || len(pod) != 3 {
			return nil, ""
		}
		return map[string]string{ResourceNamespace: pod[0], ResourcePod: pod[1], "k8s.pod.uid": pod[2], "k8s.container.name": seg[1]}, seg[1]
	}
	if _, rest, ok := strings.Cut(slashed, "/log/containers/"); ok {
		part := strings.Split(strings.TrimSuffix(rest, ".log"), "_")
		if len(part) != 3 {
			return nil, ""
		}
		name := part[2]
		if i := strings.LastIndexByte(name, '-'); i > 0 {
			name = name[:i]
		}
		return map[string]string{ResourceNamespace: part[1], ResourcePod: part[0], "k8s.container.name": name}, name
	}
	return nil, ""
}
