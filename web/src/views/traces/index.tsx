import { lazy } from 'react';
import { useRoute } from 'wouter';
import List from './List';

const Detail = lazy(() => import('./Detail'));
const Compare = lazy(() => import('./Compare'));

export default function View() {
  const [comparing] = useRoute('/traces/compare');
  const [one, params] = useRoute('/traces/:id');
  if (comparing) return <Compare />;
  if (one && params?.id !== undefined) return <Detail key={params.id} id={params.id} />;
  return <List />;
}
