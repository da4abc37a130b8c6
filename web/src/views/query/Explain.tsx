import { ActionIcon, Badge, Group, Stack, Text, Tooltip } from '@mantine/core';
import { IconPlayerPlay } from '@tabler/icons-react';
import { useMemo } from 'react';
import { PromQLText } from '~/editor';
import { duration, short } from '~/format/number';
import { dateTime } from '~/format/time';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { Empty } from '~/ui/states';
import { useInstant } from './data';
import { m } from './messages';
import { evaluable, treeOf, type ExprNode } from './tree';
import classes from './query.module.css';

const limit = 5000;
const maxParts = 40;

function flat(n: ExprNode): ExprNode[] {
  return [n, ...n.children.flatMap(flat)];
}

/** The parts of an expression, each with what it gives by itself. */
export default function Explain({ expr, onOpen }: { expr: string; onOpen: (expr: string) => void }) {
  const t = m.useT();
  const { zone } = useSettings();
  const { range } = useTime();
  const tree = useMemo(() => treeOf(expr), [expr]);
  if (tree === undefined) return <Empty title={t('explainBad')} hint={t('placeholder')} />;
  const parts = flat(tree);
  const evaluated = new Set(parts.slice(0, maxParts));
  return (
    <Stack gap={6}>
      <Text size="xs" c="dimmed">{t('explainHint', { time: dateTime(range.to, zone) })}{parts.length > maxParts ? ' ' + t('tooMany', { count: parts.length, max: maxParts }) : ''}</Text>
      <ul className={classes.tree} aria-label={t('explainParts')}>
        <Part node={tree} evaluated={evaluated} onOpen={onOpen} root />
      </ul>
    </Stack>
  );
}

function Part({ node, evaluated, onOpen, root }: { node: ExprNode; evaluated: ReadonlySet<ExprNode>; onOpen: (expr: string) => void; root?: boolean }) {
  const t = m.useT();
  return (
    <li aria-label={node.text}>
      <div className={classes.node}>
        <span className={classes.nodeText}><PromQLText expr={node.head} /></span>
        {node.literal ? <Text size="xs" c="dimmed">{t('literal')}</Text> : evaluated.has(node) && <PartResult node={node} />}
        {!root && !node.literal && (
          <Tooltip label={t('runPart')}>
            <ActionIcon size="xs" variant="subtle" color="gray" aria-label={`${t('runPart')}: ${node.text}`} onClick={() => onOpen(evaluable(node))}><IconPlayerPlay size={12} /></ActionIcon>
          </Tooltip>
        )}
      </div>
      {node.children.length > 0 && <ul className={classes.tree}>{node.children.map((c) => <Part key={c.from} node={c} evaluated={evaluated} onOpen={onOpen} />)}</ul>}
    </li>
  );
}

function PartResult({ node }: { node: ExprNode }) {
  const t = m.useT();
  const q = useInstant(evaluable(node), true, limit);
  const counts = useMemo(() => {
    if (q.data?.result.resultType !== 'vector') return [];
    const values = new Map<string, Set<string>>();
    for (const s of q.data.result.result) for (const [k, v] of Object.entries(s.metric)) values.set(k, (values.get(k) ?? new Set()).add(v));
    return [...values].filter(([k]) => k !== '__name__').map(([k, v]) => ({ label: k, count: v.size })).sort((a, b) => b.count - a.count);
  }, [q.data]);
  if (q.error !== null) return <Text size="xs" c="red">{q.error.message}</Text>;
  if (q.data === undefined) return <Text size="xs" c="dimmed">…</Text>;
  const r = q.data.result;
  if (r.resultType === 'scalar' || r.resultType === 'string') return <Text size="xs" c="dimmed">{t(r.resultType)} <b>{r.result[1]}</b></Text>;
  const n = r.result.length;
  return (
    <Group gap={6}>
      <Badge size="sm" variant="light" tt="none" color={n === 0 ? 'orange' : 'gray'}>{n === 0 ? t('emptyPart') : n >= limit ? t('resultMany', { count: limit }) : t('resultOf', { count: n })}</Badge>
      <Text size="xs" c="dimmed" className="num">{duration(q.data.seconds)}{q.data.samples === undefined ? '' : ` · ${t('read', { count: short(q.data.samples) })}`}</Text>
      {counts.length > 0 && (
        <Tooltip label={t('distinct')}>
          <Text size="xs" c="dimmed" component="span">{counts.slice(0, 6).map((c) => `${c.label}: ${c.count}`).join(' · ')}{counts.length > 6 ? ' …' : ''}</Text>
        </Tooltip>
      )}
    </Group>
  );
}
