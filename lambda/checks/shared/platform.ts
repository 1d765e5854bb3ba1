// Who runs a server, as far as that is proven.

import type { Snapshot } from '../../model/snapshot.ts';

/** Services that host PostgreSQL, each with the ends of the names under which its servers are reached. */
const PROVIDERS = [
  { id: 'rds', name: 'Amazon RDS', domains: ['.rds.amazonaws.com', '.rds.amazonaws.com.cn'] },
  { id: 'cloudSql', name: 'Google Cloud SQL', domains: ['.sql.goog'] },
  {
    id: 'azure',
    name: 'Azure Database for PostgreSQL',
    domains: [
      '.postgres.database.azure.com',
      '.postgres.database.chinacloudapi.cn',
      '.postgres.database.usgovcloudapi.net',
    ],
  },
  { id: 'neon', name: 'Neon', domains: ['.neon.tech'] },
  { id: 'supabase', name: 'Supabase', domains: ['.supabase.co', '.supabase.com'] },
] as const satisfies readonly { readonly id: string; readonly name: string; readonly domains: readonly string[] }[];

export type ProviderId = (typeof PROVIDERS)[number]['id'];

/**
 * Whose server it has proven to be: by the name that its certificate was verified for, for nobody else gets one for the
 * provider's domains. A setting such as `rds.force_ssl` proves nothing: on a server of one's own, the owner of any
 * database can make it up with ALTER DATABASE … SET. Undefined where nothing is proven.
 */
export function provenProvider({ link }: Snapshot): ProviderId | undefined {
  return link.known ? providerOfName(link.value.verifiedName) : undefined;
}

export function isAmazonRds(snapshot: Snapshot): boolean {
  return provenProvider(snapshot) === 'rds';
}

/** Whose domain the name of a host is in. */
export function providerOfName(host: string): ProviderId | undefined {
  const name = host.toLowerCase().replace(/\.$/, '');
  return PROVIDERS.find(({ domains }) => domains.some((domain) => name.endsWith(domain)))?.id;
}

/** What the provider calls its service. */
export function providerName(id: ProviderId): string {
  return PROVIDERS.find((provider) => provider.id === id)?.name ?? id;
}
