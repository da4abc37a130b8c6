import { Stack, Title } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { useParams as useRoute } from 'wouter';
import { common } from '~/i18n/common';
import { useParam } from '~/state/url';
import { Link } from '~/ui/Link';
import { Empty, Loading, States } from '~/ui/states';
import { useSLOs } from './data';
import { List } from './List';
import { m } from './messages';
import { variant, worstFirst } from './slo';

const Detail = lazy(() => import('./Detail').then((x) => ({ default: x.Detail })));

export default function View() {
  const c = common.useT();
  const route = useRoute<{ name?: string }>();
  if (route.name !== undefined) return <One name={route.name} />;
  return (
    <Stack gap="xs">
      <Title order={1} fz="lg">{c('slos')}</Title>
      <List />
    </Stack>
  );
}

function One({ name }: { name: string }) {
  const t = m.useT();
  const q = useSLOs();
  const [of] = useParam('of');
  return (
    <States query={q} height={400}>
      {(all) => {
        const same = worstFirst(all).filter((s) => s.name === name);
        const s = same.find((x) => variant(x) === of) ?? same[0];
        if (s === undefined) return <Empty title={t('notFound')} hint={name} height={260} action={<Link to="/slos" size="sm">{t('back')}</Link>} />;
        return <Suspense fallback={<Loading height={400} />}><Detail key={variant(s)} s={s} /></Suspense>;
      }}
    </States>
  );
}
