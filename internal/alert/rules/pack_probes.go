package rules

func probesPack() *pack {
	return &pack{
		name: "probes", doc: "models that do not answer a probe, or answer it wrong.",
		params: []param{
			{"failing_for", 300, unitDuration, "ProbeFailing: how long."},
			{"wrong_for", 600, unitDuration, "ProbeWrong: how long."},
		},
		groups: func(values) []groupText {
			which := "{{ $labels.model }}{{ with $labels.upstream }} ({{ . }}){{ end }}"
			return []groupText{{Name: "probes", Rules: []ruleText{
				alertDef{
					name: "ProbeFailing", severity: critical, hold: "<failing_for>",
					expr:          "pitot_probe_success == 0",
					summary:       which + " does not answer the probe {{ $labels.probe }}",
					summaryZH:     which + " 没有回答探测 {{ $labels.probe }}",
					description:   "No run of the probe has had an answer for <failing_for!>. Look at `pitot probes` for the error, and at the calls of the service pitot-probe.",
					descriptionZH: "该探测已连续 <failing_for!> 没有得到回答。请用 `pitot probes` 查看错误，并查看服务 pitot-probe 的调用。",
				}.rule(),
				alertDef{
					name: "ProbeWrong", severity: warning, hold: "<wrong_for>",
					expr:          "pitot_probe_correct == 0 and pitot_probe_success == 1",
					summary:       which + " answers the probe {{ $labels.probe }} wrong",
					summaryZH:     which + " 对探测 {{ $labels.probe }} 的回答不符合预期",
					description:   "The probe has had answers other than the expected one for <wrong_for!>. Look at the answers in the calls of the service pitot-probe, and at whether the model or its settings changed.",
					descriptionZH: "该探测已连续 <wrong_for!> 得到与预期不同的回答。请在服务 pitot-probe 的调用中查看回答，并确认模型或其设置是否变化。",
				}.rule(),
			}}}
		},
	}
}
