import { lazy } from 'react';
import { useRoute } from 'wouter';
import Explorer from './Explorer';

const Compare = lazy(() => import('./Compare'));
const CallPage = lazy(() => import('./CallPage'));

/** The list of calls, one of them, or two side by side. */
export default function View() {
  const [comparing] = useRoute('/calls/compare');
  const [one, params] = useRoute('/calls/:id');
  if (comparing) return <Compare />;
  if (one) return <CallPage id={params.id} />;
  return <Explorer />;
}
