// The wire probe's facts as the report document shows them.

import { displayText } from '../model/display.ts';
import type { Observed } from '../model/observed.ts';
import type { BrokenSuiteAnswer, KeyExchange, PlaintextAnswer, WireAnswer, WireProbe } from '../model/probe.ts';
import type { ReportTarget } from './schema.ts';

/** The server chooses these words; longer ones are cut. */
const REASON_LENGTH = 300;

type Probed = Extract<NonNullable<ReportTarget['probe']>, { readonly plaintext: unknown }>;

export function reportProbe(probe: Observed<WireProbe> | undefined): ReportTarget['probe'] {
  if (probe === undefined) return null;
  if (!probe.known) return { reason: displayText(probe.reason, REASON_LENGTH) };
  const { role, database, plaintext, offersTls, tlsVersions, directTls, keyExchange, brokenSuites, connections } =
    probe.value;
  return {
    role: displayText(role),
    database: displayText(database),
    plaintext: reportPlaintext(plaintext),
    offersTls: offersTls.known ? offersTls.value : null,
    tlsVersions: {
      TLSv1: reportAnswer(tlsVersions.TLSv1),
      'TLSv1.1': reportAnswer(tlsVersions['TLSv1.1']),
      'TLSv1.2': reportAnswer(tlsVersions['TLSv1.2']),
      'TLSv1.3': reportAnswer(tlsVersions['TLSv1.3']),
    },
    directTls: reportAnswer(directTls),
    keyExchange: reportKeyExchange(keyExchange),
    brokenSuites: reportBrokenSuites(brokenSuites),
    connections,
  };
}

function reportPlaintext(plaintext: Observed<PlaintextAnswer>): Probed['plaintext'] {
  const answer = reportAnswer(plaintext);
  return plaintext.known && plaintext.value.accepted
    ? { ...answer, authentication: plaintext.value.authentication }
    : answer;
}

function reportAnswer(fact: Observed<WireAnswer>): Probed['directTls'] {
  if (!fact.known) return { answer: 'unknown', reason: displayText(fact.reason, REASON_LENGTH) };
  if (fact.value.accepted) return { answer: 'accepted' };
  return { answer: 'refused', reason: displayText(fact.value.said, REASON_LENGTH) };
}

function reportBrokenSuites(fact: Observed<BrokenSuiteAnswer>): Probed['brokenSuites'] {
  const answer = reportAnswer(fact);
  return fact.known && fact.value.accepted ? { ...answer, suite: displayText(fact.value.suite, 60) } : answer;
}

function reportKeyExchange(fact: Observed<KeyExchange>): Probed['keyExchange'] {
  if (!fact.known) return { reason: displayText(fact.reason, REASON_LENGTH) };
  return {
    group: fact.value.group === undefined ? null : displayText(fact.value.group),
    postQuantum: fact.value.postQuantum,
  };
}
