import { defineMessages } from '~/i18n';

export const content = defineMessages(
  'content',
  {
    system: 'System', developer: 'Developer', user: 'User', assistant: 'Assistant', tool: 'Tool', function: 'Function',
    input: 'Input', output: 'Output', noOutput: 'The call has no answer', noInput: 'No input was captured', messages_one: '{{count}} message', messages_other: '{{count}} messages',
    notCaptured: 'No content was captured', notCapturedHint: 'The capture policy of Pitot or of the sender keeps prompts and answers out. Figures, cost and timing are complete without them.',
    removed: 'The content has been removed', removedHint: 'It has reached the age at which prompts and answers go. Figures, cost and timing stay.', withheld: 'Prompts and answers are not shown to your role', withheldHint: 'Ask an administrator for a role that may see content, such as developer.',
    omitted_one: '{{count}} earlier message is not repeated here', omitted_other: '{{count}} earlier messages are not repeated here',
    hidden_one: '{{count}} message in between is folded', hidden_other: '{{count}} messages in between are folded',
    showAll: 'Show all', showLess: 'Show less', showChars: 'Show all {{n}} characters', raw: 'Raw text', rendered: 'Rendered', 
    cut: '{{n}} characters were cut before storing', cutPart: 'A part of the {{part}} was cut before storing, to stay within the limits',
    invisible_one: '{{count}} invisible character', invisible_other: '{{count}} invisible characters', invisibleTip: 'Zero-width or direction-changing characters, which can hide instructions. The raw text shows them.',
    reasoning: 'Reasoning', chars: '{{n}} characters', reasoningHidden: 'The provider keeps the text of the reasoning to itself', refusal: 'Refusal', toolCall: 'Tool call', arguments: 'Arguments', result: 'Result', noResult: 'No result is in this call', resultOf: 'Result of {{name}}', badArguments: 'The arguments are not valid JSON', noArguments: 'No arguments',
    image: 'Image', audio: 'Audio', video: 'Video', document: 'Document', file: 'File', media: 'Media', openMedia: 'Open in a new tab', mediaNote: 'Pitot keeps a reference, not the file', fileId: 'File ID', otherPart: 'Other content', empty: 'Empty', plainOnly: 'Too long or too deeply nested to render: shown as plain text',
    finish: 'Finish reason: {{reason}}', copyMessage: 'Copy the message', emptyMessage: 'Empty message',
  },
  {
    system: '系统', developer: '开发者', user: '用户', assistant: '助手', tool: '工具', function: '函数',
    input: '输入', output: '输出', noOutput: '该调用没有返回内容', noInput: '未采集输入内容', messages_one: '{{count}} 条消息', messages_other: '{{count}} 条消息',
    notCaptured: '未采集内容', notCapturedHint: 'Pitot 或发送端的采集策略不保留提示词和回答。即使没有内容，各项指标、成本和耗时仍然完整。',
    removed: '内容已删除', removedHint: '提示词和回答已超过保留期限。各项指标、成本和耗时仍然保留。', withheld: '您的角色不能查看提示词和回答', withheldHint: '如需查看，请向管理员申请可以查看内容的角色，例如 developer。',
    omitted_one: '此处不再重复之前的 {{count}} 条消息', omitted_other: '此处不再重复之前的 {{count}} 条消息',
    hidden_one: '中间的 {{count}} 条消息已折叠', hidden_other: '中间的 {{count}} 条消息已折叠',
    showAll: '显示全部', showLess: '收起', showChars: '显示全部 {{n}} 个字符', raw: '原文', rendered: '渲染', 
    cut: '存储前截去了 {{n}} 个字符', cutPart: '{{part}}的一部分因超出大小限制，在存储前被截去',
    invisible_one: '{{count}} 个不可见字符', invisible_other: '{{count}} 个不可见字符', invisibleTip: '零宽字符或改变文字方向的字符，可能用来隐藏指令。切换到原文即可看到它们。',
    reasoning: '推理过程', chars: '{{n}} 个字符', reasoningHidden: '提供商没有公开推理过程的文本', refusal: '拒绝回答', toolCall: '工具调用', arguments: '参数', result: '结果', noResult: '该调用中没有返回结果', resultOf: '{{name}} 的结果', badArguments: '参数不是有效的 JSON', noArguments: '无参数',
    image: '图片', audio: '音频', video: '视频', document: '文档', file: '文件', media: '媒体', openMedia: '在新标签页中打开', mediaNote: 'Pitot 只保存引用，不保存文件本身', fileId: '文件 ID', otherPart: '其他内容', empty: '空', plainOnly: '内容过长或嵌套过深，以纯文本显示',
    finish: '结束原因：{{reason}}', copyMessage: '复制消息', emptyMessage: '空消息',
  },
);
