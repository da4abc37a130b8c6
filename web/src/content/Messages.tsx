// A conversation: what went in and what came out, as a chat.

import { Button, Group, Stack, Text } from '@mantine/core';
import { IconScissors } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import type { Message } from '~/api/types';
import classes from './content.module.css';
import { content } from './messages';
import { MessageView, RawSwitch } from './MessageView';
import { NoContent } from './NoContent';
import { pair, type Paired } from './pairs';

export interface MessagesProps {
  input?: readonly Message[];
  output?: readonly Message[];
  /** Call.truncated: which parts were cut before storing. */
  truncated?: readonly string[];
  /** Messages before these that are shown elsewhere, as in sessions. */
  omitted?: number;
  /** The parts that have gone since. */
  removed?: string[];
  /** The call failed: that there is no answer is no wonder. */
  failed?: boolean;
  /** Without the head, which has the switch between rendered and raw. */
  plain?: boolean;
  /** With `plain`, the choice between rendered and raw is the caller's. */
  raw?: boolean;
}

/** Conversations of more messages are folded in their middle. */
const most = 16;
const stored = 'pitot.content.raw';

function remembered(): boolean {
  return typeof window !== 'undefined' && window.localStorage.getItem(stored) === '1';
}

export function Messages({ input, output, truncated, omitted = 0, removed, failed, plain, raw: given }: MessagesProps) {
  const t = content.useT();
  const [own, setOwn] = useState(remembered);
  const [all, setAll] = useState(false);
  const raw = given ?? own;
  const sides = useMemo(() => {
    const start = input?.length ?? 0;
    const pairs = pair([...(input ?? []), ...(output ?? [])]);
    return { input: pairs.filter((p) => p.index < start), output: pairs.filter((p) => p.index >= start) };
  }, [input, output]);
  if (sides.input.length === 0 && sides.output.length === 0 && omitted === 0) {
    return <NoContent removed={removed} />;
  }
  const hidden = all ? 0 : Math.max(0, sides.input.length - most);
  const first = hidden > 0 ? sides.input.slice(0, 3) : sides.input;
  const last = hidden > 0 ? sides.input.slice(3 + hidden) : [];
  const show = (p: Paired) => <MessageView key={p.index} message={p.message} results={p.results} raw={raw} />;
  return (
    <div>
      {!plain && (
        <Group justify="space-between" mb={4} gap="xs">
          <Text size="xs" c="dimmed">{t('input')} · {t('messages', { count: (input?.length ?? 0) + omitted })}</Text>
          <RawSwitch raw={raw} onChange={(v) => { setOwn(v); window.localStorage.setItem(stored, v ? '1' : '0'); }} />
        </Group>
      )}
      <Stack gap={6}>
        <Cut truncated={truncated} part="input" />
        {omitted > 0 && <Text size="xs" c="dimmed" ta="center">{t('omitted', { count: omitted })}</Text>}
        {sides.input.length === 0 && omitted === 0 && <Text size="xs" c="dimmed" fs="italic">{t('noInput')}</Text>}
        {first.map(show)}
        {hidden > 0 && <div className={classes.gap}><Button size="compact-xs" variant="light" onClick={() => setAll(true)}>{t('hidden', { count: hidden })} · {t('showAll')}</Button></div>}
        {last.map(show)}
        {!plain && (sides.output.length > 0 || !failed) && <Text size="xs" c="dimmed" mt={4}>{t('output')}</Text>}
        <Cut truncated={truncated} part="output" />
        {sides.output.length === 0 && !failed && <Text size="xs" c="dimmed" fs="italic">{t('noOutput')}</Text>}
        {sides.output.map(show)}
      </Stack>
    </div>
  );
}

function Cut({ truncated, part }: { truncated?: readonly string[]; part: 'input' | 'output' }) {
  const t = content.useT();
  if (truncated?.includes(part) !== true) return null;
  return <Group gap={4} c="orange"><IconScissors size={13} aria-hidden /><Text size="xs">{t('cutPart', { part: t(part).toLowerCase() })}</Text></Group>;
}
