// Package feishu sends notifications to the custom bots of Feishu and Lark.
//
// It owns the configuration of a feishu_configs entry, the signature, the
// interactive card, whom to name and what the bot's codes mean. Rate limits and
// texts are package robot's.
//
// The entry type is Notifier, a notify.Notifier for the Alertmanager.
//
// Invariants:
//   - At most 5 messages leave in any second, and 100 in any minute.
//   - A request has at most 20 KB.
//   - What comes from labels and annotations cannot name people.
//   - The webhook's URL, which holds the token, is in no error and no log.
package feishu
