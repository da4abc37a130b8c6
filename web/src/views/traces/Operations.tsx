import { Badge, Text } from '@mantine/core';
import { useMemo } from 'react';
import { useScheme } from '~/chart/TimeChart';
import { count, duration, percent } from '~/format/number';
import { common } from '~/i18n/common';
import { DataTable, type Column } from '~/ui/DataTable';
import { useUrlSorted } from '~/ui/useUrlSorted';
import { KindIcon, kindColour } from './kinds';
import { traces as messages } from './messages';
import { operations, type Operation } from './operations';
import { SumCost, SumTokens } from './Sum';
import classes from './traces.module.css';
import type { Tree } from './tree';

/** What the spans do, added up; a row leads to its spans. */
export default function Operations({ tree, onFind }: { tree: Tree; onFind: (text: string) => void }) {
  const t = messages.useT();
  const c = common.useT();
  const scheme = useScheme();
  const rows = useMemo(() => operations(tree), [tree]);
  const selves = rows.reduce((n, r) => n + r.self, 0);
  const columns: Column<Operation>[] = [
    { id: 'name', title: t('operation'), width: 'minmax(200px, 2fr)', value: (r) => r.name, cell: (r) => <span className={classes.name}><KindIcon kind={r.kind} scheme={scheme} /><span title={r.name}>{r.name}</span></span> },
    { id: 'service', title: c('service'), width: 'minmax(100px, 1fr)', value: (r) => r.service, cell: (r) => r.service },
    { id: 'count', title: t('count'), width: '70px', align: 'right', value: (r) => r.count, cell: (r) => count(r.count) },
    { id: 'errors', title: c('errors'), width: '70px', align: 'right', value: (r) => r.errors, cell: (r) => (r.errors > 0 ? <Badge size="xs" color="red" variant="light">{r.errors}</Badge> : '') },
    { id: 'total', title: t('totalTime'), width: '96px', align: 'right', value: (r) => r.total, cell: (r) => duration(r.total) },
    {
      id: 'self', title: t('selfTotal'), width: '150px', align: 'right', value: (r) => r.self,
      cell: (r) => <span className={classes.bar} style={{ justifyContent: 'flex-end', gap: 6 }}><span className={classes.barFill} style={{ width: `${selves > 0 ? (r.self / selves) * 100 : 0}%`, background: kindColour(r.kind, scheme) }} />{duration(r.self)} <Text span size="xs" c="dimmed">{selves > 0 ? percent(r.self / selves) : ''}</Text></span>,
    },
    { id: 'avg', title: t('avgTime'), width: '84px', align: 'right', value: (r) => r.sum / r.count, cell: (r) => duration(r.sum / r.count) },
    { id: 'max', title: t('maxTime'), width: '84px', align: 'right', value: (r) => r.longest, cell: (r) => duration(r.longest) },
    { id: 'tokens', title: c('tokens'), width: '118px', align: 'right', value: (r) => (r.calls > 0 ? r.input + r.output : undefined), cell: (r) => <SumTokens calls={r.calls} input={r.input} output={r.output} /> },
    { id: 'cost', title: c('cost'), width: '96px', align: 'right', value: (r) => (r.calls > r.unpriced ? r.usd : undefined), cell: (r) => <SumCost usd={r.usd} calls={r.calls} unpriced={r.unpriced} estimated={r.estimated} /> },
  ];
  const sorted = useUrlSorted(rows, columns, '-self', 'sort');
  return <DataTable {...sorted} rowKey={(r) => r.key} label={t('operations')} onOpen={(r) => onFind(r.name)} maxHeight={620} />;
}
