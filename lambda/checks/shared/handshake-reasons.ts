// Says in words why TLS handshakes failed, by the causes that a connection log shows.

/** By cause; `other` for every further one. */
export const HANDSHAKE_REASONS: Readonly<Record<string, string>> & { readonly other: string } = {
  'version-unsupported': 'no TLS version in common: the client or the server is too old',
  'no-shared-cipher': 'client and server have no cipher suite in common',
  'server-not-trusted': "the client does not trust the server's certificate",
  'server-certificate-expired': "the client finds the server's certificate expired",
  'client-certificate': "the server does not accept the client's certificate",
  alpn: 'the client asked for another protocol than postgresql',
  other: 'the handshake failed for another reason',
};
