// The bounds of a region as fields, for those who do not drag, and to be exact.

import { Button, Group, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useEffect, useState, type ReactNode } from 'react';
import { dateTime } from '~/format/time';
import { useSettings } from '~/state/settings';
import { parseTime } from '~/state/time';
import { infoOf, type Measure } from './measures';
import type { Region } from './scale';
import classes from './scatter.module.css';
import { scatter } from './scatterMessages';

const unitOf = (m: Measure) => ({ seconds: 's', usd: '$', tokens: 'tok', tokens_per_second: 'tok/s' })[infoOf[m].unit as 'seconds' | 'usd' | 'tokens' | 'tokens_per_second'];

export function RegionForm({ region, measure, name, from, to, onChange, children }: { region: Region | undefined; measure: Measure; name: string; from: number; to: number; onChange: (r: Region) => void; children: ReactNode }) {
  const t = scatter.useT();
  const { zone } = useSettings();
  const [shown, { toggle }] = useDisclosure(false);
  const written = (ms: number) => dateTime(ms, zone) + (zone === 'UTC' ? 'Z' : '');
  const initial = () => ({ from: written(region?.from ?? from), to: written(region?.to ?? to), low: region === undefined ? '' : String(Number(region.low.toPrecision(4))), high: region === undefined ? '' : String(Number(region.high.toPrecision(4))) });
  const [text, setText] = useState(initial);
  useEffect(() => setText(initial()), [region?.from, region?.to, region?.low, region?.high, zone]); // eslint-disable-line react-hooks/exhaustive-deps
  const read = (): Region | undefined => {
    const a = parseTime(text.from.replace(' ', 'T'), Date.now());
    const b = parseTime(text.to.replace(' ', 'T'), Date.now());
    const low = text.low.trim() === '' ? 0 : Number(text.low);
    const high = Number(text.high);
    return a === undefined || b === undefined || b <= a || !Number.isFinite(low) || text.high.trim() === '' || !(high > low) ? undefined : { from: a, to: b, low, high };
  };
  const next = read();
  return (
    <>
      <Group gap="xs" align="flex-end">
        {children}
        <Button size="xs" variant="subtle" color="gray" onClick={toggle} aria-expanded={shown}>{t('bounds')}</Button>
      </Group>
      {shown && (
        <form onSubmit={(e) => { e.preventDefault(); if (next) onChange(next); }} aria-label={t('bounds')}>
          <Group gap="xs" align="flex-end">
            <TextInput size="xs" className={classes.when} label={t('fromTime')} value={text.from} onChange={(e) => setText({ ...text, from: e.currentTarget.value })} />
            <TextInput size="xs" className={classes.when} label={t('toTime')} value={text.to} onChange={(e) => setText({ ...text, to: e.currentTarget.value })} />
            <TextInput size="xs" className={classes.number} inputMode="decimal" label={`${t('least', { y: name })} (${unitOf(measure)})`} value={text.low} onChange={(e) => setText({ ...text, low: e.currentTarget.value })} />
            <TextInput size="xs" className={classes.number} inputMode="decimal" label={`${t('greatest', { y: name })} (${unitOf(measure)})`} value={text.high} onChange={(e) => setText({ ...text, high: e.currentTarget.value })} />
            <Button size="xs" type="submit" disabled={next === undefined}>{t('select')}</Button>
          </Group>
        </form>
      )}
    </>
  );
}
