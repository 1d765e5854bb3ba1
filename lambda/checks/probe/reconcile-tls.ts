// Compares the TLS versions that the wire accepts with those that the settings allow.

import { PROBED_VERSIONS, type ProbedVersion, type WireProbe } from '../../model/probe.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { isOlderThan, TLS_VERSIONS, type TlsVersion } from '../../model/tls.ts';
import { readSetting } from '../shared/setting.ts';
import { proxyCaveat } from './proxy-caveat.ts';

/**
 * Why a server may accept versions that `ssl_min_protocol_version` rules out; undefined where they agree or it is
 * unknown.
 */
export function acceptedBeyondSettings(snapshot: Snapshot, accepted: readonly ProbedVersion[]): string | undefined {
  const minimum = minimumOf(snapshot);
  const beyond = accepted.filter((version) => minimum !== undefined && isOlderThan(version, minimum));
  if (beyond.length === 0) return undefined;
  return `The server accepts ${list(beyond)}, and ssl_min_protocol_version = ${minimum} rules that out. ${proxyCaveat(snapshot)} Or the server could not load its TLS settings and goes by those it had before: its log then says that the SSL configuration was not reloaded.`;
}

/**
 * Why a server may refuse versions older than `wanted` that its settings allow; undefined where they agree or it is
 * unknown. It is no reason to leave the settings: with another OpenSSL it accepts them.
 */
export function refusedDespiteSettings(snapshot: Snapshot, probe: WireProbe, wanted: TlsVersion): string | undefined {
  const { offersTls, tlsVersions } = probe;
  if (!offersTls.known || !offersTls.value) return undefined;
  const minimum = minimumOf(snapshot);
  const refused = PROBED_VERSIONS.filter((version) => {
    const answer = tlsVersions[version];
    const allowed = isOlderThan(version, wanted) && (minimum === undefined || !isOlderThan(version, minimum));
    return allowed && answer.known && !answer.value.accepted;
  });
  if (refused.length === 0) return undefined;
  return `On the wire the server refuses ${list(refused)} all the same: its OpenSSL's own configuration, security level or ssl_ciphers may rule it out, or a proxy in between. An upgrade or another proxy can change that: set ssl_min_protocol_version.`;
}

/** Undefined where the setting is not known, or lets in any version. */
function minimumOf(snapshot: Snapshot): TlsVersion | undefined {
  const minimum = readSetting(snapshot, 'ssl_min_protocol_version');
  return minimum.known ? TLS_VERSIONS.find((version) => version === minimum.value) : undefined;
}

function list(versions: readonly string[]): string {
  return versions.length < 2 ? versions.join() : `${versions.slice(0, -1).join(', ')} and ${versions.at(-1)}`;
}
