import { defineMessages } from '~/i18n';

export const messages = defineMessages(
  'dashboards',
  {
    intro: 'The shipped dashboards, as Grafana shows them too. Each is a page with a range and variables in its address.',
    forRole: 'For', onCall: 'On call', developer: 'Developers', finance: 'Finance', product: 'Product', everyone: 'Everyone',
    rolePages: 'Pages of a role', general: 'All dashboards', panels_one: '{{count}} panel', panels_other: '{{count}} panels', back: 'All dashboards', none: 'There is no dashboard {{id}}', noneHint: 'The list has all that there are.', noTraces: 'No traces match', inGrafana: 'In Grafana: {{uid}}', variables: 'Variables',
  },
  {
    intro: '随 Pitot 提供的仪表盘，与 Grafana 中的相同。每个仪表盘的时间范围与变量都在地址中。',
    forRole: '面向', onCall: '值班', developer: '开发', finance: '财务', product: '产品', everyone: '所有人',
    rolePages: '角色页面', general: '全部仪表盘', panels_one: '{{count}} 个面板', panels_other: '{{count}} 个面板', back: '全部仪表盘', none: '没有名为 {{id}} 的仪表盘', noneHint: '列表中是全部可用的仪表盘。', noTraces: '没有匹配的链路', inGrafana: 'Grafana 中的 uid：{{uid}}', variables: '变量',
  },
);

export const roleNames = { 'on-call': 'onCall', developer: 'developer', finance: 'finance', product: 'product' } as const;
export type Role = keyof typeof roleNames;
