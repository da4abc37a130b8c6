import { defineMessages } from '~/i18n';

export const explain = defineMessages(
  'explain',
  {
    title: 'Explanation', working: 'Comparing the calls', causes: 'Causes', metric: 'Metric', window: 'These calls', baseline: 'Baseline', calls: '{{n}} calls', sampled: 'one in {{n}} was read', allCalls: 'All calls', new: 'new', showCalls: 'Show these calls', contribution: '{{p}} of the change', shareOf: 'Share of the calls', callsOf: '{{window}} calls, {{baseline}} in the baseline', since: 'since', until: 'until', same: 'The same calls by another name', sameHint: 'These conditions select the same calls', outcome: 'Outcome', examples: 'Examples', errorKinds: 'Kinds of errors', errorCount: '{{n}} errors', phases: 'Where the time goes',
    explained: 'Explained', uniform: 'All alike', unexplained: 'Not explained', unchanged: 'No change', unknown: 'Too few calls',
    hint_explained: 'The cause that makes most of the change comes first.', hint_uniform: 'All parts of the traffic differ alike: look at what they share.', hint_unexplained: 'There is a difference, and no part of the traffic stands out.', hint_unchanged: 'No difference beyond chance.', hint_unknown: 'There are too few calls to tell.',
    kind_behaviour: 'went otherwise', kind_behaviour_hint: 'Such calls went otherwise than those of the baseline.', kind_mix: 'other mix', kind_mix_hint: 'There are more or fewer of such calls, and they always were like this.', kind_volume: 'volume', kind_volume_hint: 'There are more or fewer of such calls.',
    phase_connect: 'Connect', phase_queue: 'Queue', phase_load: 'Model load', phase_prefill: 'Prefill', phase_queue_or_prefill: 'Queue or prefill', phase_decode: 'Decode', phase_stalls: 'Stalls', phase_longer_answers: 'Longer answers', phase_unknown: 'Not measured', evidence_measured: 'measured', evidence_inferred: 'inferred', evidence_rest: 'what is left over',
  },
  {
    title: '分析', working: '正在比较调用', causes: '原因', metric: '指标', window: '这些调用', baseline: '基线', calls: '{{n}} 次调用', sampled: '每 {{n}} 次读取一次', allCalls: '全部调用', new: '新出现', showCalls: '查看这些调用', contribution: '占变化的 {{p}}', shareOf: '占调用的比例', callsOf: '{{window}} 次调用，基线中 {{baseline}} 次', since: '自', until: '至', same: '同一批调用的其他名称', sameHint: '这些条件选出的是同一批调用', outcome: '结果', examples: '示例', errorKinds: '错误种类', errorCount: '{{n}} 次错误', phases: '时间花在哪里',
    explained: '已解释', uniform: '整体变化', unexplained: '无法解释', unchanged: '没有变化', unknown: '调用太少',
    hint_explained: '影响最大的原因排在最前。', hint_uniform: '各部分流量的差异相同：请检查它们的共同之处。', hint_unexplained: '存在差异，但没有哪一部分流量特别突出。', hint_unchanged: '差异在随机波动范围内。', hint_unknown: '调用数量不足，无法判断。',
    kind_behaviour: '表现不同', kind_behaviour_hint: '这类调用的表现与基线不同。', kind_mix: '构成变化', kind_mix_hint: '这类调用变多或变少了，而它们一直如此。', kind_volume: '数量变化', kind_volume_hint: '这类调用变多或变少了。',
    phase_connect: '建立连接', phase_queue: '排队', phase_load: '模型加载', phase_prefill: '预填充', phase_queue_or_prefill: '排队或预填充', phase_decode: '解码', phase_stalls: '卡顿', phase_longer_answers: '回答变长', phase_unknown: '未测量', evidence_measured: '测得', evidence_inferred: '推断', evidence_rest: '其余部分',
  },
);
