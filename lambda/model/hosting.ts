// Recognises services that host PostgreSQL by the names of their servers.

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
 * The provider whose domain a host's name is in. A certificate verified for the name proves that the server is theirs.
 */
export function providerOfName(host: string): ProviderId | undefined {
  const name = host.toLowerCase().replace(/\.$/, '');
  return PROVIDERS.find(({ domains }) => domains.some((domain) => name.endsWith(domain)))?.id;
}

/** What the provider calls its service. */
export function providerName(id: ProviderId): string {
  return PROVIDERS.find((provider) => provider.id === id)?.name ?? id;
}
