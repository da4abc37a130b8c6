package forward

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// bulkPath asks for no more of the answer than is read.
const bulkPath = "/_bulk?filter_path=errors,items.*.status,items.*.error"

// elastic sends to Elasticsearch, OpenSearch and what else has their _bulk API.
type elastic struct {
	http  *httpSender
	index indexPattern
	body  []byte
}

func newElastic(d *Destination, userAgent string) (*elastic, error) {
	index, err := parseIndex(d.Index)
	if err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	h, err := newHTTPSender(d, userAgent)
	if err != nil {
		return nil, err
	}
	return &elastic{http: h, index: index}, nil
}

func (e *elastic) close() { e.http.close() }

// keepBody is the most memory that is kept from request to request.
const keepBody = 16 << 20

func (e *elastic) send(ctx context.Context, items []*item) answer {
	body := e.body[:0]
	var name []byte
	for _, it := range items {
		// Create, with the record's id: a document that is there already, from an
		// attempt whose answer was lost, is not written again.
		name = e.index.append(name[:0], it.kind, it.time)
		body = append(body, `{"create":{"_index":`...)
		body = appendJSONString(body, name)
		body = append(body, `,"_id":`...)
		body = appendJSONString(body, it.id)
		body = append(body, "}}\n"...)
		body = appendDocument(body, it)
	}
	if e.body = body; cap(body) > keepBody {
		e.body = nil
	}
	if e.http.zip == nil {
		e.body = nil // the transport may hold on to it after the answer
	}
	b, header, err := e.http.post(ctx, bulkPath, "application/x-ndjson", body)
	if err != nil {
		return failed(items, err)
	}
	a := readBulk(items, b, header)
	if a.err != nil {
		return a
	}
	// What is pending now was refused for its fields: it is sent again at once,
	// in the plain form.
	var again []*item
	for _, it := range items {
		if it.fate == pending {
			again = append(again, it)
		}
	}
	if len(again) > 0 {
		a.merge(e.send(ctx, again))
	}
	return a
}

// bulkAnswer is the part of a _bulk answer that is read.
type bulkAnswer struct {
	Errors bool                  `json:"errors"`
	Items  []map[string]bulkItem `json:"items"`
}

type bulkItem struct {
	Status int             `json:"status"`
	Error  json.RawMessage `json:"error"`
}

// bulkError is why an item was refused.
type bulkError struct {
	Type     string `json:"type"`
	Reason   string `json:"reason"`
	CausedBy struct {
		Reason string `json:"reason"`
	} `json:"caused_by"`
}

// readBulk books what an answer says of each item.
func readBulk(items []*item, b []byte, h http.Header) answer {
	var a bulkAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		return answer{err: fmt.Errorf("the answer is not that of a _bulk API: is the url right? %s", excerpt(b)), class: again}
	}
	if !a.Errors {
		settle(items, sent, "")
		return answer{}
	}
	if len(a.Items) != len(items) {
		return answer{err: fmt.Errorf("the answer is about %d documents of %d", len(a.Items), len(items)), class: few}
	}
	out := answer{class: few}
	for i, ops := range a.Items {
		if len(ops) != 1 {
			out.err = errors.New("the answer does not say what became of a document")
		}
		for _, op := range ops {
			readBulkItem(items[i], op, &out)
		}
	}
	if out.err != nil {
		out.after = retryAfter(h, time.Now())
	}
	return out
}

func readBulkItem(it *item, op bulkItem, out *answer) {
	if op.Status >= 200 && op.Status < 300 || op.Status == http.StatusConflict {
		it.fate = sent // 409: an earlier attempt wrote it
		return
	}
	err := op.err()
	switch {
	case op.Status == http.StatusTooManyRequests || op.Status >= 500:
		if op.Status != http.StatusInternalServerError {
			out.class = again
		}
		out.err = err
	case op.Status == http.StatusBadRequest && !it.plain:
		// Mostly the mapping: a field that was a number so far and is a text here.
		it.plain = true
	case op.Status == http.StatusUnauthorized, op.Status == http.StatusForbidden, op.Status == http.StatusNotFound:
		// The index is closed, read-only or not to be made: the operator's to mend.
		out.class, out.err = again, err
	case op.Status >= 400:
		it.fate, it.reason = dropped, reasonRejected
		out.refusal = err
	default:
		out.err = err // no status that is one
	}
}

func (op bulkItem) err() error {
	var e bulkError
	if json.Unmarshal(op.Error, &e) != nil || e.Reason == "" {
		return fmt.Errorf("document refused with status %d: %s", op.Status, excerpt(op.Error))
	}
	text := e.Type + ": " + e.Reason
	if e.CausedBy.Reason != "" && e.CausedBy.Reason != e.Reason {
		text += ": " + e.CausedBy.Reason
	}
	return fmt.Errorf("document refused with status %d: %w", op.Status, errors.New(excerpt([]byte(text))))
}
