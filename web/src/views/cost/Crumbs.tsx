import { Breadcrumbs, Button, Text } from '@mantine/core';
import { useParams } from '~/state/url';
import { dimensionName, groupName } from '~/ui/dimensions';
import { useScope } from './data';
import { writeStep } from './drill';
import { cost } from './messages';

/** Where one has drilled down to; each step leads back to it. */
export function Crumbs() {
  const t = cost.useT();
  const [, set] = useParams();
  const { steps, by } = useScope();
  if (steps.length === 0) return null;
  const crumb = (name: string, onClick: () => void) => <Button key={name} size="compact-xs" variant="subtle" onClick={onClick} aria-label={t('backTo', { name })} maw={260}>{name}</Button>;
  return (
    <Breadcrumbs aria-label={t('crumbs')} separator="›" separatorMargin={4} component="nav">
      {crumb(t('allCalls'), () => set({ drill: null, by: steps[0]?.by ?? null }, { push: true }))}
      {steps.map((s, i) => {
        const name = `${dimensionName(s.by)}: ${groupName(s.values, s.by.split(','))}`;
        if (i === steps.length - 1) return <Text key={name} size="xs" fw={600} lh={1.7} truncate maw={260}>{name}</Text>;
        return crumb(name, () => set({ drill: steps.slice(0, i + 1).map(writeStep), by: steps[i + 1]?.by ?? by }, { push: true }));
      })}
    </Breadcrumbs>
  );
}
