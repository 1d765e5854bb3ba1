// Finds servers whose cipher list lets in suites that the policy's profile does not list.

import { type CipherListMeaning, readCipherList } from '../analysis/openssl-ciphers/cipher-list.ts';
import {
  ADMITTING,
  type SuiteClass,
  suiteClass,
  weaknesses,
  worstClass,
} from '../analysis/openssl-ciphers/cipher-strength.ts';
import { cipherProfile } from '../model/cipher-profile.ts';
import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import type { CipherProfileName } from '../model/policy.ts';
import { CRYPTOGRAPHY, IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { isOlderThan } from '../model/tls.ts';
import type { ServerCheck } from './check.ts';
import { ofSettings } from './pgbouncer/settings.ts';
import { evaluateTlsCiphers } from './pgbouncer/weak-ciphers-allowed.ts';
import { brokenSuiteOnTheWire, ON_THE_WIRE, type WireSuites } from './probe/on-the-wire.ts';
import { cipherRemedy } from './remedies/cipher-remedy.ts';
import { NEON_PROXY, RELOAD } from './remedies/remedy-commands.ts';
import { combineOutcomes, type PartialOutcome } from './shared/outcome.ts';
import { readSetting } from './shared/setting.ts';

export const weakCiphersAllowed: ServerCheck = {
  id: 'weak-ciphers-allowed',
  title: 'Server admits weak cipher suites',
  subject: 'server',
  severity: 'low',
  severityNote:
    'high for suites without encryption, without authentication or of export grade, medium for RC4, RC2, DES and 3DES where the list is not the default',
  rationale:
    "The server agrees to whatever its list admits, as soon as a client offers nothing better. PostgreSQL's default list admits suites without forward secrecy and in CBC mode: with the first, a server key that leaks later opens every session recorded before.",
  remedy: {
    everywhere: 'Once no client needs TLSv1.2 any more, ssl_min_protocol_version = TLSv1.3 does it too. Until then:',
    ...cipherRemedy('mozilla-intermediate'),
  },
  requirements: [...IN_TRANSIT, ...CRYPTOGRAPHY],
  pgbouncer: ofSettings(evaluateTlsCiphers),
  references: [
    'https://wiki.mozilla.org/Security/Server_Side_TLS',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL-CIPHERS',
    'https://docs.openssl.org/master/man1/openssl-ciphers/',
  ],
  evaluate: (snapshot, { cipherProfile: profile }) => {
    const { settings } = snapshot;
    if (settings.known && settings.value.values.ssl === 'off') {
      return { status: 'not-applicable', reason: 'ssl is off; reported by tls-disabled' };
    }
    const wire = brokenSuiteOnTheWire(snapshot);
    const parts = [evaluateList(snapshot, profile, wire), evaluateTls13(snapshot, profile)];
    return combineOutcomes(parts);
  },
};

function evaluateList(snapshot: Snapshot, profile: CipherProfileName, wire: WireSuites): PartialOutcome {
  const { problems, unknownReason } = evaluateSetting(snapshot, profile, wire);
  // What was seen is so, whatever the setting says or does not show.
  const isReported = problems.some(({ severity }) => severity === 'high' || severity === 'critical');
  return {
    problems: wire.accepted === undefined || isReported ? problems : [onTheWire(wire.accepted, profile)],
    unknownReason,
  };
}

function evaluateSetting(snapshot: Snapshot, profile: CipherProfileName, wire: WireSuites): PartialOutcome {
  const minimum = readSetting(snapshot, 'ssl_min_protocol_version');
  // The list is about TLSv1.2 and older.
  if (minimum.known && minimum.value !== '' && !isOlderThan(minimum.value, 'TLSv1.3')) return { problems: [] };
  const list = readSetting(snapshot, 'ssl_ciphers');
  if (!list.known) return { problems: [], unknownReason: list.reason };
  const meaning = readCipherList(list.value);
  const unknownReason = whatIsUnclear(list.value, meaning);
  // An item that takes suites away might take away the weak ones.
  if (meaning.notUnderstood.some(({ mayRemove }) => mayRemove)) return { problems: [], unknownReason };
  const effective = new Set(meaning.effective.map(({ name }) => name));
  const weak = meaning.suites.flatMap(({ name, bits }) => {
    const why = weaknesses(name, bits, profile);
    // What the bits add is in the name of the cipher: 112 are 3DES, 56 are DES.
    const shownReasons = why.filter((reason) => !/^\d+ bits$/.test(reason));
    return why.length === 0 ? [] : [{ name, why: shownReasons, isEffective: effective.has(name) }];
  });
  return { problems: weak.length === 0 ? [] : [weakListProblem(list.value, weak, profile, wire)], unknownReason };
}

function whatIsUnclear(list: string, { suites, notUnderstood }: CipherListMeaning): string | undefined {
  if (list.includes('PROFILE=SYSTEM')) {
    return "ssl_ciphers is PROFILE=SYSTEM: the server's operating system decides (update-crypto-policies --show)";
  }
  const named = notUnderstood.slice(0, MAX_EXAMPLES).map(({ item }) => `"${displayText(item, 60)}"`);
  const more = notUnderstood.length > named.length ? [`${notUnderstood.length - named.length} more`] : [];
  const items = [...named, ...more].join(', ');
  if (items !== '') return `what ${items} in ssl_ciphers means to the server's OpenSSL is not known here`;
  if (suites.length > 0) return undefined;
  return 'ssl_ciphers admits no suite that is known here: the server may go by a list that it read before';
}

interface WeakSuite {
  readonly name: string;
  readonly why: readonly string[];
  /** Not where only OpenSSL's level 0 allows it, and the list does not ask for that. */
  readonly isEffective?: boolean;
}

/**
 * Of every major so far. It is no one's choice, and of what is in it OpenSSL is built without RC4 and 3DES unless
 * asked.
 */
const DEFAULT_LIST = 'HIGH:MEDIUM:+3DES:!aNULL';

function weakListProblem(
  list: string,
  weak: readonly WeakSuite[],
  profile: CipherProfileName,
  { note }: WireSuites,
): Problem {
  const { source, sslCiphers } = cipherProfile(profile);
  const worst =
    list === DEFAULT_LIST ? 'weak' : worstClass(weak.flatMap(({ name, isEffective }) => (isEffective ? [name] : [])));
  return {
    severity: ADMITTING[worst],
    title: ADMITS[worst],
    subject: 'ssl_ciphers',
    evidence: {
      ssl_ciphers: displayText(list, 200),
      admits: describe(weak),
      profile: `${profile} (${source.document}, ${source.version})`,
      note: "what the list admits; of that the server's OpenSSL leaves out what it is built without, often 3DES, RC4, SEED and IDEA, what its security level forbids, and what the key of its certificate is not for",
      ...(note === undefined ? {} : { [ON_THE_WIRE]: note }),
    },
    remedy: {
      ...(sslCiphers === undefined ? { everywhere: `The profile ${profile} has no suite of TLSv1.2:` } : {}),
      ...cipherRemedy(profile),
    },
  };
}

const ADMITS: Readonly<Record<SuiteClass, string>> = {
  unencrypted: 'Server admits cipher suites that encrypt nothing',
  unauthenticated: 'Server admits cipher suites that anybody on the path can answer or break',
  broken: 'Server admits broken cipher suites',
  weak: 'Server admits weak cipher suites',
};

function onTheWire(suite: string, profile: CipherProfileName): Problem {
  const worst = suiteClass(suite);
  return {
    severity: ADMITTING[worst],
    title: ADMITS[worst],
    subject: 'ssl_ciphers',
    evidence: { [ON_THE_WIRE]: `the server chose ${displayText(suite, 60)}` },
    remedy: cipherRemedy(profile),
  };
}

const MAX_EXAMPLES = 8;

/** A line for each reason (there are about eight), the one with most suites first, with few examples. */
function describe(weak: readonly WeakSuite[]): readonly string[] {
  const reasons = new Map<string, string[]>();
  for (const { name, why } of weak) {
    for (const reason of why) reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  }
  const most = Math.max(1, Math.floor(MAX_EXAMPLES / reasons.size));
  return [...reasons]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([reason, names]) => {
      const examples = names.slice(0, most).join(', ');
      return names.length > most ? `${reason}: ${names.length}, such as ${examples}` : `${reason}: ${examples}`;
    });
}

