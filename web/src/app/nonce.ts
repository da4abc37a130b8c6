/** The server puts a nonce into the page; styles that scripts add must carry it. */
export const nonce: string = typeof document === 'undefined' ? '' : (document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '');

// Where the library that stops the page from scrolling behind a dialog looks for it.
if (nonce !== '') (globalThis as { __webpack_nonce__?: string }).__webpack_nonce__ = nonce;
