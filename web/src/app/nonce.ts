/** The server puts a nonce into the page; styles that scripts add must carry it. */
export const nonce: string = typeof document === 'undefined' ? '' : (document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? '');
