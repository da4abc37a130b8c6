package wire

import (
	"encoding/base64"
	"encoding/binary"
	"strings"
)

// documents splits a recorded body into its JSON documents by its format.
func documents(format string, body []byte) []node {
	var out []node
	add := func(b []byte) {
		if n, ok := parseNode(b); ok {
			out = append(out, n)
		}
	}
	switch format {
	case "sse":
		for block := range strings.SplitSeq(strings.ReplaceAll(string(body), "\r\n", "\n"), "\n\n") {
			var data []string
			for line := range strings.SplitSeq(block, "\n") {
				if d, ok := strings.CutPrefix(line, "data:"); ok {
					data = append(data, d)
				}
			}
			if len(data) > 0 {
				add([]byte(strings.Join(data, "\n")))
			}
		}
	case "ndjson", "sse-data-lines":
		for line := range strings.SplitSeq(string(body), "\n") {
			add([]byte(strings.TrimPrefix(line, "data:")))
		}
	case "aws-eventstream":
		for len(body) >= 16 {
			total := int(binary.BigEndian.Uint32(body))
			headers := int(binary.BigEndian.Uint32(body[4:]))
			payload := body[12+headers : total-4]
			name := awsHeader(body[12:12+headers], ":event-type")
			body = body[total:]
			n, ok := parseNode(payload)
			if !ok {
				continue
			}
			if b, ok := n.at("bytes").v.(string); ok {
				raw, _ := base64.StdEncoding.DecodeString(b)
				add(raw)
				continue
			}
			out = append(out, node{map[string]any{name: n.v}})
		}
	case "json-array":
		n, _ := parseNode(body)
		out = n.list()
	default:
		add(body)
	}
	return out
}

// awsHeader finds a string header.
func awsHeader(b []byte, name string) string {
	for len(b) > 0 {
		n := int(b[0])
		key := string(b[1 : 1+n])
		size := int(binary.BigEndian.Uint16(b[2+n:]))
		value := string(b[4+n : 4+n+size])
		if key == name {
			return value
		}
		b = b[4+n+size:]
	}
	return ""
}
