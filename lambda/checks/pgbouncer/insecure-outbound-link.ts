// Evaluates whether a pooler verifies the servers it connects to, and encrypts the connections.

import { displayText } from '../../model/display.ts';
import type { Policy } from '../../model/policy.ts';
import type { PgBouncerSettings } from '../../model/pooler.ts';
import { combineOutcomes, type PartialOutcome } from '../shared/outcome.ts';
import { SSLMODE_SEVERITY } from '../shared/sslmode-severity.ts';
import { RELOAD, REPLACE_OPEN, reachesNetwork, readSetting, type SettingsEvaluation, SSL_MODES } from './settings.ts';
import { protocolsFrom, readProtocols, tooOld } from './tls-protocols.ts';

/** `insecure-outbound-link` */
export const evaluateServerConnections: SettingsEvaluation = (pooler, policy, snapshot) => {
  const network = reachesNetwork(pooler, snapshot, policy);
  if (network.known && !network.value) {
    return {
      status: 'not-applicable',
      reason: 'every database that PgBouncer lists is reached by a Unix socket or over loopback',
    };
  }
  const parts = [evaluateMode(pooler), evaluateProtocols(pooler, policy)];
  // Nothing is wrong with the settings, whatever they are used for; and where something is, it may concern no
  // connection.
  if (
    network.known ||
    parts.every(({ problems, unknownReason }) => problems.length === 0 && unknownReason === undefined)
  ) {
    return combineOutcomes(parts);
  }
  return { status: 'unknown', reason: `where PgBouncer connects to is not known: ${network.reason}` };
};

function evaluateMode(pooler: PgBouncerSettings): PartialOutcome {
  const mode = readSetting(pooler, 'server_tls_sslmode');
  if (!mode.known) return { problems: [], unknownReason: mode.reason };
  if (!SSL_MODES.includes(mode.value)) {
    return { problems: [], unknownReason: `server_tls_sslmode is ${displayText(mode.value)}, which is not known here` };
  }
  const severity = SSLMODE_SEVERITY[mode.value];
  if (severity === undefined) return { problems: [] };
  const how = severity === 'high' ? 'may go unencrypted' : 'do not verify whom they reach';
  return {
    problems: [
      {
        severity,
        title: `The pooler's connections to its servers ${how}`,
        subject: 'server_tls_sslmode',
        evidence: { server_tls_sslmode: mode.value, shouldBe: 'verify-full' },
        remedy: VERIFY_SERVERS,
      },
    ],
  };
}

/** The remedy wherever connections to servers are not what they should be. */
export const VERIFY_SERVERS = `In pgbouncer.ini: server_tls_sslmode = verify-full and server_tls_ca_file = <CA of the servers>, with each host in [databases] by a name that the server's certificate carries; ${RELOAD}.
${REPLACE_OPEN}`;

function evaluateProtocols(pooler: PgBouncerSettings, { minTlsVersion }: Policy): PartialOutcome {
  if (pooler.values.server_tls_sslmode === 'disable') return { problems: [] };
  const setting = readSetting(pooler, 'server_tls_protocols');
  if (!setting.known) return { problems: [], unknownReason: setting.reason };
  const versions = readProtocols(setting.value);
  if (!versions.known) return { problems: [], unknownReason: `server_tls_protocols: ${versions.reason}` };
  const old = tooOld(versions.value, minTlsVersion);
  if (old.length === 0) return { problems: [] };
  return {
    problems: [
      {
        severity: 'medium',
        title: `The pooler offers servers TLS versions below ${minTlsVersion}`,
        subject: 'server_tls_protocols',
        evidence: {
          server_tls_protocols: displayText(setting.value, 100),
          allows: old.join(', '),
          shouldBe: `${minTlsVersion} or newer`,
        },
        remedy: `In pgbouncer.ini: server_tls_protocols = ${protocolsFrom(minTlsVersion)}; ${RELOAD}.
${REPLACE_OPEN}`,
      },
    ],
  };
}
