import { defineMessages } from '~/i18n';

export const models = defineMessages(
  'models',
  {
    groupBy: 'Group by', baseline: 'Compare with', busiest: 'Busiest: {{name}}', judgement: 'Quality of', allJudgements: 'All judgements', failuresOnly: '{{name}} (failures only)', qualityMixed: 'Rules keep only the answers that failed, so a mean over all judgements is too low. Choose one of people or of a judge.', measure: 'Measure',
    calls: 'Calls', latency_p50: 'Latency p50', latency_p95: 'Latency p95', latency_p99: 'Latency p99', ttft_p50: 'TTFT p50', ttft_p95: 'TTFT p95', tpot_p50: 'TPOT p50', tokens_per_second: 'Tokens/s', error_rate: 'Error rate', cost_per_call: 'Cost per call', cost_per_1k: 'Cost per 1K output', cache_share: 'Cache share', quality: 'Quality',
    latency_seconds: 'Latency', ttft_seconds: 'TTFT', tpot_seconds: 'TPOT',
    sideBySide: 'Side by side', sideBySideHelp: 'Bars and shades are 95 % intervals. A verdict needs an adjusted p-value below 0.05 (Holm, over all {{n}} comparisons) and a difference of 2 % or more.', overTime: '{{measure}} over time', table: 'All measures', chosen: 'Compared in detail',
    isBaseline: 'baseline', better: '{{change}} better', worse: '{{change}} worse', same: 'no difference shown (n={{n}})', tooFew: 'too few calls (n={{n}})', sameShort: 'no diff. (n={{n}})', tooFewShort: 'too few (n={{n}})', tooFewJudgements: 'too few judgements (n={{n}})', noTest: 'not tested', noBaseline: 'nothing to compare with', p: 'adjusted p = {{p}}', pSmall: 'adjusted p < 0.001', ofBaseline: 'against {{name}}: {{change}}',
    interval: '{{low}} – {{high}}', atLeast: '≥ {{low}}', atMost: '≤ {{high}}', n: 'n={{n}}', noValue: 'not measured', effective: '{{n}} calls, worth {{effective}} independent ones because senders sample',
    rowLabel: '{{name}}: {{measure}} {{value}}, 95 % interval {{interval}}, {{verdict}}', ridgeLabel: '{{name}}: distribution of {{measure}}: p50 {{p50}}, p95 {{p95}}, p99 {{p99}}, {{n}} calls',
    openCalls: 'Calls of {{name}}', pick: 'Pick {{name}} to compare in detail', makeBaseline: 'Compare with this', compareChosen: 'Compare {{n}} in detail', pickMore: 'Pick 2 to 5 rows to compare in detail', unpick: 'Clear choice', remove: 'Remove {{name}}',
    omitted: '{{n}} smaller groups are not shown.', showMore: 'Show up to 50', unpricedCalls_one: '{{count}} unpriced call is not in costs', unpricedCalls_other: '{{count}} unpriced calls are not in costs',
    oneDimension: 'Quantiles over time are kept for one dimension. Group by one of them.', tpotLabels: 'TPOT over time comes from metrics, which know service, provider and model. Group and filter by these.', qualityElsewhere: 'Scores over time are on the quality page.', openQuality: 'Open the quality page', over: 'p50, p95 and p99 with their 95 % intervals', baselineGone: 'The chosen baseline has no calls here, so nothing is compared. Choose another, or widen the range.',
    density: 'Share of calls by {{measure}} (log scale)', total: 'Cost', tokensIn: 'Input per call', tokensOut: 'Output per call', difference: 'Difference',
    noGroups: 'No calls to compare', noGroupsHint: 'Choose a longer range, or remove a filter.', onlyOne: 'There is one group only: nothing to compare it with. Group by another dimension or remove a filter.', lowIsLeft: 'less is better', moreIsBetter: 'more is better',
  },
  {
    groupBy: '分组', baseline: '对比基线', busiest: '调用最多：{{name}}', judgement: '质量指标', allJudgements: '全部评判', failuresOnly: '{{name}}（仅失败）', qualityMixed: '规则只保留未通过的回答，因此全部评判的均值偏低。请选择某个人工或评审模型的评判。', measure: '指标',
    calls: '调用数', latency_p50: '延迟 p50', latency_p95: '延迟 p95', latency_p99: '延迟 p99', ttft_p50: 'TTFT p50', ttft_p95: 'TTFT p95', tpot_p50: 'TPOT p50', tokens_per_second: 'Token/秒', error_rate: '错误率', cost_per_call: '单次调用成本', cost_per_1k: '每千输出 token 成本', cache_share: '缓存占比', quality: '质量',
    latency_seconds: '延迟', ttft_seconds: 'TTFT', tpot_seconds: 'TPOT',
    sideBySide: '并排对比', sideBySideHelp: '线段与阴影为 95% 置信区间。只有校正后的 p 值低于 0.05（对全部 {{n}} 次比较做 Holm 校正）且差异不小于 2% 时才下结论。', overTime: '{{measure}} 随时间变化', table: '全部指标', chosen: '详细对比',
    isBaseline: '基线', better: '优于基线 {{change}}', worse: '劣于基线 {{change}}', same: '未显示差异 (n={{n}})', tooFew: '调用过少 (n={{n}})', sameShort: '未显示差异 (n={{n}})', tooFewShort: '样本过少 (n={{n}})', tooFewJudgements: '评判过少 (n={{n}})', noTest: '不做检验', noBaseline: '没有可对比的基线', p: '校正后 p = {{p}}', pSmall: '校正后 p < 0.001', ofBaseline: '相对 {{name}}：{{change}}',
    interval: '{{low}} – {{high}}', atLeast: '≥ {{low}}', atMost: '≤ {{high}}', n: 'n={{n}}', noValue: '未测得', effective: '{{n}} 次调用；由于发送端采样，相当于 {{effective}} 次独立调用',
    rowLabel: '{{name}}：{{measure}} {{value}}，95% 置信区间 {{interval}}，{{verdict}}', ridgeLabel: '{{name}}：{{measure}} 分布：p50 {{p50}}，p95 {{p95}}，p99 {{p99}}，{{n}} 次调用',
    openCalls: '{{name}} 的调用', pick: '选择 {{name}} 进行详细对比', makeBaseline: '设为基线', compareChosen: '详细对比 {{n}} 项', pickMore: '选择 2 至 5 行进行详细对比', unpick: '清除选择', remove: '移除 {{name}}',
    omitted: '另有 {{n}} 个较小的分组未显示。', showMore: '最多显示 50 个', unpricedCalls_one: '{{count}} 次未定价调用未计入成本', unpricedCalls_other: '{{count}} 次未定价调用未计入成本',
    oneDimension: '分位数随时间的变化只按单一维度保存，请只按一个维度分组。', tpotLabels: 'TPOT 随时间的变化来自指标，只含服务、提供商和模型维度，请按这些维度分组和筛选。', qualityElsewhere: '评分随时间的变化见质量页。', openQuality: '打开质量页', over: 'p50、p95、p99 及其 95% 置信区间', baselineGone: '所选基线在此范围内没有调用，因此无法对比。请另选基线或放宽时间范围。',
    density: '按{{measure}}的调用占比（对数坐标）', total: '成本', tokensIn: '平均每次输入', tokensOut: '平均每次输出', difference: '差异',
    noGroups: '没有可对比的调用', noGroupsHint: '请选择更长的时间范围，或移除筛选条件。', onlyOne: '只有一个分组，无从对比。请换一个分组维度或移除筛选条件。', lowIsLeft: '越小越好', moreIsBetter: '越大越好',
  },
);
