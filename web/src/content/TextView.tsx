// A text of a prompt or an answer: rendered or raw, folded where it is long.

import { Badge, Button, Group, Text, Tooltip } from '@mantine/core';
import { Component, useMemo, useState, type ReactNode } from 'react';
import { count } from '~/format/number';
import { Json } from '~/ui/Json';
import { Markdown } from '~/ui/Markdown';
import classes from './content.module.css';
import { content } from './messages';
import { fold, foldChars, foldLines, invisibleCount, jsonOf, renderable, reveal } from './text';

export interface TextViewProps {
  text: string;
  /** As it is, and not rendered. */
  raw?: boolean;
  /** Characters and lines that are shown before "show all". */
  chars?: number;
  lines?: number;
  /** Characters that are missing at the end. */
  truncated?: number;
  /** Monospaced where it is raw. */
  mono?: boolean;
}

/** Shows the plain text where rendering fails. */
class OrPlain extends Component<{ children: ReactNode; plain: ReactNode; text: string }, { failed: string | null }> {
  override state: { failed: string | null } = { failed: null };
  override componentDidCatch() {
    this.setState({ failed: this.props.text });
  }
  static getDerivedStateFromError() {
    return {};
  }
  override render() {
    return this.state.failed === this.props.text ? this.props.plain : this.props.children;
  }
}

export function TextView({ text, raw = false, chars = foldChars, lines = foldLines, truncated, mono }: TextViewProps) {
  const t = content.useT();
  const [all, setAll] = useState(false);
  const json = useMemo(() => jsonOf(text), [text]);
  const part = useMemo(() => fold(text, chars, lines), [text, chars, lines]);
  const hidden = useMemo(() => invisibleCount(text), [text]);
  const shown = all || part === undefined ? text : part;
  const ok = useMemo(() => renderable(shown), [shown]);
  if (text === '' && truncated === undefined) return <Text size="sm" c="dimmed" fs="italic">{t('empty')}</Text>;
  const plain = <div className={classes.plain} data-mono={raw && mono ? '' : undefined} dir="auto">{raw ? reveal(shown) : shown}</div>;
  return (
    <div className={classes.text}>
      {!raw && json !== undefined ? <Json value={text} open={2} maxHeight={360} /> : raw || !ok ? plain : <OrPlain text={shown} plain={plain}><div className={classes.rendered} dir="auto"><Markdown text={shown} /></div></OrPlain>}
      <Group gap={6} mt={part !== undefined || truncated !== undefined || hidden > 0 ? 4 : 0}>
        {part !== undefined && (raw || json === undefined) && <Button size="compact-xs" variant="light" onClick={() => setAll(!all)} aria-expanded={all}>{all ? t('showLess') : t('showChars', { n: count(text.length) })}</Button>}
        {!raw && json === undefined && !ok && <Text size="xs" c="dimmed">{t('plainOnly')}</Text>}
        {truncated !== undefined && truncated > 0 && <Badge size="sm" variant="light" color="orange" tt="none">✂ {t('cut', { n: count(truncated) })}</Badge>}
        {hidden > 0 && <Tooltip label={t('invisibleTip')} multiline maw={280}><Badge size="sm" variant="light" color="orange" tt="none" tabIndex={0}>⚠ {t('invisible', { count: hidden })}</Badge></Tooltip>}
      </Group>
    </div>
  );
}
