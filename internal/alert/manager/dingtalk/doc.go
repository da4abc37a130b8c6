// Package dingtalk sends notifications to DingTalk's custom robots.
//
// It owns the configuration of a dingtalk_configs entry, the signature, the two
// message types (markdown and actionCard), whom to name and what the robot's
// error codes mean. Rate limits and texts are package robot's.
//
// The entry type is Notifier, a notify.Notifier for the Alertmanager.
//
// Invariants:
//   - At most 20 messages leave in any minute; more would mute the robot for ten.
//   - The webhook's URL, which holds the token, is in no error and no log.
package dingtalk
