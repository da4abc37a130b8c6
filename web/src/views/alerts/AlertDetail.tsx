import { Button, Group, Stack, Table, Text } from '@mantine/core';
import { IconBellOff, IconBook, IconCoin, IconListSearch, IconBinaryTree, IconTerminal2 } from '@tabler/icons-react';
import { PromQLText } from '~/editor';
import { format as formatMatcher, matchersOf } from './silence';
import { useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import { CopyButton } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { When } from '~/ui/values';
import { short } from '~/format/number';
import { annotation, appPath, explanationLinks, otherAnnotations, sentences, webLink, type AlertItem } from './alerts';
import { Compare } from './Compare';
import { LabelList } from './marks';
import { m } from './messages';
import classes from './alerts.module.css';

const none = new Set<string>();

/** Everything about one alert: what, why, and where to look. */
export function AlertDetail({ alert, onSilence }: { alert: AlertItem; onSilence: () => void }) {
  const t = m.useT();
  const c = common.useT();
  const language = useLanguage();
  const { annotations: a } = alert;
  const description = annotation(a, 'description', language);
  const runbook = webLink(a.runbook_url);
  const calls = appPath(a.calls_url);
  const traces = appPath(a.traces_url);
  const others = otherAnnotations(a);
  return (
    <Stack gap="xs">
      {description !== undefined && <Text size="sm">{description}</Text>}
      <Group gap="xs">
        {calls !== undefined && <Button size="compact-sm" variant="light" leftSection={<IconListSearch size={14} />} renderRoot={(p) => <Link to={calls} {...p}>{p.children}</Link>}>{t('calls')}</Button>}
        {traces !== undefined && <Button size="compact-sm" variant="light" leftSection={<IconBinaryTree size={14} />} renderRoot={(p) => <Link to={traces} {...p}>{p.children}</Link>}>{t('traces')}</Button>}
        {alert.expr !== undefined && <Button size="compact-sm" variant="light" leftSection={<IconTerminal2 size={14} />} renderRoot={(p) => <Link to={'/query?expr=' + encodeURIComponent(alert.expr ?? '')} {...p}>{p.children}</Link>}>{t('openQuery')}</Button>}
        {alert.labels.budget !== undefined && <Button size="compact-sm" variant="light" leftSection={<IconCoin size={14} />} renderRoot={(p) => <Link to="/cost/budgets" {...p}>{p.children}</Link>}>{t('toBudgets')}</Button>}
        {runbook !== undefined && <Button size="compact-sm" variant="light" leftSection={<IconBook size={14} />} component="a" href={runbook} target="_blank" rel="noopener noreferrer">{t('runbook')}</Button>}
        <Button size="compact-sm" variant="default" leftSection={<IconBellOff size={14} />} onClick={onSilence}>{t('silence')}</Button>
      </Group>
      <Why alert={alert} />
      <Table fz="xs" verticalSpacing={3} horizontalSpacing="xs" withRowBorders={false} layout="fixed">
        <Table.Tbody>
          <Table.Tr><Table.Td w={110} c="dimmed">{c('since')}</Table.Td><Table.Td><When time={alert.since} /></Table.Td></Table.Tr>
          {alert.value !== undefined && <Table.Tr><Table.Td c="dimmed">{t('value')}</Table.Td><Table.Td className="num">{short(alert.value)}{' '}<Text span size="xs" c="dimmed">({alert.value})</Text></Table.Td></Table.Tr>}
          <Table.Tr><Table.Td c="dimmed">{t('labels')} <CopyButton text={matchersOf(alert.labels).map(formatMatcher).join(', ')} label={t('copyLabels')} /></Table.Td><Table.Td><LabelList labels={alert.labels} skip={none} /></Table.Td></Table.Tr>
          {alert.state === 'firing' && <Table.Tr><Table.Td c="dimmed">{t('notified')}</Table.Td><Table.Td>{alert.receivers.length === 0 ? t('nobody') : alert.receivers.join(', ')}</Table.Td></Table.Tr>}
          {alert.expr !== undefined && <Table.Tr><Table.Td c="dimmed">{t('rule')}</Table.Td><Table.Td><PromQLText expr={alert.expr} /></Table.Td></Table.Tr>}
          {others.map(([k, v]) => <Table.Tr key={k}><Table.Td c="dimmed" style={{ overflowWrap: 'anywhere' }}>{k}</Table.Td><Table.Td style={{ overflowWrap: 'anywhere' }}>{v}</Table.Td></Table.Tr>)}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}

/** The server's explanation, and the same comparison on demand. */
function Why({ alert }: { alert: AlertItem }) {
  const t = m.useT();
  const language = useLanguage();
  const text = annotation(alert.annotations, 'explanation', language);
  const links = explanationLinks(alert.annotations.explanation_links);
  return (
    <div className={classes.why}>
      <Text size="sm" fw={600}>{t('why')}</Text>
      {text === undefined
        ? <Text size="xs" c="dimmed">{alert.labels.budget === undefined ? t('noWhy') : t('noWhyBudget')}</Text>
        : <Stack gap={2} component="ul" m={0} pl={18}>{sentences(text).map((s) => <Text key={s} size="sm" component="li" style={{ overflowWrap: 'anywhere' }}>{s}</Text>)}</Stack>}
      {links.length > 0 && (
        <Group gap="sm" mt={4}>
          <Text size="xs" c="dimmed">{t('links')}</Text>
          {links.map((l) => <Link key={l.path} to={l.path} size="xs">{l.name === 'trace' ? t('exampleTrace', { id: l.path.split('/').at(-1)?.slice(0, 8) ?? '' }) : l.name === 'calls' ? t('affectedCalls') : l.name}</Link>)}
        </Group>
      )}
      {alert.labels.budget === undefined && <Compare alert={alert} />}
    </div>
  );
}
