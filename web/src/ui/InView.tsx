import { useEffect, useRef, useState, type ReactNode } from 'react';

/** Renders its children once they come near the part of the page that is seen: what is below asks for nothing. */
export function InView({ height, children, className, style, kind }: { height: number; children: ReactNode; className?: string; style?: React.CSSProperties; kind?: string }) {
  const ref = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState(typeof IntersectionObserver === 'undefined');
  useEffect(() => {
    const el = ref.current;
    if (seen || el === null) return;
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((e) => e.isIntersecting)) setSeen(true);
    }, { rootMargin: '160px' });
    observer.observe(el);
    return () => observer.disconnect();
  }, [seen]);
  return <div ref={ref} className={className} data-kind={kind} style={seen ? style : { ...style, minHeight: height }}>{seen && children}</div>;
}
