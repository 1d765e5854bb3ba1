// Defines the TLS versions and their order, by the names that PostgreSQL and OpenSSL use.

/** Every version `pg_stat_ssl.version` can show, oldest first: the order of this list is the order of comparison. */
export const TLS_VERSIONS = ['SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;

export type TlsVersion = (typeof TLS_VERSIONS)[number];

/**
 * Whether `version` is older than `minimum`. A version this list does not hold yet (a future TLSv1.4) is not older;
 * a name that is no TLS version at all is: what can't be recognised is not vouched for.
 */
export function isOlderThan(version: string, minimum: TlsVersion): boolean {
  const place = TLS_VERSIONS.indexOf(version as TlsVersion);
  if (place >= 0) return place < TLS_VERSIONS.indexOf(minimum);
  const newer = /^TLSv1\.(\d+)$/.exec(version);
  return newer === null || Number(newer[1]) <= 3;
}
