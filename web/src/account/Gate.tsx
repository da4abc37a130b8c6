// Shows the login in the place of every page until somebody is known. The
// address stays what it was: after the login the page is where one wanted to be.

import { useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, type ReactNode } from 'react';
import { unauthenticated } from '~/api/client';
import { Loading } from '~/ui/states';
import { authKey, useAuth } from './data';

const Login = lazy(() => import('./Login'));

export function Gate({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const q = useAuth();
  useEffect(() => {
    const on = () => void client.invalidateQueries({ queryKey: authKey });
    window.addEventListener(unauthenticated, on);
    return () => window.removeEventListener(unauthenticated, on);
  }, [client]);
  if (q.isPending) return <Loading height={240} />;
  if (q.data?.enabled === true && q.data.user === undefined) {
    return <Suspense fallback={<Loading height={240} />}><Login report={q.data} /></Suspense>;
  }
  return <>{children}</>; // a server that does not answer is the pages' to tell
}
