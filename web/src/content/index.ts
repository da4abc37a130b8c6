// Content of calls, shown as text: nothing in it becomes markup.

export { Messages, type MessagesProps } from './Messages';
export { MessageView, type MessageViewProps } from './MessageView';
export { TextView, type TextViewProps } from './TextView';
export { previewOf } from './text';
