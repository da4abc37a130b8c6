package engine

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// tailLines is how many of the child's last log lines Status shows.
const tailLines = 20

// maxLogLine cuts a line of the child's log.
const maxLogLine = 600

// rowText matches the places where the engine quotes a row that it rejects.
// Rows hold prompts, which must not get into a log.
var rowText = regexp.MustCompile(`(?s)(line contents|log entry|the line snippet|the row contents|requestURI|filter)"?\s*[:=].*|(-insert\.maxFieldsPerLine=\d+;).*`)

// readLog passes the child's log on to the parent's.
func (s *Supervisor) readLog(r io.Reader) {
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := br.ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			level, msg := parseLogLine(line)
			s.remember(msg)
			s.log.Log(context.Background(), level, "engine says", "text", msg)
		}
		if err != nil {
			return
		}
	}
}

func (s *Supervisor) remember(msg string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tail) >= tailLines {
		s.tail = append([]string(nil), s.tail[1:]...)
	}
	s.tail = append(s.tail, msg)
}

// parseLogLine understands the engine's JSON lines; anything else, such as a
// stack trace, is a warning as it stands. What the engine calls information is
// of use only to those who debug it.
func parseLogLine(line string) (slog.Level, string) {
	var l struct{ Level, Msg string }
	level, msg := slog.LevelWarn, line
	if line[0] == '{' && json.Unmarshal([]byte(line), &l) == nil && l.Msg != "" {
		msg = l.Msg
		switch l.Level {
		case "info":
			level = slog.LevelDebug
		case "warn":
			level = slog.LevelWarn
		default:
			level = slog.LevelError
		}
	}
	if strings.HasPrefix(msg, "remoteAddr: ") {
		level = slog.LevelDebug // the answer to a wrong query, which its sender got
	}
	msg = rowText.ReplaceAllString(msg, "$1$2 [row not shown]")
	if len(msg) > maxLogLine {
		msg = strings.ToValidUTF8(msg[:maxLogLine], "") + "..."
	}
	return level, msg
}
