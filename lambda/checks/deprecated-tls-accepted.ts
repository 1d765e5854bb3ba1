// Finds servers that were seen to complete handshakes of TLS versions below the policy's minimum.

import type { Outcome, Problem } from '../model/finding.ts';
import { PROBED_VERSIONS, type ProbedVersion, type WireProbe } from '../model/probe.ts';
import type { PlatformRemedy } from '../model/remedy.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { isOlderThan, type TlsVersion } from '../model/tls.ts';
import type { ServerCheck } from './check.ts';
import { acceptedBeyondSettings } from './probe/reconcile-tls.ts';
import { withProbe } from './probe/wire-facts.ts';
import { pgbouncerProtocols, RELOAD, settingRemedy } from './remedies/remedy-commands.ts';

export const deprecatedTlsAccepted: ServerCheck = {
  id: 'deprecated-tls-accepted',
  title: 'The server completes handshakes of deprecated TLS versions',
  subject: 'server',
  severity: 'medium',
  rationale:
    'The auditor tried one handshake for each version. The settings say what is intended; what the server accepts on the wire, with its OpenSSL and any proxy before it, is what an old client, or an attacker who forces a newer one down, can use.',
  remedy: remedyTo('TLSv1.2'),
  requirements: IN_TRANSIT,
  pgbouncer: 'same',
  references: ['https://www.rfc-editor.org/rfc/rfc8996', 'https://www.rfc-editor.org/rfc/rfc9325#section-3.1.1'],
  evaluate: (snapshot, { minTlsVersion }) =>
    withProbe(snapshot, (probe) => evaluateHandshakes(snapshot, probe, minTlsVersion)),
};

function evaluateHandshakes(
  snapshot: Snapshot,
  { offersTls, tlsVersions }: WireProbe,
  minTlsVersion: TlsVersion,
): Outcome {
  if (offersTls.known && !offersTls.value) {
    return { status: 'not-applicable', reason: 'the server offers no TLS on the wire' };
  }
  const deprecated = PROBED_VERSIONS.filter((version) => isOlderThan(version, minTlsVersion));
  const accepted = deprecated.filter((version) => {
    const answer = tlsVersions[version];
    return answer.known && answer.value.accepted;
  });
  const unknown = deprecated.flatMap((version) => {
    const answer = tlsVersions[version];
    return answer.known ? [] : [`${version}: ${answer.reason}`];
  });
  const reason = unknown.join('; ');
  if (accepted.length === 0) return unknown.length === 0 ? { status: 'pass' } : { status: 'unknown', reason };
  return {
    status: 'fail',
    problems: [acceptedProblem(snapshot, accepted, minTlsVersion)],
    ...(unknown.length === 0 ? {} : { incomplete: reason }),
  };
}

function acceptedProblem(snapshot: Snapshot, accepted: readonly ProbedVersion[], minTlsVersion: TlsVersion): Problem {
  const disagreement = acceptedBeyondSettings(snapshot, accepted);
  return {
    severity: deprecatedTlsAccepted.severity,
    title: `The server completes handshakes below ${minTlsVersion}`,
    evidence: {
      accepted,
      shouldBe: `${minTlsVersion} or newer`,
      ...(disagreement === undefined ? {} : { disagreement }),
    },
    remedy: disagreement === undefined ? remedyTo(minTlsVersion) : { ...remedyTo(minTlsVersion), ...NOT_IN_EFFECT },
  };
}

/** Where the setting is right already, and the server or what stands before it goes by another. */
const NOT_IN_EFFECT = {
  everywhere: 'See that no session is left below it (deprecated-tls-session).',
  selfManaged: `The setting is right and not in effect. If the server's log says "SSL configuration was not reloaded", repair the certificate or key that it names, then ${RELOAD}
If a proxy or pooler stands in between, set its own minimum.`,
} satisfies Partial<PlatformRemedy>;

function remedyTo(minTlsVersion: TlsVersion): PlatformRemedy {
  return {
    everywhere: 'See that no session is left below it (deprecated-tls-session), then:',
    ...settingRemedy('ssl_min_protocol_version', minTlsVersion),
    pgbouncer: pgbouncerProtocols(minTlsVersion),
  };
}
