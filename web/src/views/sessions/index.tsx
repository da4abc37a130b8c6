import { lazy } from 'react';
import { useRoute } from 'wouter';
import List from './List';

const Detail = lazy(() => import('./Detail'));

export default function View() {
  const [one, params] = useRoute('/sessions/:id');
  return one && params?.id !== undefined ? <Detail key={params.id} id={decodeURIComponent(params.id)} /> : <List />;
}
