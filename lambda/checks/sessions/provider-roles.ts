// The roles by which providers run their own sessions on the databases they host.

import { displayText } from '../../model/display.ts';
import type { Problem } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';

interface Provider {
  readonly name: string;
  /** Ends of the names under which its servers are reached. Nobody else gets a certificate for one. */
  readonly domains: readonly string[];
  /** As it documents them, or as its own software creates them. */
  readonly roles: readonly string[];
}

const PROVIDERS: readonly Provider[] = [
  {
    name: 'Amazon RDS',
    domains: ['.rds.amazonaws.com', '.rds.amazonaws.com.cn'],
    roles: ['rdsadmin', 'rdsrepladmin', 'rdsproxyadmin'],
  },
  {
    name: 'Google Cloud SQL',
    domains: ['.sql.goog'],
    roles: [
      'cloudsqladmin',
      'cloudsqlagent',
      'cloudsqlconnpooladmin',
      'cloudsqlimportexport',
      'cloudsqllogical',
      'cloudsqlobservability',
      'cloudsqlreplica',
    ],
  },
  {
    name: 'Azure Database for PostgreSQL',
    domains: [
      '.postgres.database.azure.com',
      '.postgres.database.chinacloudapi.cn',
      '.postgres.database.usgovcloudapi.net',
    ],
    roles: ['azuresu'],
  },
  { name: 'Neon', domains: ['.neon.tech'], roles: ['cloud_admin'] },
  { name: 'Supabase', domains: ['.supabase.co', '.supabase.com'], roles: ['supabase_admin'] },
];

/**
 * The problem as it is told of a provider's own role: labelled, so that nobody looks for the client, and never dropped.
 *
 * It becomes information only where the server has proven to be that provider's, by a certificate for a name of its
 * domain. The role's name is no proof, for on a server of one's own anybody who may create roles can call one `rdsadmin`;
 * nor is a setting such as `rds.force_ssl`, which the owner of any database can make up with ALTER DATABASE … SET.
 */
export function ofProvider(problem: Problem, role: string | undefined, { link }: Snapshot): Problem {
  const provider = PROVIDERS.find(({ roles }) => role !== undefined && roles.includes(role));
  if (provider === undefined || role === undefined) return problem;
  const verifiedName = link.known ? link.value.verifiedName.toLowerCase() : '';
  const shown = displayText(role);
  if (!provider.domains.some((domain) => verifiedName.endsWith(domain))) {
    const note = `${shown} is a role of the provider ${provider.name}, which nothing proves to run this server`;
    return { ...problem, evidence: { ...problem.evidence, note } };
  }
  return {
    ...problem,
    severity: 'info',
    evidence: { ...problem.evidence, note: `${shown} is a role of the database's provider, ${provider.name}` },
    remedy: `These sessions are ${provider.name}'s own, and no client of yours. Where your rules forbid them, ask its support.`,
  };
}
