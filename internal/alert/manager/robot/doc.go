// Package robot has what the group robots of chat tools share: messages that
// are rendered from templates with a plain text where a template fails, rate
// limits that never refuse a notification but merge those that wait, secrets
// from files, and the JSON exchange with its bounds.
//
// The entry types are Renderer, which makes a Message of alerts, and Sender,
// which delivers Messages at the rate that a Limiter allows.
//
// It does not know any robot's protocol: packages dingtalk and feishu do.
//
// Invariants:
//   - A notification is sent although its template fails; the text says so.
//   - No more messages leave than the limits allow, in any window of time.
//   - What waits is bounded; past the bound the caller gets an error that can be
//     retried.
package robot
