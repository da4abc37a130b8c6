// One part of a message: a text, reasoning, a tool call with its result, media.

import { ActionIcon, Anchor, Badge, Collapse, Group, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { IconBrain, IconChevronDown, IconChevronRight, IconExternalLink, IconFile, IconHandStop, IconMovie, IconPhoto, IconTool, IconVolume } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import type { MessagePart } from '~/api/types';
import { bytes, count } from '~/format/number';
import { CopyButton } from '~/ui/Copy';
import { Json } from '~/ui/Json';
import classes from './content.module.css';
import { content } from './messages';
import { safeImage, safeLink } from './links';
import { jsonOf } from './text';
import { TextView } from './TextView';

export interface PartProps {
  part: MessagePart;
  raw: boolean;
  result?: MessagePart;
  chars?: number;
  lines?: number;
}

export function PartView({ part, raw, result, chars, lines }: PartProps) {
  const t = content.useT();
  switch (part.type) {
    case 'text':
      return <TextView text={part.content ?? ''} raw={raw} chars={chars} lines={lines} truncated={part.truncated_chars} />;
    case 'reasoning':
      return <Reasoning part={part} raw={raw} />;
    case 'refusal':
      return (
        <div className={classes.refusal}>
          <Group gap={4} mb={2}><IconHandStop size={14} /><Text size="xs" fw={600}>{t('refusal')}</Text></Group>
          <TextView text={part.content ?? ''} raw={raw} truncated={part.truncated_chars} />
        </div>
      );
    case 'tool_call':
      return <ToolCall part={part} result={result} raw={raw} />;
    case 'tool_call_response':
      return (
        <Box_ title={t('resultOf', { name: part.name ?? part.id ?? t('tool') })}>
          <Response part={part} raw={raw} />
        </Box_>
      );
    case 'blob': case 'uri': case 'file':
      return <Media part={part} />;
    case 'other':
      return <Box_ title={part.name ?? t('otherPart')}>{part.content !== undefined && <TextView text={part.content} raw={raw} truncated={part.truncated_chars} />}{part.response !== undefined && <Json value={part.response} open={1} />}</Box_>;
  }
}

function Box_({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className={classes.box}>
      <Text size="xs" fw={600} c="dimmed" mb={2} className={classes.break}>{title}</Text>
      {children}
    </div>
  );
}

function Reasoning({ part, raw }: { part: MessagePart; raw: boolean }) {
  const t = content.useT();
  const [open, setOpen] = useState(false);
  const text = part.content ?? '';
  if (text === '') return <Group gap={4} c="dimmed"><IconBrain size={14} /><Text size="xs" fs="italic">{t('reasoningHidden')}</Text></Group>;
  return (
    <div className={classes.reasoning}>
      <UnstyledButton onClick={() => setOpen(!open)} aria-expanded={open} className={classes.foldTitle}>
        {open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
        <IconBrain size={14} /> {t('reasoning')} <Text span size="xs" c="dimmed">{t('chars', { n: count(text.length) })}</Text>
      </UnstyledButton>
      {open && <div className={classes.reasoningText}><TextView text={text} raw={raw} truncated={part.truncated_chars} /></div>}
    </div>
  );
}

function ToolCall({ part, result, raw }: { part: MessagePart; result?: MessagePart; raw: boolean }) {
  const t = content.useT();
  const args = part.arguments ?? '';
  const valid = args === '' || jsonOf(args) !== undefined || part.truncated_chars !== undefined;
  return (
    <div className={classes.tool}>
      <Group gap={6} mb={4} wrap="wrap">
        <IconTool size={14} aria-hidden />
        <Text size="sm" fw={600} ff="monospace" className={classes.break}>{part.name ?? t('toolCall')}</Text>
        {part.id !== undefined && <Text size="xs" c="dimmed" ff="monospace" className={classes.break}>{part.id}</Text>}
        {!valid && <Badge size="xs" color="orange" variant="light" tt="none">{t('badArguments')}</Badge>}
      </Group>
      <div className={classes.toolSides}>
        <div>
          <Text size="xs" c="dimmed" fw={500}>{t('arguments')}</Text>
          {args === '' ? <Text size="xs" c="dimmed" fs="italic">{t('noArguments')}</Text> : <TextView text={args} raw={raw || jsonOf(args) === undefined} mono truncated={part.truncated_chars} />}
        </div>
        <div>
          <Text size="xs" c="dimmed" fw={500}>{t('result')}</Text>
          {result === undefined ? <Text size="xs" c="dimmed" fs="italic">{t('noResult')}</Text> : <Response part={result} raw={raw} />}
        </div>
      </div>
    </div>
  );
}

/** What a tool gave back: a text, which may be JSON, or any JSON. */
function Response({ part, raw }: { part: MessagePart; raw: boolean }) {
  const v = part.response ?? part.content;
  if (v === undefined || typeof v === 'string') return <TextView text={v ?? ''} raw={raw} chars={900} lines={14} mono truncated={part.truncated_chars} />;
  return <Json value={v} open={2} maxHeight={320} />;
}

const icons = { image: IconPhoto, audio: IconVolume, video: IconMovie, document: IconFile } as const;

/** Media are a reference: what, how large, which; never loaded from elsewhere. */
function Media({ part }: { part: MessagePart }) {
  const t = content.useT();
  const kind = part.modality ?? part.mime_type?.split('/')[0];
  const known = kind === 'image' || kind === 'audio' || kind === 'video' || kind === 'document' ? kind : undefined;
  const Icon = icons[known ?? 'document'];
  const link = safeLink(part.uri);
  const image = safeImage(part);
  return (
    <div className={classes.media}>
      <Icon size={22} stroke={1.5} aria-hidden />
      <div className={classes.mediaText}>
        <Group gap={6}>
          <Text size="sm" fw={500}>{t(known ?? (part.type === 'file' ? 'file' : 'media'))}</Text>
          {part.mime_type !== undefined && <Text size="xs" c="dimmed">{part.mime_type}</Text>}
          {part.size !== undefined && <Text size="xs" c="dimmed">{bytes(part.size)}</Text>}
          {link === undefined && part.uri === undefined && <Tooltip label={t('mediaNote')}><Text size="xs" c="dimmed" tabIndex={0}>ⓘ</Text></Tooltip>}
        </Group>
        {part.uri !== undefined && (link === undefined ? <Text size="xs" ff="monospace" className={classes.break}>{part.uri.slice(0, 200)}{part.uri.length > 200 ? '…' : ''}</Text> : (
          <Group gap={4} wrap="nowrap">
            <Anchor href={link} target="_blank" rel="noopener noreferrer nofollow" size="xs" className={classes.break}>{part.uri}</Anchor>
            <ActionIcon component="a" href={link} target="_blank" rel="noopener noreferrer nofollow" size="xs" variant="subtle" aria-label={t('openMedia')}><IconExternalLink size={12} /></ActionIcon>
          </Group>
        ))}
        {part.file_id !== undefined && <Group gap={4}><Text size="xs" c="dimmed">{t('fileId')}</Text><Text size="xs" ff="monospace" className={classes.break}>{part.file_id}</Text><CopyButton text={part.file_id} /></Group>}
        {part.sha256 !== undefined && <Group gap={4}><Text size="xs" c="dimmed">SHA-256</Text><Text size="xs" ff="monospace" title={part.sha256}>{part.sha256.slice(0, 16)}…</Text><CopyButton text={part.sha256} /></Group>}
        {image !== undefined && <Picture src={image} label={t('image')} />}
      </div>
    </div>
  );
}

function Picture({ src, label }: { src: string; label: string }) {
  const t = content.useT();
  const [open, setOpen] = useState(false);
  return (
    <>
      <UnstyledButton className={classes.foldTitle} aria-expanded={open} onClick={() => setOpen(!open)}>{open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}{open ? t('showLess') : t('showAll')}</UnstyledButton>
      <Collapse expanded={open}>{open && <img src={src} alt={label} className={classes.picture} />}</Collapse>
    </>
  );
}
