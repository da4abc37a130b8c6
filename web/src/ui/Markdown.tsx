// Markdown of models and users, safely: no HTML in it becomes markup, and nothing
// in it is loaded from elsewhere; images are links with their address.

import { lazy, Suspense } from 'react';

const Rendered = lazy(() => import('./MarkdownRendered'));

export function Markdown({ text }: { text: string }) {
  return (
    <Suspense fallback={<div style={{ whiteSpace: 'pre-wrap' }}>{text}</div>}>
      <Rendered text={text} />
    </Suspense>
  );
}
