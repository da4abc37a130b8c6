package provider

import (
	"bufio"
	"crypto/sha1" // RFC 6455 prescribes it; it protects nothing here
	"encoding/base64"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
)

// maxFrame bounds a WebSocket frame.
const maxFrame = 1 << 20

func isUpgrade(r *http.Request) bool {
	return strings.EqualFold(r.Header.Get("Upgrade"), "websocket") &&
		strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade")
}

// AcceptKey is the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key.
func AcceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// serveWebSocket echoes every message until the client closes.
func (s *Server) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if key == "" || r.Header.Get("Sec-WebSocket-Version") != "13" {
		http.Error(w, "not a websocket handshake: Sec-WebSocket-Key and version 13 are required", http.StatusBadRequest)
		return
	}
	h, ok := w.(http.Hijacker)
	if !ok {
		http.Error(w, "websocket needs HTTP/1.1", http.StatusNotImplemented)
		return
	}
	t := Truth{Seq: s.seq.Add(1), Path: r.URL.Path, Start: s.cfg.Now(), Status: http.StatusSwitchingProtocols}
	conn, rw, err := h.Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	reply := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + AcceptKey(key) + "\r\n"
	if p := r.Header.Get("Sec-WebSocket-Protocol"); p != "" {
		first, _, _ := strings.Cut(p, ",")
		reply += "Sec-WebSocket-Protocol: " + first + "\r\n"
	}
	if _, err = rw.WriteString(reply + "\r\n"); err == nil {
		err = rw.Flush()
	}
	for err == nil {
		var op byte
		var payload []byte
		if op, payload, err = ReadFrame(rw.Reader); err != nil {
			break
		}
		t.Bytes += int64(len(payload))
		t.Chunks++
		if op&0x0F == 0x9 { // a ping is answered by a pong
			op = op&0xF0 | 0xA
		}
		if err = WriteFrame(rw.Writer, op, payload, nil); err == nil {
			err = rw.Flush()
		}
		if op&0x0F == 0x8 {
			break
		}
	}
	t.ClientGone = err != nil
	t.Duration = s.cfg.Now().Sub(t.Start)
	s.truth.add(&t)
}

// ReadFrame reads one WebSocket frame: its first byte (FIN and opcode) and its
// payload, unmasked.
func ReadFrame(r *bufio.Reader) (op byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1] & 0x7F)
	var ext [8]byte
	switch n {
	case 126:
		if _, err = io.ReadFull(r, ext[:2]); err != nil {
			return 0, nil, err
		}
		n = uint64(binary.BigEndian.Uint16(ext[:2]))
	case 127:
		if _, err = io.ReadFull(r, ext[:]); err != nil {
			return 0, nil, err
		}
		n = binary.BigEndian.Uint64(ext[:])
	}
	if n > maxFrame {
		return 0, nil, io.ErrShortBuffer
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err = io.ReadFull(r, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	payload = make([]byte, n)
	if _, err = io.ReadFull(r, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return head[0], payload, nil
}

// WriteFrame writes one WebSocket frame; a client masks, a server does not.
func WriteFrame(w io.Writer, op byte, payload []byte, mask *[4]byte) error {
	head := []byte{op, 0}
	switch n := len(payload); {
	case n < 126:
		head[1] = byte(n)
	case n < 1<<16:
		head[1] = 126
		head = binary.BigEndian.AppendUint16(head, uint16(n))
	default:
		head[1] = 127
		head = binary.BigEndian.AppendUint64(head, uint64(n))
	}
	if mask != nil {
		head[1] |= 0x80
		head = append(head, mask[:]...)
		masked := make([]byte, len(payload))
		for i := range payload {
			masked[i] = payload[i] ^ mask[i%4]
		}
		payload = masked
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}
