import { defineMessages } from '~/i18n';

export const messages = defineMessages(
  'panel',
  {
    last: 'Last', min: 'Min', mean: 'Mean', max: 'Max', series: 'Series', range: 'Range', calls: 'Count', shown: '{{shown}} of {{all}} series: those with the highest values',
    noSeries: 'Nothing of this kind in this range', noSeriesHint: 'No series answers this query. Choose a longer range, or remove a filter.', perColumn: '{{share}} of this moment', scale: '0 … {{max}} calls', started: 'Started', native: 'native histogram', classic: 'classic buckets', any: 'All', chosen: '{{count}} chosen', findValue: 'Find a value', noValues: 'No values in this range', noMatch: 'No value matches',
  },
  {
    last: '最新', min: '最小', mean: '平均', max: '最大', series: '序列', range: '区间', calls: '数量', shown: '共 {{all}} 条序列，显示数值最高的 {{shown}} 条',
    noSeries: '该时间范围内没有此类数据', noSeriesHint: '没有序列符合此查询。请选择更长的时间范围，或移除筛选条件。', perColumn: '占该时刻的 {{share}}', scale: '0 … {{max}} 次调用', started: '开始时间', native: '原生直方图', classic: '经典分桶', any: '全部', chosen: '已选 {{count}} 项', findValue: '查找值', noValues: '该时间范围内没有可选值', noMatch: '没有匹配的值',
  },
);
