// What several views say. A word of the field has one translation, here.

import { defineMessages } from './index';

export const common = defineMessages(
  'common',
  {
    overview: 'Overview', calls: 'Calls', call: 'Call', traces: 'Traces', trace: 'Trace', sessions: 'Sessions', session: 'Session', models: 'Models', model: 'Model', cost: 'Cost', budgets: 'Budgets',
    alerts: 'Alerts', slos: 'SLOs', quality: 'Quality', logs: 'Logs', query: 'Query', infrastructure: 'Infrastructure', status: 'Status', setup: 'Connect', keys: 'API keys', dashboards: 'Dashboards',
    service: 'Service', provider: 'Provider', operation: 'Operation', environment: 'Environment', user: 'User', feature: 'Feature', agent: 'Agent', tool: 'Tool', workflow: 'Workflow', source: 'Source', region: 'Region', team: 'Team', prompt: 'Prompt', promptVersion: 'Prompt version', tags: 'Tags',
    time: 'Time', duration: 'Duration', latency: 'Latency', ttft: 'TTFT', ttftLong: 'Time to first token', tpot: 'TPOT', tokens: 'Tokens', tokensPerSecond: 'Tokens/s', inputTokens: 'Input tokens', outputTokens: 'Output tokens', cacheRead: 'Cache read', cacheWrite: 'Cache write', reasoning: 'Reasoning', requests: 'Requests', errors: 'Errors', errorRate: 'Error rate', error: 'Error', ok: 'OK',
    unpriced: 'unpriced', reported: 'reported', computed: 'computed', estimated: 'estimated', unknown: 'unknown',
    loading: 'Loading', retry: 'Try again', close: 'Close', cancel: 'Cancel', save: 'Save', send: 'Send', copy: 'Copy', copied: 'Copied', search: 'Search', filter: 'Filter', clear: 'Clear', all: 'All', none: 'None', more: 'More', less: 'Less', details: 'Details', open: 'Open', columns: 'Columns', export: 'Export', actions: 'Actions', name: 'Name', value: 'Value', state: 'State', since: 'Since', total: 'Total', other: 'Other', share: 'Share', yes: 'Yes', no: 'No', previousPeriod: 'previous period', from: 'from', to: 'to',
    noData: 'No data in this range', noDataHint: 'Choose a longer range, or remove a filter.', failed: 'This could not be loaded', notForYou: 'This is not for your role or tenant', networkError: 'Pitot does not answer. Is it running?', notFound: 'There is nothing here',
    copyAs: 'Copy as', copyPromQL: 'Copy as PromQL', copyLogsQL: 'Copy as LogsQL', copyCurl: 'Copy as curl', copyLink: 'Copy link', viewAsTable: 'Show as table', viewAsChart: 'Show as chart', openInQuery: 'Open in query page',
    skipToContent: 'Skip to content', rows_one: '{{count}} row', rows_other: '{{count}} rows', callCount_one: '{{count}} call', callCount_other: '{{count}} calls',
  },
  {
    overview: '总览', calls: '调用', call: '调用', traces: '链路', trace: '链路', sessions: '会话', session: '会话', models: '模型', model: '模型', cost: '成本', budgets: '预算',
    alerts: '告警', slos: 'SLO', quality: '质量', logs: '日志', query: '查询', infrastructure: '基础设施', status: '状态', setup: '接入', keys: 'API 密钥', dashboards: '仪表盘',
    service: '服务', provider: '提供商', operation: '操作', environment: '环境', user: '用户', feature: '功能', agent: '智能体', tool: '工具', workflow: '工作流', source: '来源', region: '区域', team: '团队', prompt: '提示词', promptVersion: '提示词版本', tags: '标签',
    time: '时间', duration: '耗时', latency: '延迟', ttft: 'TTFT', ttftLong: '首 token 时间', tpot: 'TPOT', tokens: 'Token', tokensPerSecond: 'Token/秒', inputTokens: '输入 token', outputTokens: '输出 token', cacheRead: '缓存读取', cacheWrite: '缓存写入', reasoning: '推理', requests: '请求', errors: '错误', errorRate: '错误率', error: '错误', ok: '正常',
    unpriced: '未定价', reported: '提供商上报', computed: '计算得出', estimated: '估算', unknown: '未知',
    loading: '加载中', retry: '重试', close: '关闭', cancel: '取消', save: '保存', send: '发送', copy: '复制', copied: '已复制', search: '搜索', filter: '筛选', clear: '清除', all: '全部', none: '无', more: '更多', less: '收起', details: '详情', open: '打开', columns: '列', export: '导出', actions: '操作', name: '名称', value: '值', state: '状态', since: '开始于', total: '合计', other: '其他', share: '占比', yes: '是', no: '否', previousPeriod: '上一周期', from: '从', to: '至',
    noData: '该时间范围内没有数据', noDataHint: '请选择更长的时间范围，或移除筛选条件。', failed: '加载失败', notForYou: '您的角色或租户不能查看此内容', networkError: 'Pitot 没有响应，它在运行吗？', notFound: '这里没有内容',
    copyAs: '复制为', copyPromQL: '复制为 PromQL', copyLogsQL: '复制为 LogsQL', copyCurl: '复制为 curl', copyLink: '复制链接', viewAsTable: '显示为表格', viewAsChart: '显示为图表', openInQuery: '在查询页打开',
    skipToContent: '跳到内容', rows_one: '{{count}} 行', rows_other: '{{count}} 行', callCount_one: '{{count}} 次调用', callCount_other: '{{count}} 次调用',
  },
);
