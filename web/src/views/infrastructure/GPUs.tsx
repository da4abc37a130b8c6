import { Paper, Progress, Text, Title } from '@mantine/core';
import { meaning } from '~/chart/palette';
import { Sparkline } from '~/chart/Sparkline';
import { useScheme } from '~/chart/TimeChart';
import { bytes, format, percent } from '~/format/number';
import { levelOf, statistics } from '~/ui/prom/data';
import type { GPU } from './gpus';
import classes from './infrastructure.module.css';
import { messages } from './messages';

export function GPUs({ gpus }: { gpus: readonly GPU[] }) {
  return <div className={classes.gpus}>{gpus.map((g) => <Card key={g.key} gpu={g} />)}</div>;
}

function Card({ gpu: g }: { gpu: GPU }) {
  const t = messages.useT();
  const scheme = useScheme();
  const { utilization, used, total, power, temperature } = g.now;
  const share = used !== undefined && total !== undefined && total > 0 ? used / total : undefined;
  const hot = levelOf(temperature, [{ value: 83, level: 'warning' }, { value: 90, level: 'critical' }], 'ok');
  const name = [g.host, t('gpu', { id: g.id }), g.instance === '' ? '' : `MIG ${g.instance}`].filter((x) => x !== '').join(' · ');
  const mean = statistics(g.history).mean;
  return (
    <Paper withBorder radius="md" className={classes.gpu} component="section" aria-label={name}>
      <div className={classes.line}>
        <Title order={2} fz="xs" fw={600} style={{ whiteSpace: 'nowrap' }}>{name}</Title>
        <Text size="xs" c="dimmed" truncate title={[g.name, g.pod].filter((x) => x !== '').join(' · ')}>{g.pod === '' ? g.name : g.pod}</Text>
      </div>
      <div className={classes.line}>
        <Text fz={22} fw={650} lh={1.3} className="num" title={t('utilization')}>{format(utilization, 'percent')}</Text>
        {mean !== undefined && <Text size="xs" c="dimmed">{t('since', { value: format(mean, 'percent') })}</Text>}
      </div>
      <Sparkline values={g.history} colour={meaning[scheme].output} height={30} label={`${t('utilization')}: ${format(utilization, 'percent')}`} />
      <div className={classes.line} style={{ marginTop: 6 }}>
        <Text size="xs" c="dimmed">{t('memory')}</Text>
        <Text size="xs" className="num">{used === undefined ? '–' : total === undefined ? bytes(used) : `${t('used', { used: bytes(used), total: bytes(total) })} (${percent(share)})`}</Text>
      </div>
      {share !== undefined && <Progress value={Math.round(share * 1000) / 10} size={5} mt={3} color={share >= 0.99 ? 'red' : share >= 0.95 ? 'orange' : 'pitot'} aria-label={t('memory')} />}
      <div className={classes.facts}>
        <span><span className="dim">{t('power')} </span><b className="num">{format(power, 'watts')}</b></span>
        <span><span className="dim">{t('temperature')} </span><b className="num" style={{ color: hot === undefined || hot === 'ok' ? undefined : meaning[scheme][hot] }}>{format(temperature, 'celsius')}</b></span>
      </div>
    </Paper>
  );
}
