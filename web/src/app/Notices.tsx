import { lazy, Suspense, useEffect, useState } from 'react';
import { wanted } from '~/ui/notify';

const Place = lazy(() => import('./NoticePlace'));

/** Where short messages appear, once there is one. */
export function Notices() {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const show = () => setOn(true);
    window.addEventListener(wanted, show);
    return () => window.removeEventListener(wanted, show);
  }, []);
  return on ? <Suspense fallback={null}><Place /></Suspense> : null;
}
