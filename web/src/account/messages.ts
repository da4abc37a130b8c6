import { defineMessages } from '~/i18n';

export const account = defineMessages(
  'account',
  {
    login: 'Log in', loginHint: 'Log in to see this page.', name: 'Name', password: 'Password', loginWith: 'Log in with {{name}}', or: 'or', failed: 'Login failed', loggedOut: 'You are logged out.',
    noWay: 'Nobody can log in with a name yet', noWayHint: 'Add users to auth.users or a provider to auth.oidc in the configuration: docs/access.md',
    account: 'Account', logout: 'Log out', tenant: 'Tenant', project: 'Tenant or project', defaultTenant: 'default', roles: 'Roles', noContent: 'Your role shows no prompts and answers.',
    keys: 'API keys', keysHint: 'Programs show a key instead of a name and a password. A key is shown once, when it is made.', newKey: 'New key', keyName: 'What is it for?', scopes: 'What may it do?', expires: 'Good for', forever: 'without end', days_one: '{{count}} day', days_other: '{{count}} days',
    create: 'Make the key', shown: 'This is the key. It is shown this once: copy it now.', done: 'I have copied it', revoke: 'Revoke', revokeAsk: 'Revoke the key “{{name}}”? Whoever uses it is turned away at once, for ever.', created: 'Made', lastUsed: 'Last used', never: 'not since the start',
    active: 'active', revoked: 'revoked', expired: 'expired', noKeys: 'There are no keys yet', notAllowed: 'Only administrators manage keys',
    scopeIngest: 'send telemetry, logs and metrics', scopeFeedback: 'send feedback', scopeQuery: 'read, without prompts and answers', scopeContent: 'read, with prompts and answers', scopeGateway: 'call models through the gateway', scopeAdmin: 'everything',
    service: 'Calls are of the service', upstreams: 'May call the upstreams', models: 'May use the models', anyValue: 'all', listHint: 'with commas between them', requestsPerMinute: 'Requests a minute', tokensPerMinute: 'Tokens a minute', unlimited: 'no limit',
  },
  {
    login: '登录', loginHint: '登录后才能查看此页面。', name: '用户名', password: '密码', loginWith: '使用 {{name}} 登录', or: '或', failed: '登录失败', loggedOut: '您已退出登录。',
    noWay: '目前没有可登录的用户', noWayHint: '请在配置的 auth.users 中添加用户，或在 auth.oidc 中配置身份提供方：docs/access.md',
    account: '账户', logout: '退出登录', tenant: '租户', project: '租户或项目', defaultTenant: '默认', roles: '角色', noContent: '您的角色不能查看提示词和回答。',
    keys: 'API 密钥', keysHint: '程序使用密钥代替用户名和密码。密钥只在创建时显示一次。', newKey: '新建密钥', keyName: '用途', scopes: '允许的操作', expires: '有效期', forever: '永久', days_one: '{{count}} 天', days_other: '{{count}} 天',
    create: '创建密钥', shown: '这是密钥，仅显示这一次，请立即复制。', done: '我已复制', revoke: '吊销', revokeAsk: '吊销密钥“{{name}}”？使用它的程序将立即且永久被拒绝。', created: '创建时间', lastUsed: '最近使用', never: '启动后未使用',
    active: '有效', revoked: '已吊销', expired: '已过期', noKeys: '还没有密钥', notAllowed: '只有管理员可以管理密钥',
    scopeIngest: '发送遥测、日志和指标', scopeFeedback: '发送反馈', scopeQuery: '读取，不含提示词和回答', scopeContent: '读取，含提示词和回答', scopeGateway: '通过网关调用模型', scopeAdmin: '全部权限',
    service: '调用记录到服务', upstreams: '可调用的上游', models: '可使用的模型', anyValue: '全部', listHint: '用逗号分隔', requestsPerMinute: '每分钟请求数', tokensPerMinute: '每分钟 token 数', unlimited: '不限',
  },
);
