// Reads the settings of a PgBouncer for the checks that evaluate it.

import ipaddr from 'ipaddr.js';
import { displayText } from '../../model/display.ts';
import type { Outcome } from '../../model/finding.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { Policy } from '../../model/policy.ts';
import type { PgBouncerSettingName, PgBouncerSettings } from '../../model/pooler.ts';
import type { Snapshot } from '../../model/snapshot.ts';

/** A check's evaluation of a pooler, in place of that of a PostgreSQL server. */
export type PgBouncerEvaluation = (snapshot: Snapshot, policy: Policy) => Outcome;

/** The same, where the evaluation needs the settings. */
export type SettingsEvaluation = (pooler: PgBouncerSettings, policy: Policy, snapshot: Snapshot) => Outcome;

/** Unknown where the settings are. */
export function ofSettings(evaluation: SettingsEvaluation): PgBouncerEvaluation {
  return (snapshot, policy) => {
    const { pooler } = snapshot;
    if (pooler?.known !== true) {
      return { status: 'unknown', reason: pooler?.reason ?? "the pooler's settings are not known" };
    }
    return evaluation(pooler.value, policy, snapshot);
  };
}

/** Makes what a changed pgbouncer.ini says take effect; of TLS settings since 1.16. */
export const RELOAD = 'then RELOAD in its console (before 1.16: restart it)';

/** RECONNECT waits for connections that clients hold, which in session pooling is as long as these stay connected. */
export const REPLACE_OPEN = `Then RECONNECT there too: it replaces each open connection when its client gives it back, in session pooling when that client disconnects.
KILL <database> and then RESUME <database> replace those too that are held, and disconnect every client of that database.`;

/** The value in effect. */
export function readSetting({ values, version }: PgBouncerSettings, name: PgBouncerSettingName): Observed<string> {
  const value = values[name];
  return value === undefined ? unknown(`PgBouncer ${displayText(version)} shows no setting ${name}`) : known(value);
}

/** Whether clients can't reach it over a network: then what it would accept of them does not matter. */
export function isLoopbackOnly(
  { values }: PgBouncerSettings,
  { loopback }: Policy,
  { networkPath }: Pick<Snapshot, 'networkPath'>,
): boolean {
  const listens = (values.listen_addr ?? '').split(',').map((address) => address.trim());
  // systemd may hand it other sockets than it says: that we came by loopback too is the proof.
  return loopback !== 'network' && listens.every(isLoopback) && isLoopback(networkPath?.remoteAddress ?? '');
}

export const LOOPBACK_ONLY: Outcome = {
  status: 'not-applicable',
  reason: 'PgBouncer listens on loopback only (listen_addr): no client reaches it over a network',
};

/** The name too: wherever it stands, it is resolved to loopback. */
function isLoopback(host: string): boolean {
  if (/^localhost\.?$/i.test(host)) return true;
  return ipaddr.isValid(host) && ipaddr.process(host).range() === 'loopback';
}

/** Modes by what they let happen, for both sides. */
export function isEncryptedOnly(mode: string): boolean {
  return mode === 'require' || mode === 'verify-ca' || mode === 'verify-full';
}

export const SSL_MODES: readonly string[] = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/**
 * Whether connections to servers can go over a network, as far as PgBouncer lists what it connects to; loopback is one
 * where the policy says so.
 */
export function reachesNetwork(
  { databases }: PgBouncerSettings,
  { sessions }: Snapshot,
  { loopback }: Policy,
): Observed<boolean> {
  const isLocal = (host: string): boolean => loopback !== 'network' && isLoopback(host);
  const seen = sessions.known ? sessions.value.visible.filter(({ side }) => side === 'server') : [];
  if (seen.some(({ transport, clientAddress }) => transport !== 'unix-socket' && !isLocal(clientAddress ?? ''))) {
    return known(true);
  }
  if (!databases.known) return databases;
  const hosts = databases.value.flatMap(({ host }) => host?.split(',') ?? []);
  if (hosts.some((host) => !isSocketFolder(host) && !isLocal(host))) return known(true);
  return sessions.known ? known(false) : sessions;
}

function isSocketFolder(host: string): boolean {
  return host === '' || host.startsWith('/') || host.startsWith('@');
}
