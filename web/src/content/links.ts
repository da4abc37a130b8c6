// Which addresses in content may be followed, and which images may be shown.

import type { MessagePart } from '~/api/types';

/** An address that opens a web page and cannot run anything here; undefined for all others. */
export function safeLink(uri: string | undefined): string | undefined {
  if (uri === undefined) return undefined;
  // Browsers leave out blanks and control characters before they read the scheme.
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f]/.test(uri)) return undefined;
  try {
    const u = new URL(uri);
    return u.protocol === 'https:' || u.protocol === 'http:' ? u.href : undefined;
  } catch {
    return undefined;
  }
}

const images = /^image\/(png|jpeg|gif|webp|avif)$/;
const data = /^data:(image\/[a-z]+);base64,([a-z0-9+/]+=*)$/i;
const maxImage = 8 << 20;

/** An image that is in the call itself, in a form that browsers only draw. SVG is a document and is not among them. */
export function safeImage(part: MessagePart): string | undefined {
  if (part.data !== undefined && part.mime_type !== undefined && images.test(part.mime_type) && part.data.length < maxImage && /^[a-z0-9+/]+=*$/i.test(part.data)) return `data:${part.mime_type};base64,${part.data}`;
  const m = part.uri !== undefined && part.uri.length < maxImage ? data.exec(part.uri) : null;
  return m?.[1] !== undefined && images.test(m[1].toLowerCase()) ? part.uri : undefined;
}
