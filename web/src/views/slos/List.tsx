import { Button, Group, Paper, Stack, Text, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import type { SLOStatus } from '~/api/types';
import { percent } from '~/format/number';
import { common } from '~/i18n/common';
import { useParam } from '~/state/url';
import { Link } from '~/ui/Link';
import { Empty, States } from '~/ui/states';
import { useSLOs } from './data';
import { Declare } from './Declare';
import { m } from './messages';
import { BudgetBar, Burn, InWords, StateBadge, useIndicator, Window } from './parts';
import { variant, worstFirst } from './slo';
import classes from './slos.module.css';

/** All objectives, the worst first. */
export function List() {
  const t = m.useT();
  const q = useSLOs();
  const [search, setSearch] = useParam('search');
  const [declare, setDeclare] = useParam('declare');
  const words = search.toLowerCase().split(/\s+/).filter((w) => w !== '');
  const list = worstFirst(q.data ?? []).filter((s) => words.every((w) => `${s.name} ${s.description ?? ''} ${variant(s)}`.toLowerCase().includes(w)));
  const several = new Set(list.filter((s, i) => list.some((o, k) => k !== i && o.name === s.name)).map((s) => s.name));
  return (
    <Stack gap="xs">
      <Group justify="space-between" gap="xs">
        <TextInput size="xs" w={280} value={search} onChange={(e) => setSearch(e.currentTarget.value)} leftSection={<IconSearch size={14} />} placeholder={t('filter')} aria-label={t('filter')} data-search="" />
        <Button size="xs" variant="default" aria-expanded={declare === '1'} onClick={() => setDeclare(declare === '1' ? null : '1')}>{declare === '1' ? t('hideDeclare') : t('declare')}</Button>
      </Group>
      {declare === '1' && <Declare />}
      <States query={q} height={300} empty={(all) => all.length === 0} emptyState={<Paper withBorder radius="md" p="sm"><Empty title={t('noSLOs')} hint={t('noSLOsHint')} />{declare !== '1' && <Declare />}</Paper>}>
        {() => (
          <Paper withBorder radius="md" style={{ overflow: 'hidden' }} role="table" aria-label={t('nObjectives', { count: list.length })}>
            <Head />
            {list.map((s) => <Row key={`${s.name} ${variant(s)}`} s={s} several={several.has(s.name)} />)}
            {list.length === 0 && <Empty title={t('notFound')} hint={search} />}
          </Paper>
        )}
      </States>
    </Stack>
  );
}

function Head() {
  const t = m.useT();
  const c = common.useT();
  return (
    <div role="row" className={`${classes.row} ${classes.head}`}>
      {[c('name'), t('objective'), t('attainment'), t('budget'), t('burn'), t('state')].map((x) => <span key={x} role="columnheader">{x}</span>)}
    </div>
  );
}

export function detailPath(s: SLOStatus, several: boolean): string {
  return `/slos/${encodeURIComponent(s.name)}${several ? '?of=' + encodeURIComponent(variant(s)) : ''}`;
}

function Row({ s, several }: { s: SLOStatus; several: boolean }) {
  const t = m.useT();
  const indicator = useIndicator();
  return (
    <div role="row" className={classes.row} data-state={s.state}>
      <div role="cell" className={`${classes.cell} ${classes.wide}`}>
        <Link to={detailPath(s, several)} fw={600} size="sm">{s.name}</Link>{several && <Text span size="xs" className="mono"> {variant(s)}</Text>}
        <Text size="xs" c="dimmed">{s.description ?? indicator(s.indicator)}</Text>
      </div>
      <div role="cell" className={classes.cell} data-label={t('objective')}><span className="num">{percent(s.objective)}</span> <Text span size="xs" c="dimmed">/ <Window window={s.window} /></Text></div>
      <div role="cell" className={`${classes.cell} num`} data-label={t('attainment')}>{percent(s.attainment)}</div>
      <div role="cell" className={classes.cell}><BudgetBar s={s} /></div>
      <div role="cell" className={classes.cell} data-label={t('burn')}><Burn s={s} /></div>
      <div role="cell" className={`${classes.cell} ${classes.wide}`}><Group gap={6}><StateBadge s={s} /></Group><InWords s={s} /></div>
    </div>
  );
}
