import { Anchor, Code } from '@mantine/core';
import ReactMarkdown from 'react-markdown';
import gfm from 'remark-gfm';
import classes from './markdown.module.css';

/** What a link may lead to. */
const schemes = /^(https?:|mailto:|#|\/(?!\/))/i;

export default function MarkdownRendered({ text }: { text: string }) {
  return (
    <div className={classes.markdown}>
      <ReactMarkdown
        remarkPlugins={[gfm]}
        urlTransform={(url) => (schemes.test(url) ? url : '')}
        components={{
          a: ({ href, children }) => (href ? <Anchor href={href} target="_blank" rel="noopener noreferrer nofollow" inherit>{children}</Anchor> : <>{children}</>),
          img: ({ src, alt }) => (typeof src === 'string' && src !== '' ? <Anchor href={src} target="_blank" rel="noopener noreferrer nofollow" inherit>🖼 {alt || src}</Anchor> : <>🖼 {alt}</>),
          pre: ({ children }) => <pre className={classes.pre} tabIndex={0}>{children}</pre>,
          code: ({ children, className }) => (className === undefined ? <Code>{children}</Code> : <code>{children}</code>),
          table: ({ children }) => <div className={classes.table}><table>{children}</table></div>,
          input: ({ checked }) => <>{checked ? '☑' : '☐'}</>,
        }}
      >
        {text}
      </ReactMarkdown>
    </div>
  );
}
