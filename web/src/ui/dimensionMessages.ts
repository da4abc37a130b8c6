// The names of dimensions have the API's spelling as keys; a dot is an underscore.

import { defineMessages } from '~/i18n';

export const dimensionTexts = defineMessages(
  'dimensions',
  {
    service: 'Service', environment: 'Environment', provider: 'Provider', model: 'Model', response_model: 'Answering model', operation: 'Operation', user: 'User', feature: 'Feature', status: 'Status', error_type: 'Error type', cost_state: 'Cost state', session: 'Session', prompt_name: 'Prompt', prompt_version: 'Version', source: 'Source', upstream: 'Upstream', agent: 'Agent', workflow: 'Workflow', dialect: 'Dialect', region: 'Region', service_tier: 'Service tier', trace_id: 'Trace', team: 'Team', tag: 'Tag', none: '(none)',
    query: 'LogsQL', search: 'Text', min_duration: 'Longer than', max_duration: 'Shorter than',
    addFilter: 'Filter', chooseDimension: 'Filter by', chooseValue: 'Value', noValues: 'No values in this range', remove: 'Remove filter {{name}}', clearAll: 'Clear filters', logsql: 'LogsQL filter', logsqlExample: 'usage.output_tokens:>1000', add: 'Add', filters: 'Filters',
  },
  {
    service: '服务', environment: '环境', provider: '提供商', model: '模型', response_model: '实际应答模型', operation: '操作', user: '用户', feature: '功能', status: '状态', error_type: '错误类型', cost_state: '成本状态', session: '会话', prompt_name: '提示词', prompt_version: '版本', source: '来源', upstream: '上游', agent: '智能体', workflow: '工作流', dialect: '协议方言', region: '区域', service_tier: '服务等级', trace_id: '链路', team: '团队', tag: '标签', none: '（无）',
    query: 'LogsQL', search: '文本', min_duration: '耗时大于', max_duration: '耗时小于',
    addFilter: '筛选', chooseDimension: '筛选维度', chooseValue: '取值', noValues: '该时间范围内没有取值', remove: '移除筛选 {{name}}', clearAll: '清除筛选', logsql: 'LogsQL 筛选', logsqlExample: 'usage.output_tokens:>1000', add: '添加', filters: '筛选条件',
  },
);
