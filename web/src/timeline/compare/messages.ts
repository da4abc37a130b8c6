import { defineMessages } from '~/i18n';

export const comparing = defineMessages(
  'compareCalls',
  {
    title: 'Compare calls', callA: 'Call A', callB: 'Call B', pick: 'Enter the IDs of two calls, or choose them in the list of calls.', swap: 'Swap A and B', measure: 'Measure', delta: 'B against A', differences: 'Differences', onlyDifferent: 'Only differences', timelines: 'Timelines on one axis', timelinesHint: 'Both calls begin at 0, whenever they were made. Zoom, playhead and replay are those of both.', texts: 'Texts', prompts: 'Prompts', answers: 'Answers', tools: 'Tools', same: 'The two are the same.', bothEmpty: 'Neither has any that was recorded.', sameLines_one: '{{count}} same line', sameLines_other: '{{count}} same lines', lines: '{{add}} added, {{del}} removed, {{change}} changed lines', longest: 'Longest gap', stalls: 'Stalls', chunks: 'Chunks', finish: 'Finish reason', param: 'Parameter', medianGap: 'Median gap', overhead: 'Gateway overhead', rawHint: 'In A only: −, in B only: +', moreLines: 'Show {{count}} more lines', absent: 'not given', phase: 'Phase: {{name}}',
  },
  {
    title: '对比调用', callA: '调用 A', callB: '调用 B', pick: '请输入两次调用的 ID，或在调用列表中选择。', swap: '交换 A 和 B', measure: '指标', delta: 'B 相对 A', differences: '差异', onlyDifferent: '仅显示差异', timelines: '同一时间轴上的时间线', timelinesHint: '两次调用都从 0 开始，与实际发生时间无关。缩放、播放头和回放对两者同时生效。', texts: '文本', prompts: '提示词', answers: '回答', tools: '工具', same: '两者相同。', bothEmpty: '两者都没有记录。', sameLines_one: '{{count}} 行相同', sameLines_other: '{{count}} 行相同', lines: '新增 {{add}} 行，删除 {{del}} 行，修改 {{change}} 行', longest: '最长间隔', stalls: '卡顿', chunks: '分块', finish: '结束原因', param: '参数', medianGap: '间隔中位数', overhead: '网关开销', rawHint: '仅在 A：−，仅在 B：+', moreLines: '再显示 {{count}} 行', absent: '未给出', phase: '阶段：{{name}}',
  },
);
