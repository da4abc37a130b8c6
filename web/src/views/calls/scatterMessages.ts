import { defineMessages } from '~/i18n';

export const scatter = defineMessages(
  'scatter',
  {
    y: 'Vertical axis', colourBy: 'Colour by', log: 'Logarithmic', model: 'Model', status: 'Status', service: 'Service', provider: 'Provider', error_type: 'Error type', label: '{{y}} of {{n}} calls over time. Arrows go from call to call, Enter opens one; drag to select a region.', legend: 'Colours', crossIsError: '✕ failed', notKnown: '{{n}} calls without {{y}}', allPoints: 'All {{n}} calls', somePoints: '{{n}} of {{total}} calls ({{p}}), evenly sampled', nothing: 'No call in this range matches the filters.',
    selected: '{{n}} of {{of}} points selected', ask: 'What is different here?', question: 'Question', which: 'Which calls are these', why: '{{y}}', fail: 'Errors', zoom: 'Zoom in', clear: 'Clear selection', list: 'List them', bounds: 'Select by numbers', fromTime: 'From', toTime: 'To', least: 'Least {{y}}', greatest: 'Greatest {{y}}', select: 'Select',
  },
  {
    y: '纵轴', colourBy: '着色依据', log: '对数', model: '模型', status: '状态', service: '服务', provider: '提供商', error_type: '错误类型', label: '{{n}} 次调用的{{y}}随时间的分布。方向键在调用间移动，Enter 打开；拖动可框选区域。', legend: '颜色', crossIsError: '✕ 失败', notKnown: '{{n}} 次调用没有{{y}}', allPoints: '全部 {{n}} 次调用', somePoints: '{{total}} 次调用中均匀抽样 {{n}} 次（{{p}}）', nothing: '该时间范围内没有调用符合筛选条件。',
    selected: '已选中 {{of}} 个点中的 {{n}} 个', ask: '这里有什么不同？', question: '问题', which: '这些是哪些调用', why: '{{y}}', fail: '错误', zoom: '放大', clear: '清除选择', list: '列出这些调用', bounds: '按数值选择', fromTime: '从', toTime: '至', least: '最小{{y}}', greatest: '最大{{y}}', select: '选择',
  },
);
