package pitot

import "context"

// logIDs are the ids that a context knows of the call that a record is about: the
// call's own and the model's answer's. A call that is being changed right now is
// not waited for: the record may be written from within that change.
func logIDs(ctx context.Context) (request, response string) {
	m, ok := ctx.Value(measuredKey{}).(*manual)
	if !ok || !m.mu.TryLock() {
		return "", ""
	}
	defer m.mu.Unlock()
	return m.call.ID, m.call.ResponseID
}
