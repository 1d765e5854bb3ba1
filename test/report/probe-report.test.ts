// The wire probe in the report document: every answer, and no word of a server's raw.

import { expect, test } from 'vitest';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { WireProbe } from '../../lambda/model/probe.ts';
import { reportProbe } from '../../lambda/report/probe-report.ts';
import { reportSchema } from '../../lambda/report/schema.ts';

const PROBE: WireProbe = {
  role: 'app',
  database: 'shop',
  loopback: false,
  plaintext: known({ accepted: true, authentication: 'sasl' }),
  offersTls: known(true),
  tlsVersions: {
    TLSv1: known({ accepted: false, said: 'alert protocol_version' }),
    'TLSv1.1': unknown('the server gave no answer within 5 s'),
    'TLSv1.2': known({ accepted: true }),
    'TLSv1.3': known({ accepted: true }),
  },
  directTls: known({ accepted: true }),
  keyExchange: known({ group: 'x25519', postQuantum: false }),
  brokenSuites: known({ accepted: true, suite: 'NULL-SHA' }),
  connections: 5,
};

const schema = reportSchema.shape.targets.element.shape.probe;

/** As it is printed, and as the schema has it. */
function shown(probe: Parameters<typeof reportProbe>[0]): unknown {
  const document: unknown = JSON.parse(JSON.stringify(reportProbe(probe)));
  expect(schema.parse(document)).toEqual(document);
  return document;
}

test('every answer is accepted, refused or unknown, with the reason', () => {
  expect(shown(known(PROBE))).toEqual({
    role: 'app',
    database: 'shop',
    plaintext: { answer: 'accepted', authentication: 'sasl' },
    offersTls: true,
    tlsVersions: {
      TLSv1: { answer: 'refused', reason: 'alert protocol_version' },
      'TLSv1.1': { answer: 'unknown', reason: 'the server gave no answer within 5 s' },
      'TLSv1.2': { answer: 'accepted' },
      'TLSv1.3': { answer: 'accepted' },
    },
    directTls: { answer: 'accepted' },
    keyExchange: { group: 'x25519', postQuantum: false },
    brokenSuites: { answer: 'accepted', suite: 'NULL-SHA' },
    connections: 5,
  });
});

test('what is not known is neither yes nor no', () => {
  const nothing = unknown('time was up before it was tried');
  expect(shown(known({ ...PROBE, plaintext: nothing, offersTls: nothing, keyExchange: nothing }))).toMatchObject({
    plaintext: { answer: 'unknown', reason: 'time was up before it was tried' },
    offersTls: null,
    keyExchange: { reason: 'time was up before it was tried' },
  });
});

test('a server without TLSv1.3 has no group', () => {
  expect(shown(known({ ...PROBE, keyExchange: known({ postQuantum: false }) }))).toMatchObject({
    keyExchange: { group: null, postQuantum: false },
  });
});

test('a probe that was not asked for is null, and one that could not be says why', () => {
  expect(shown(undefined)).toBeNull();
  expect(shown(unknown('no connection to the target came about'))).toEqual({
    reason: 'no connection to the target came about',
  });
});

test('nothing that a server says reaches the report raw or at length', () => {
  const said = `\u001b[2J<!channel>${'x'.repeat(10_000)}`;
  const text = JSON.stringify(shown(known({ ...PROBE, role: '\u0007', plaintext: known({ accepted: false, said }) })));
  expect(text).not.toMatch(/\\u001b|\\u0007|<!channel>/);
  expect(text.length).toBeLessThan(2_000);
});
