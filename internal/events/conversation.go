package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// ConversationQuery asks for a page of a session.
type ConversationQuery struct {
	Range
	Session string
	Limit   int    // Calls; fewer come where their content is long
	Cursor  string // NextCursor of the page before
}

// Conversation is a page of a session: its Calls with their content, the oldest
// first.
type Conversation struct {
	Session    SessionStat
	Turns      []Turn
	NextCursor string
}

// Turn is one Call of a session. Of its input it holds the messages from
// NewFrom on, and long texts are cut.
type Turn struct {
	Call *llm.Call
	// NewFrom is the index of the first input message that no earlier Call of
	// the session, and no answer to it, had in this place.
	NewFrom       int
	InputMessages int
	// Continues is the id of the Call whose conversation this one continues.
	Continues string
	Feedback  []Feedback
}

const (
	defaultTurns = 50
	// MaxTurns is the most Calls of a session on a page.
	MaxTurns = 200
	// maxPageContent bounds the content that is read for a page: no further Call
	// is read beyond it.
	maxPageContent = 8 << 20
	// turnBatch is how many Calls are read at once.
	turnBatch = 10
	// MaxTurnText is the most characters of a text in a session.
	MaxTurnText = 20_000
)

// turnFields are the fields of Calls in a session.
var turnFields = listFields + `,input,output,"` + fieldApart + `"`

// Conversation returns a page of a session, or ErrNotFound.
func (s *Store) Conversation(ctx context.Context, q ConversationQuery) (*Conversation, error) {
	limit, err := checkLimit(q.Limit, defaultTurns, MaxTurns)
	if err != nil {
		return nil, err
	}
	if q.Session == "" {
		return nil, ErrNotFound
	}
	f := CallFilter{Session: q.Session}
	p := pager{s: s, op: "read session", filter: f.logsql(), fields: turnFields, r: s.resolveOpen(q.Range), limit: limit}
	p.hash = hashOf("session", p.filter, formatTime(q.Start), formatTime(q.End))
	if q.Cursor != "" {
		if p.from, err = parseCursor(q.Cursor, p.hash); err != nil {
			return nil, err
		}
	}
	stats, err := s.sessionStats(ctx, []string{q.Session}, p.r)
	if err != nil {
		return nil, err
	}
	stat := stats[q.Session]
	if stat == nil {
		return nil, ErrNotFound
	}
	keys, more, err := p.keysByTime(ctx, true)
	if err != nil {
		return nil, err
	}
	c := &Conversation{Session: *stat, Turns: []Turn{}}
	h := newHistory()
	if err := p.before(ctx, h); err != nil {
		return nil, err
	}
	read, err := p.turns(ctx, c, h, keys)
	if err != nil {
		return nil, err
	}
	if more || read < len(keys) {
		c.NextCursor = p.after(keys[read-1])
	}
	return c, s.judgeTurns(ctx, c, p.r)
}

// before lets h know the Calls right before the page.
func (p *pager) before(ctx context.Context, h *history) error {
	if p.from.ID == "" {
		return nil
	}
	back := *p
	back.limit = maxThreads
	// The order of pages is by time and id; the last Call before the page is the
	// one that the cursor names.
	back.from.ID += "\x00"
	keys, _, err := back.keysByTime(ctx, false)
	if err != nil {
		return err
	}
	c := &Conversation{}
	if _, err := p.turns(ctx, c, nil, keys); err != nil {
		return err
	}
	for _, t := range slices.Backward(c.Turns) {
		h.add(t.Call)
	}
	return nil
}

// turns reads the Calls of keys until their content is too much for a page, and
// returns of how many of the keys. Without h their messages stay as they are.
func (p *pager) turns(ctx context.Context, c *Conversation, h *history, keys []key) (read int, err error) {
	size := 0
	for batch := range slices.Chunk(keys, turnBatch) {
		rows, err := p.fetch(ctx, batch)
		if err != nil {
			return 0, err
		}
		if err := p.s.joinContents(ctx, rows, true); err != nil {
			return 0, err
		}
		at := 0
		for _, k := range batch {
			if size >= maxPageContent {
				return read, nil
			}
			read++
			if at == len(rows) || rows[at]["id"] != k.id {
				continue // retention has taken it meanwhile
			}
			m := rows[at]
			at++
			size += len(m["input"]) + len(m["output"])
			call, err := decodeCall(m)
			if err != nil {
				return 0, err
			}
			t := Turn{Call: call, InputMessages: len(call.Input)}
			if h != nil {
				t.NewFrom, t.Continues = h.add(call)
				t.shorten()
			}
			c.Turns = append(c.Turns, t)
		}
	}
	return read, nil
}

// shorten leaves out the messages that are not new, and cuts long texts.
func (t *Turn) shorten() {
	t.Call.Input = t.Call.Input[t.NewFrom:]
	for _, messages := range [][]llm.Message{t.Call.Input, t.Call.Output} {
		for i := range messages {
			for j := range messages[i].Parts {
				p := &messages[i].Parts[j]
				cutText(&p.Content, p)
				cutText(&p.Arguments, p)
				if len(p.Response) > MaxTurnText {
					text := string(p.Response)
					if cutText(&text, p) {
						p.Response, _ = json.Marshal(text) // a string always encodes
					}
				}
			}
		}
	}
}

// cutText cuts a text of a part to MaxTurnText characters.
func cutText(text *string, p *llm.Part) bool {
	if len(*text) <= MaxTurnText {
		return false
	}
	over := utf8.RuneCountInString(*text) - MaxTurnText
	if over <= 0 {
		return false
	}
	n := 0
	for at := range *text {
		if n == MaxTurnText {
			*text = (*text)[:at]
			break
		}
		n++
	}
	p.TruncatedChars += over
	return true
}

// judgeTurns adds what was said of the Calls of a page.
func (s *Store) judgeTurns(ctx context.Context, c *Conversation, r Range) error {
	if len(c.Turns) == 0 {
		return nil
	}
	ids := make([]string, len(c.Turns))
	byID := make(map[string]*Turn, len(c.Turns))
	byResponse := map[string]*Turn{}
	for i := range c.Turns {
		t := &c.Turns[i]
		ids[i] = t.Call.ID
		byID[t.Call.ID] = t
		if t.Call.ResponseID != "" {
			byResponse[t.Call.ResponseID] = t
		}
	}
	rows, err := s.rows(ctx, request{
		op: "get feedback",
		query: fmt.Sprintf("%s id:* (call_id:%s or session_id:=%s) | sort by (_time desc) limit %d",
			stream(kindFeedback, "", ""), in(ids), quote(c.Session.Session), maxScores),
		r: r,
	})
	if err != nil {
		return err
	}
	fs, err := decodeFeedbacks(rows)
	if err != nil {
		return err
	}
	for _, f := range latest(fs) {
		t := byID[f.CallID]
		if t == nil && f.CallID == "" {
			t = byResponse[f.ResponseID]
		}
		if t != nil {
			t.Feedback = append(t.Feedback, f)
		}
	}
	return nil
}
