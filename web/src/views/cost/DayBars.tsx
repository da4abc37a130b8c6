// Days as bars; the present one with what it will probably become.

import { Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import type { ForecastReport, PeriodForecast } from '~/api/types';
import { meaning } from '~/chart/palette';
import { linearTicks } from '~/chart/ticks';
import { useScheme } from '~/chart/TimeChart';
import { usd } from '~/format/number';
import { currentLanguage } from '~/i18n';
import { cost } from './messages';

const height = 170;
const left = 52;
const bottom = 18;

function dayName(start: string, zone: string): string {
  return new Intl.DateTimeFormat(currentLanguage() === 'zh' ? 'zh-CN' : 'en-GB', { month: 'short', day: 'numeric', timeZone: zone }).format(Date.parse(start));
}

export function DayBars({ history, today, zone }: { history: ForecastReport['history']; today: PeriodForecast | undefined; zone: string }) {
  const t = cost.useT();
  const { ref, width } = useElementSize<HTMLDivElement>();
  const scheme = useScheme();
  const days = history.slice(-31);
  const n = days.length + (today === undefined ? 0 : 1);
  const top = Math.max(1e-9, ...days.map((d) => d.usd), today?.high_usd ?? 0, today?.spent_usd ?? 0) * 1.05;
  const y = (v: number) => height - bottom - (v / top) * (height - bottom - 6);
  const slot = Math.max(0, width - left) / Math.max(1, n);
  const w = Math.max(2, Math.min(36, slot * 0.7));
  const x = (i: number) => left + slot * i + (slot - w) / 2;
  const every = Math.max(1, Math.ceil(56 / Math.max(1, slot)));
  const colour = meaning[scheme].output;
  const words = [...days.map((d) => t('dayBar', { day: dayName(d.start, zone), usd: usd(d.usd) })), ...(today === undefined ? [] : [`${t('today')}: ${usd(today.spent_usd)} ${t('soFar')}${today.forecast_usd === undefined ? '' : `, ${usd(today.forecast_usd)} ${t('expected')}`}`])].join('; ');
  return (
    <div ref={ref}>
      <Text size="xs" c="dimmed" mb={2}>{t('dayChart')}</Text>
      <svg width="100%" height={height} role="img" aria-label={`${t('dayChart')}: ${words}`}>
        {linearTicks(0, top, 4).map((v) => (
          <g key={v}>
            <line x1={left} x2={width} y1={y(v)} y2={y(v)} stroke={meaning[scheme].grid} />
            <text x={left - 6} y={y(v) + 4} textAnchor="end" fontSize={11} fill={meaning[scheme].axis}>{usd(v)}</text>
          </g>
        ))}
        {days.map((d, i) => (
          <g key={d.start}>
            <rect x={x(i)} y={y(d.usd)} width={w} height={Math.max(0, y(0) - y(d.usd))} fill={colour} rx={2}><title>{t('dayBar', { day: dayName(d.start, zone), usd: usd(d.usd) })}</title></rect>
            {(n - 1 - i) % every === 0 && <text x={x(i) + w / 2} y={height - 4} textAnchor="middle" fontSize={11} fill={meaning[scheme].axis}>{dayName(d.start, zone)}</text>}
          </g>
        ))}
        {today !== undefined && (
          <g>
            {today.forecast_usd !== undefined && <rect x={x(n - 1)} y={y(today.forecast_usd)} width={w} height={Math.max(0, y(0) - y(today.forecast_usd))} fill={colour} fillOpacity={0.2} stroke={colour} strokeDasharray="3 2" rx={2} />}
            <rect x={x(n - 1)} y={y(today.spent_usd)} width={w} height={Math.max(0, y(0) - y(today.spent_usd))} fill={colour} rx={2} />
            {today.low_usd !== undefined && today.high_usd !== undefined && <path d={`M${x(n - 1) + w / 2 - 4} ${y(today.low_usd)}h8m-4 0V${y(today.high_usd)}m-4 0h8`} stroke={meaning[scheme].axis} strokeWidth={1.5} fill="none" />}
            <text x={x(n - 1) + w / 2} y={height - 4} textAnchor="middle" fontSize={11} fill={meaning[scheme].axis}>{t('today')}</text>
          </g>
        )}
      </svg>
    </div>
  );
}
