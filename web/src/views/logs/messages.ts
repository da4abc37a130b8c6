import { defineMessages } from '~/i18n';

export const m = defineMessages(
  'logs',
  {
    editor: 'LogsQL query', placeholder: 'LogsQL: level:error service:="checkout" timeout – or | stats by (service) count() n', run: 'Search', allKinds: 'All kinds', allKindsHint: 'Also calls, spans and feedback, not only logs', live: 'Live', liveHint: 'Follow new rows as they come', pause: 'Pause', resume: 'Go on', waiting: 'Waiting for new rows …', paused: 'Paused: {{count}} new', liveRows: '{{count}} rows since {{time}}, the latest {{max}} are kept',
    newest: 'Newest first', oldest: 'Oldest first', order: 'Order', columnsHint: 'Fields to show beside the message', noColumns: 'No field of this name',
    hits: 'Hits', hitsLabel: 'Hits over time by {{by}}; select a range to zoom', total: '{{count}} hits', level: 'Level', message: 'Message', noLevel: 'no level', kind: 'Kind',
    fields: 'Fields', filterFields: 'Find a field', include: 'Only {{field}} = {{value}}', exclude: 'Without {{field}} = {{value}}', addColumn: 'Show {{field}} as a column', removeColumn: 'Hide the column {{field}}', many: 'many values', hideFields: 'Hide the fields', showFields: 'Show the fields', empty: '(empty)',
    fatal: 'fatal', error: 'error', warn: 'warning', info: 'info', debug: 'debug', kindLog: 'log', kindCall: 'call', kindSpan: 'span', kindFeedback: 'feedback',
    rows: 'Rows', table: 'Table', json: 'JSON', openTrace: 'Open trace', openCall: 'Open call', context: 'Context', contextTitle: 'Rows around {{time}}', contextOf: 'Of', sameStream: 'Same stream', sameService: 'Same service', sameTrace: 'Same trace', everything: 'Everything', noneBefore: 'Nothing earlier within an hour', noneAfter: 'Nothing later within an hour',
    noRows: 'No rows match', noRowsHint: 'Choose a longer range, remove a condition, or show all kinds.', noLogs: 'No logs in this range', noLogsHint: 'Calls and spans are there all the same: switch to all kinds. Logs come from log shippers (Elasticsearch output), over OTLP, or from files.', showAll: 'Show all kinds', clearQuery: 'Clear the query', end: 'All rows of the range are shown', loadingMore: 'Loading earlier rows …',
    result: 'Result', resultRows_one: '{{count}} row', resultRows_other: '{{count}} rows', overTime: '{{name}} over time', resultCap: 'Only the first {{count}} rows are shown: add | limit or group by fewer fields.', chart: 'Chart', noResult: 'The query has no result', downloadCSV: 'Download as CSV', tailPipes: 'Live needs a query without pipes that sort, limit or sum up.', actions: 'Copy', value: 'Value', field: 'Field', values: 'values',
  },
  {
    editor: 'LogsQL 查询', placeholder: 'LogsQL：level:error service:="checkout" timeout – 或 | stats by (service) count() n', run: '搜索', allKinds: '所有类型', allKindsHint: '不仅是日志，还包括调用、span 和反馈', live: '实时', liveHint: '实时跟踪新行', pause: '暂停', resume: '继续', waiting: '等待新的行……', paused: '已暂停：{{count}} 条新行', liveRows: '自 {{time}} 起 {{count}} 行，保留最新的 {{max}} 行',
    newest: '最新在前', oldest: '最早在前', order: '顺序', columnsHint: '在消息旁显示的字段', noColumns: '没有此名称的字段',
    hits: '命中数', hitsLabel: '按{{by}}的命中数随时间变化；选择一段可放大', total: '{{count}} 次命中', level: '级别', message: '消息', noLevel: '无级别', kind: '类型',
    fields: '字段', filterFields: '查找字段', include: '仅 {{field}} = {{value}}', exclude: '排除 {{field}} = {{value}}', addColumn: '将 {{field}} 显示为列', removeColumn: '隐藏列 {{field}}', many: '取值很多', hideFields: '隐藏字段', showFields: '显示字段', empty: '（空）',
    fatal: '致命', error: '错误', warn: '警告', info: '信息', debug: '调试', kindLog: '日志', kindCall: '调用', kindSpan: 'span', kindFeedback: '反馈',
    rows: '行', table: '表格', json: 'JSON', openTrace: '打开链路', openCall: '打开调用', context: '上下文', contextTitle: '{{time}} 前后的行', contextOf: '范围', sameStream: '同一流', sameService: '同一服务', sameTrace: '同一链路', everything: '全部', noneBefore: '此前一小时内没有内容', noneAfter: '此后一小时内没有内容',
    noRows: '没有匹配的行', noRowsHint: '请选择更长的时间范围、移除条件，或显示所有类型。', noLogs: '该时间范围内没有日志', noLogsHint: '调用和 span 仍然存在：可切换到所有类型。日志可来自日志采集器（Elasticsearch 输出）、OTLP 或文件。', showAll: '显示所有类型', clearQuery: '清空查询', end: '已显示该范围内的所有行', loadingMore: '正在加载更早的行……',
    result: '结果', resultRows_one: '{{count}} 行', resultRows_other: '{{count}} 行', overTime: '{{name}} 随时间的变化', resultCap: '仅显示前 {{count}} 行：请添加 | limit 或减少分组字段。', chart: '图表', noResult: '查询没有结果', downloadCSV: '下载 CSV', tailPipes: '实时模式下的查询不能包含排序、限制或汇总的管道。', actions: '复制', value: '值', field: '字段', values: '取值',
  },
);
