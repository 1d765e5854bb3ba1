// Evaluates a pooler's cipher lists, to clients and to servers, by the policy's profile.

import { readCipherList } from '../../analysis/openssl-ciphers/cipher-list.ts';
import {
  ADMITTING,
  type SuiteClass,
  suiteClass,
  weaknesses,
  worstClass,
} from '../../analysis/openssl-ciphers/cipher-strength.ts';
import { cipherProfile } from '../../model/cipher-profile.ts';
import { displayText } from '../../model/display.ts';
import type { Policy } from '../../model/policy.ts';
import type { PgBouncerSettings } from '../../model/pooler.ts';
import type { Side, Snapshot } from '../../model/snapshot.ts';
import { brokenSuiteOnTheWire, ON_THE_WIRE, type WireSuites } from '../probe/on-the-wire.ts';
import { combineOutcomes, type PartialOutcome } from '../shared/outcome.ts';
import { clientTls } from './client-side.ts';
import { isLoopbackOnly, RELOAD, reachesNetwork, readSetting, type SettingsEvaluation } from './settings.ts';
import { readProtocols } from './tls-protocols.ts';

/** `weak-ciphers-allowed` */
export const evaluateTlsCiphers: SettingsEvaluation = (pooler, policy, snapshot) => {
  const sides = (['client', 'server'] as const).filter((side) => isInUse(side, pooler, policy, snapshot));
  if (sides.length === 0) {
    return {
      status: 'not-applicable',
      reason: 'PgBouncer speaks TLS over no network, neither with clients nor with servers',
    };
  }
  const wire = brokenSuiteOnTheWire(snapshot);
  return combineOutcomes(
    sides.flatMap((side) => [
      side === 'client' ? evaluateClients(pooler, policy, wire) : evaluateList(side, pooler, policy),
      evaluateTls13(side, pooler, policy),
    ]),
  );
};

/** What was seen on the wire is so, whatever the setting says or does not show. */
function evaluateClients(pooler: PgBouncerSettings, policy: Policy, wire: WireSuites): PartialOutcome {
  const { problems, unknownReason } = evaluateList('client', pooler, policy);
  if (wire.note === undefined) return { problems, unknownReason };
  const withNote = problems.map((problem) => ({
    ...problem,
    evidence: { ...problem.evidence, [ON_THE_WIRE]: wire.note ?? '' },
  }));
  if (wire.accepted === undefined || problems.some(({ severity }) => severity === 'high'))
    return { problems: withNote, unknownReason };
  return {
    problems: [
      {
        severity: ADMITTING[suiteClass(wire.accepted)],
        title: TITLES.client,
        subject: 'client_tls_ciphers',
        evidence: { [ON_THE_WIRE]: wire.note },
        remedy: remedyFor('client', policy.cipherProfile),
      },
    ],
    unknownReason,
  };
}

function isInUse(side: Side, pooler: PgBouncerSettings, policy: Policy, snapshot: Snapshot): boolean {
  if (side === 'client') return clientTls(pooler) && !isLoopbackOnly(pooler, policy, snapshot);
  const network = reachesNetwork(pooler, snapshot, policy);
  return pooler.values.server_tls_sslmode !== 'disable' && (!network.known || network.value);
}

const TITLES: Readonly<Record<Side, string>> = {
  client: 'The pooler admits weak cipher suites from clients',
  server: 'The pooler offers weak cipher suites to servers',
};

function evaluateList(side: Side, pooler: PgBouncerSettings, { cipherProfile: profile }: Policy): PartialOutcome {
  const protocols = readProtocols(pooler.values[`${side}_tls_protocols`] ?? '');
  // The list is about TLSv1.2 and older.
  if (protocols.known && protocols.value.every((version) => version === 'TLSv1.3')) return { problems: [] };
  const name = `${side}_tls_ciphers` as const;
  const setting = readSetting(pooler, name);
  if (!setting.known) return { problems: [], unknownReason: setting.reason };
  const list = expand(setting.value, pooler.version);
  const { suites, effective, notUnderstood } = readCipherList(list);
  const items = notUnderstood.map(({ item }) => `"${displayText(item, 60)}"`).join(', ');
  const unclear = `what ${items} in ${name} means to PgBouncer's OpenSSL is not known here`;
  // An item that takes suites away might take away the weak ones.
  if (notUnderstood.some(({ mayRemove }) => mayRemove)) return { problems: [], unknownReason: unclear };
  const weak = suites.flatMap(({ name: suite, bits }) => {
    const why = weaknesses(suite, bits, profile);
    return why.length === 0 ? [] : [{ suite, why }];
  });
  const unknownReason =
    notUnderstood.length > 0 ? unclear : suites.length === 0 ? `${name} admits no suite that is known here` : undefined;
  if (weak.length === 0) return { problems: [], unknownReason };
  const { source } = cipherProfile(profile);
  // A word such as HIGH includes RC4 and 3DES without anyone's choice, and OpenSSL is built without them unless asked.
  const inEffect = weak.filter(({ suite }) => effective.some(({ name: each }) => each === suite));
  const worst: SuiteClass =
    list === setting.value ? worstClass(inEffect.map(({ suite }) => suite)) : chosenByWord(inEffect);
  return {
    problems: [
      {
        severity: ADMITTING[worst],
        title: TITLES[side],
        subject: name,
        evidence: {
          [name]: displayText(setting.value, 200),
          ...(list === setting.value ? {} : { standsFor: standsFor(list) }),
          admits: examples(weak.map(({ suite }) => suite)),
          weakness: reasons(weak.flatMap(({ why }) => why)),
          profile: `${profile} (${source.document}, ${source.version})`,
        },
        remedy: remedyFor(side, profile),
      },
    ],
    unknownReason,
  };
}

