import { defineMessages } from '~/i18n';

export const sessions = defineMessages(
  'sessions',
  {
    search: 'Words in prompts, answers or errors', order: 'Order', newest: 'Newest', costliest: 'Costliest', longest: 'Longest', most_calls: 'Most calls', none: 'No session matches', noneHint: 'A session is known where calls say which one they belong to: the header X-Pitot-Session, the SDK, or session.id / gen_ai.conversation.id of OpenTelemetry.',
    users: 'Users', last: 'Last call', length: 'Length', score: 'Score', scoreOf_one: 'mean of {{count}} score', scoreOf_other: 'mean of {{count}} scores', all: 'These are all.', loadingMore: 'Loading more …', held: 'The list stands still while you read further down.', showNewest: 'Show the newest',
    turn: 'Turn {{n}}', turns: 'Conversation', end: 'End of the session', newThread: 'a conversation of its own begins', continuesTurn: 'goes on from turn {{n}}', continuesEarlier: 'goes on from an earlier call', after: '{{d}} later', repeated_one: '{{count}} message repeated from before is hidden', repeated_other: '{{count}} messages repeated from before are hidden', openCall: 'Open the call', openTrace: 'Trace', totals: 'Totals of the session', duration: 'From first to last call', wholeRange: 'Everything that is stored of the session, whatever the time range is.', feedback: 'Feedback', allOfUser: 'All sessions of this user', tracesCount_one: '{{count}} trace', tracesCount_other: '{{count}} traces', errorCount_one: '{{count}} error', errorCount_other: '{{count}} errors', shown: '{{some}} of {{all}} calls shown', more: 'Show more', costSoFar: 'Cost so far',
  },
  {
    search: '提示词、回答或错误中的词', order: '排序', newest: '最新', costliest: '最贵', longest: '最长', most_calls: '调用最多', none: '没有匹配的会话', noneHint: '调用注明所属会话后才会出现在这里：请求头 X-Pitot-Session、SDK，或 OpenTelemetry 的 session.id / gen_ai.conversation.id。',
    users: '用户', last: '末次调用', length: '时长', score: '评分', scoreOf_one: '{{count}} 个评分的均值', scoreOf_other: '{{count}} 个评分的均值', all: '已全部显示。', loadingMore: '正在加载更多…', held: '向下浏览时列表保持不动。', showNewest: '显示最新',
    turn: '第 {{n}} 轮', turns: '对话', end: '会话结束', newThread: '开始一段独立的对话', continuesTurn: '接续第 {{n}} 轮', continuesEarlier: '接续更早的调用', after: '{{d}} 之后', repeated_one: '已隐藏 {{count}} 条重复的历史消息', repeated_other: '已隐藏 {{count}} 条重复的历史消息', openCall: '打开调用', openTrace: '链路', totals: '会话合计', duration: '首次到末次调用', wholeRange: '显示该会话已存储的全部内容，与所选时间范围无关。', feedback: '反馈', allOfUser: '该用户的全部会话', tracesCount_one: '{{count}} 条链路', tracesCount_other: '{{count}} 条链路', errorCount_one: '{{count}} 个错误', errorCount_other: '{{count}} 个错误', shown: '已显示 {{some}} / {{all}} 次调用', more: '显示更多', costSoFar: '累计成本',
  },
);
