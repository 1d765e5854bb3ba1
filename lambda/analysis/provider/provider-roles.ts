// Recognises the roles by which providers run their own sessions on databases they host.

import { displayText } from '../../model/display.ts';
import type { Problem } from '../../model/finding.ts';
import { type ProviderId, providerName } from '../../model/hosting.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { provenProvider } from './platform.ts';

/** As each provider documents them, or as its own software creates them. */
const ROLES: Readonly<Record<ProviderId, readonly string[]>> = {
  rds: ['rdsadmin', 'rdsrepladmin', 'rdsproxyadmin'],
  cloudSql: [
    'cloudsqladmin',
    'cloudsqlagent',
    'cloudsqlconnpooladmin',
    'cloudsqlimportexport',
    'cloudsqllogical',
    'cloudsqlobservability',
    'cloudsqlreplica',
  ],
  azure: ['azuresu'],
  neon: ['cloud_admin'],
  supabase: ['supabase_admin'],
};

/**
 * The problem as it is reported of a provider's own role: labelled, because it is no client of the operator's, and
 * never dropped.
 *
 * It becomes information only where the server has proven to be that provider's. The role's name is no proof: on a
 * self-managed server, any role with CREATEROLE can create one named `rdsadmin`.
 */
export function ofProvider(problem: Problem, role: string | undefined, snapshot: Snapshot): Problem {
  const provider = (Object.keys(ROLES) as ProviderId[]).find((id) => role !== undefined && ROLES[id].includes(role));
  if (provider === undefined || role === undefined) return problem;
  const name = providerName(provider);
  const shown = displayText(role);
  if (provenProvider(snapshot) !== provider) {
    const note = `${shown} is a role of the provider ${name}, which nothing proves to run this server`;
    return { ...problem, evidence: { ...problem.evidence, note } };
  }
  return {
    ...problem,
    severity: 'info',
    evidence: { ...problem.evidence, note: `${shown} is a role of the database's provider, ${name}` },
    remedy: `These sessions are ${name}'s own, and no client of yours. Where your rules forbid them, ask its support.`,
  };
}
