// One message of a conversation.

import { Badge, Group, SegmentedControl, Text } from '@mantine/core';
import { IconMessage, IconRobot, IconSettings, IconTool, IconUser } from '@tabler/icons-react';
import { memo, useState, type ReactNode } from 'react';
import type { Message, MessagePart } from '~/api/types';
import { CopyButton } from '~/ui/Copy';
import classes from './content.module.css';
import { content } from './messages';
import { PartView } from './PartView';

export interface MessageViewProps {
  message: Message;
  /** Results of its tool calls, by the place of the part; see pair(). */
  results?: ReadonlyMap<number, MessagePart>;
  /** Raw text; absent: a switch of its own where there is something to render. */
  raw?: boolean;
  /** Beside the role: a time, a place. */
  note?: ReactNode;
  /** Characters and lines before "show all". */
  chars?: number;
  lines?: number;
}

const roles = { system: IconSettings, developer: IconSettings, user: IconUser, assistant: IconRobot, model: IconRobot, tool: IconTool, function: IconTool } as const;
type Role = keyof typeof roles;

/** The whole message as text, for the clipboard. */
export function textOf(message: Message): string {
  return message.parts.map((p) => p.content ?? p.arguments ?? (p.response === undefined ? (p.uri ?? '') : typeof p.response === 'string' ? p.response : safeJson(p.response))).filter((x) => x !== '').join('\n\n');
}

function safeJson(v: unknown): string {
  try {
    return JSON.stringify(v, null, 2) ?? '';
  } catch {
    return ''; // nested too deeply to be written
  }
}

export const MessageView = memo(function MessageView({ message, results, raw, note, chars, lines }: MessageViewProps) {
  const t = content.useT();
  const [own, setOwn] = useState(false);
  const known = message.role in roles ? (message.role as Role) : undefined;
  const Icon = known === undefined ? IconMessage : roles[known];
  const role = known === undefined ? message.role : t(known === 'model' ? 'assistant' : known);
  const system = known === 'system' || known === 'developer';
  return (
    <article className={classes.message} data-role={known === 'model' ? 'assistant' : known === 'developer' ? 'system' : (known ?? 'other')} aria-label={role}>
      <header className={classes.head}>
        <Group gap={6} wrap="nowrap" miw={0}>
          <Icon size={14} aria-hidden />
          <Text size="xs" fw={650}>{role}</Text>
          {message.name !== undefined && <Text size="xs" c="dimmed" truncate>{message.name}</Text>}
          {note !== undefined && <Text size="xs" c="dimmed" component="div">{note}</Text>}
        </Group>
        <Group gap={4} wrap="nowrap">
          {message.finish_reason !== undefined && message.finish_reason !== 'stop' && <Badge size="xs" variant="light" color={message.finish_reason === 'length' || message.finish_reason === 'content_filter' ? 'orange' : 'gray'} tt="none" title={t('finish', { reason: message.finish_reason })}>{message.finish_reason}</Badge>}
          {raw === undefined && <RawSwitch raw={own} onChange={setOwn} />}
          <CopyButton text={textOf(message)} label={t('copyMessage')} />
        </Group>
      </header>
      {message.parts.length === 0 ? <Text size="xs" c="dimmed" fs="italic">{t('emptyMessage')}</Text> : (
        <div className={classes.parts}>
          {message.parts.map((p, i) => <PartView key={i} part={p} raw={raw ?? own} result={results?.get(i)} chars={chars ?? (system ? 500 : undefined)} lines={lines ?? (system ? 8 : undefined)} />)}
        </div>
      )}
    </article>
  );
});

export function RawSwitch({ raw, onChange }: { raw: boolean; onChange: (raw: boolean) => void }) {
  const t = content.useT();
  return <SegmentedControl size="xs" className={classes.switch} value={raw ? 'raw' : 'rendered'} onChange={(v) => onChange(v === 'raw')} aria-label={`${t('rendered')} / ${t('raw')}`} data={[{ value: 'rendered', label: t('rendered') }, { value: 'raw', label: t('raw') }]} />;
}
