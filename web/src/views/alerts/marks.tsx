import { Badge, Group, Text, Tooltip } from '@mantine/core';
import { IconBellOff, IconCornerDownRight, IconMoon } from '@tabler/icons-react';
import type { Labels } from '~/api/prom';
import { LevelBadge, type Level } from '~/ui/values';
import { rank, type AlertItem } from './alerts';
import { m } from './messages';
import classes from './alerts.module.css';

export function levelOf(severity: string): Level {
  return (['critical', 'critical', 'warning', 'ok', 'muted'] as const)[rank(severity)] ?? 'muted';
}

export function Severity({ severity }: { severity: string }) {
  const t = m.useT();
  const known = ({ critical: t('critical'), warning: t('warning'), info: t('info'), major: t('major'), '': t('noSeverity') } as Record<string, string>)[severity];
  const r = rank(severity);
  return r === 3 ? <Badge size="sm" variant="light" color="blue" tt="none">{known ?? severity}</Badge> : <LevelBadge level={levelOf(severity)}>{known ?? severity}</LevelBadge>;
}

export function StateBadge({ state }: { state: string }) {
  const t = m.useT();
  if (state === 'firing') return <Badge size="sm" variant="filled" color="red" tt="none">{t('stateFiring')}</Badge>;
  if (state === 'pending') return <Badge size="sm" variant="light" color="orange" tt="none">{t('pending')}</Badge>;
  if (state === 'inactive') return <Badge size="sm" variant="light" color="gray" tt="none">{t('inactive')}</Badge>;
  return <Badge size="sm" variant="light" color="gray" tt="none">{t('unknownHealth')}</Badge>;
}

/** Why nobody is told. */
export function QuietMarks({ alert }: { alert: AlertItem }) {
  const t = m.useT();
  return (
    <>
      {alert.silencedBy.length > 0 && <Tooltip label={t('silencedBy')}><Badge size="sm" variant="outline" color="gray" tt="none" leftSection={<IconBellOff size={11} />}>{t('silenced')}</Badge></Tooltip>}
      {alert.inhibitedBy.length > 0 && <Tooltip label={t('inhibitedBy')}><Badge size="sm" variant="outline" color="gray" tt="none" leftSection={<IconCornerDownRight size={11} />}>{t('inhibited')}</Badge></Tooltip>}
      {alert.muted && <Badge size="sm" variant="outline" color="gray" tt="none" leftSection={<IconMoon size={11} />}>{t('muted')}</Badge>}
    </>
  );
}

const elsewhere = new Set(['alertname', 'severity']);

/** Labels as name=value, without those that are said elsewhere. */
export function LabelList({ labels, skip = elsewhere }: { labels: Labels; skip?: ReadonlySet<string> }) {
  const list = Object.entries(labels).filter(([k]) => !skip.has(k)).sort(([a], [b]) => a.localeCompare(b));
  return (
    <Group gap={4}>
      {list.map(([k, v]) => <Text key={k} span className={classes.label}><span className={classes.labelName}>{k}=</span>{v}</Text>)}
    </Group>
  );
}