function chosenByWord(weak: readonly { readonly suite: string }[]): SuiteClass {
  const worst = worstClass(weak.map(({ suite }) => suite));
  return worst === 'broken' ? 'weak' : worst;
}

function remedyFor(side: Side, profile: Policy['cipherProfile']): string {
  const { sslCiphers } = cipherProfile(profile);
  return sslCiphers === undefined
    ? `The profile ${profile} has no suite of TLSv1.2. In pgbouncer.ini: ${side}_tls_protocols = tlsv1.3; ${RELOAD}.`
    : `In pgbouncer.ini: ${side}_tls_ciphers = ${sslCiphers}; ${RELOAD}.`;
}

const MAX_EXAMPLES = 8;

function examples(suites: readonly string[]): readonly string[] {
  const rest = suites.length - MAX_EXAMPLES;
  return rest <= 0 ? suites : [...suites.slice(0, MAX_EXAMPLES), `${rest} more`];
}

/** Most frequent first. What the bits add is in the name of the suite. */
function reasons(all: readonly string[]): readonly string[] {
  const counts = Map.groupBy(
    all.filter((reason) => !/^\d+ bits$/.test(reason)),
    (reason) => reason,
  );
  return [...counts].sort(([, a], [, b]) => b.length - a.length).map(([reason]) => reason);
}

function standsFor(list: string): string {
  return list === DEFAULT
    ? "OpenSSL's own default, unless the operating system has a policy of its own (update-crypto-policies --show)"
    : displayText(list, 200);
}

/** The list that OpenSSL uses when it is given none. */
const DEFAULT = 'DEFAULT';

/** Since 1.21 (libusual, "Stop relying on TLS cipher settings from 2009 OpenBSD"). */
const WORDS: Readonly<Record<string, string>> = {
  default: DEFAULT,
  secure: DEFAULT,
  normal: DEFAULT,
  fast: DEFAULT,
  all: 'ALL',
};

/** Up to 1.20, without what puts them in order (libusual, tls_internal.h). */
const OLD_WORDS: Readonly<Record<string, string>> = {
  default: 'HIGH+EECDH:HIGH+EDH:!SSLv3:!SHA384:!SHA256:!DSS:!aNULL',
  secure: 'HIGH+EECDH:HIGH+EDH:!SSLv3:!SHA384:!SHA256:!DSS:!aNULL',
  normal: 'HIGH+EECDH:HIGH+EDH:HIGH+RSA:-3DES:3DES+RSA:!CAMELLIA:!DSS:!aNULL',
  fast: 'HIGH+EECDH:HIGH+EDH:HIGH+RSA:-3DES:3DES+RSA:!CAMELLIA:!DSS:!aNULL',
  compat: 'HIGH:+3DES:!aNULL',
  legacy: 'HIGH:+3DES:!aNULL',
  all: 'ALL:!aNULL:!eNULL',
  insecure: 'ALL:!aNULL:!eNULL',
};

function expand(setting: string, version: string): string {
  const [, minor] = /^1\.(\d+)/.exec(version) ?? [];
  const words = minor !== undefined && Number(minor) < 21 ? OLD_WORDS : WORDS;
  const word = setting === '' ? 'default' : setting.toLowerCase();
  return Object.hasOwn(words, word) ? (words[word] ?? setting) : setting;
}

/** PgBouncer 1.25 and newer. Empty leaves it to OpenSSL, whose defaults are all sound. */
function evaluateTls13(side: Side, { values }: PgBouncerSettings, { cipherProfile: profile }: Policy): PartialOutcome {
  const name = `${side}_tls13_ciphers` as const;
  const list = values[name] ?? '';
  const names = list.split(':').filter((suite) => suite !== '');
  // They are all of 128 bits or more.
  const weak = names.filter((suite) => weaknesses(suite, undefined, profile).length > 0);
  if (weak.length === 0) return { problems: [] };
  const { source } = cipherProfile(profile);
  return {
    problems: [
      {
        severity: 'low',
        title: `${TITLES[side]}: TLSv1.3 suites that the profile does not list`,
        subject: name,
        evidence: {
          [name]: displayText(list, 200),
          admits: weak.map((suite) => displayText(suite, 60)),
          profile: `${profile} (${source.document}, ${source.version})`,
        },
        remedy: `Leave it to OpenSSL: take ${name} out of pgbouncer.ini; ${RELOAD}.`,
      },
    ],
  };
}
