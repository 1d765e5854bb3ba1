// Modules of pg that its types leave out.

declare module 'pg/lib/client.js' {
  const client: unknown;
  export default client;
}

declare module 'pg/lib/query.js' {
  const query: unknown;
  export default query;
}

declare module 'pg/lib/crypto/utils.js' {
  const utils: object;
  export default utils;
}

declare module 'pg/lib/crypto/cert-signatures.js' {
  /** @throws Error for an algorithm that it does not know */
  export function signatureAlgorithmHashFromCertificate(certificate: Buffer): string;
}
