// Says whether a server refuses plaintext over the network as it is.

import { rulesOf } from '../analysis/pg-hba/rules-of.ts';
import { provenProvider } from '../analysis/provider/platform.ts';
import { type ProviderId, providerOfName } from '../model/hosting.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { refusesAsItIs } from './hba/change.ts';

/** @returns undefined where that is not known */
export function refusesPlaintext(snapshot: Snapshot): boolean | undefined {
  if (snapshot.target.kind === 'pgbouncer') return pgbouncer(snapshot);
  const provider = providerOfName(endpointOf(snapshot));
  return provider === undefined ? selfManaged(snapshot) : managed(provider, snapshot);
}

/** The name that the server was verified by, or that it is reached by. */
export function endpointOf({ link, target }: Snapshot): string {
  return link.known ? link.value.verifiedName : (target.host ?? '');
}

/** What the probe saw: it tried one login in plaintext. */
function probed({ probe }: Snapshot): boolean | undefined {
  if (!probe?.known || !probe.value.plaintext.known || probe.value.loopback) return undefined;
  return !probe.value.plaintext.value.accepted;
}

function pgbouncer({ pooler }: Snapshot): boolean | undefined {
  const mode = pooler?.known ? pooler.value.values.client_tls_sslmode : undefined;
  return mode === undefined ? undefined : ['require', 'verify-ca', 'verify-full'].includes(mode);
}

function selfManaged(snapshot: Snapshot): boolean | undefined {
  const hba = rulesOf(snapshot);
  if (!hba.known || hba.value.changedSinceLoad === true) return undefined;
  const byRules = refusesAsItIs(hba.value);
  // One login that got in outweighs the rules: the server goes by others, or it was not the server that answered.
  return byRules === true && probed(snapshot) === false ? undefined : byRules;
}

function managed(provider: ProviderId, snapshot: Snapshot): boolean | undefined {
  const isProven = provenProvider(snapshot) === provider;
  const forced = snapshot.settings.known ? snapshot.settings.value.values['rds.force_ssl'] : undefined;
  const byProbe = probed(snapshot);
  if (byProbe === false) return false;
  if (provider === 'rds' && isProven && forced !== undefined) return /^(1|on|true)$/.test(forced);
  return provider === 'neon' && isProven ? true : byProbe;
}