/** PostgreSQL 18 and newer. Empty leaves it to OpenSSL, whose defaults are all sound. */
function evaluateTls13(snapshot: Snapshot, profile: CipherProfileName): PartialOutcome {
  const maximum = readSetting(snapshot, 'ssl_max_protocol_version');
  if (maximum.known && maximum.value !== '' && isOlderThan(maximum.value, 'TLSv1.3')) return { problems: [] };
  const { settings } = snapshot;
  const unusable = settings.known ? settings.value.unusable?.ssl_tls13_ciphers : undefined;
  if (unusable !== undefined) return { problems: [], unknownReason: unusable };
  const list = settings.known ? (settings.value.values.ssl_tls13_ciphers ?? '') : '';
  const names = list.split(':').filter((name) => name !== '');
  const weak = names.flatMap((name) => {
    // They are all of 128 bits or more.
    const why = weaknesses(name, 128, profile);
    return why.length === 0 ? [] : [{ name: displayText(name, 60), why }];
  });
  if (weak.length === 0) return { problems: [] };
  const { source } = cipherProfile(profile);
  return {
    problems: [
      {
        severity: 'low',
        title: 'Server admits TLSv1.3 cipher suites that the profile does not',
        subject: 'ssl_tls13_ciphers',
        evidence: {
          ssl_tls13_ciphers: displayText(list, 200),
          admits: describe(weak),
          profile: `${profile} (${source.document}, ${source.version})`,
        },
        remedy: {
          everywhere: 'Leave the suites of TLSv1.3 to OpenSSL, whose defaults are sound:',
          selfManaged: `ALTER SYSTEM RESET ssl_tls13_ciphers;
${RELOAD}`,
          rds: `Set ssl_tls13_ciphers back to its default in the parameter group.
RDS: aws rds reset-db-parameter-group --db-parameter-group-name <group> --parameters "ParameterName=ssl_tls13_ciphers,ApplyMethod=immediate"
Aurora: aws rds reset-db-cluster-parameter-group --db-cluster-parameter-group-name <group> --parameters "ParameterName=ssl_tls13_ciphers,ApplyMethod=immediate"`,
          neon: NEON_PROXY,
          cloudSql: `Take the flag ssl_tls13_ciphers away.
gcloud sql instances patch <instance> --database-flags=<every other flag that is set, with its value>`,
          azure: `Set the server parameter ssl_tls13_ciphers back to its default.
az postgres flexible-server parameter set --resource-group <group> --server-name <server> --name ssl_tls13_ciphers --source system-default`,
        },
      },
    ],
  };
}
