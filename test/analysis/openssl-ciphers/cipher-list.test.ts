// What lists of cipher suites let in is what OpenSSL makes of them.

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { suitesByOpenssl } from '../../../lab/openssl-ciphers.ts';
import { readCipherList } from '../../../lambda/analysis/openssl-ciphers/cipher-list.ts';
import { CIPHER_SUITES, ianaName } from '../../../lambda/analysis/openssl-ciphers/cipher-suites.ts';

/** The names of the suites that this OpenSSL is built with, by their numbers. */
const built = new Map<number, string>();

/** Their class changed with 3.2, and with it what levels and HIGH say of them: both answers are right somewhere. */
const SHORT_TAGS = /CCM8$/;

beforeAll(async () => {
  for (const { name } of CIPHER_SUITES) {
    for (const suite of await suitesByOpenssl(`${name}:@SECLEVEL=0`)) built.set(suite, name);
  }
});

/** At the lowest level unless the list has its own: levels that it does not give are the server's, and not known. */
async function byOpenssl(list: string): Promise<readonly string[]> {
  const suites = await suitesByOpenssl(list.includes('@SECLEVEL') ? list : `${list}:@SECLEVEL=0`);
  return comparable(suites.flatMap((suite) => built.get(suite) ?? []));
}

function byUs(list: string): readonly string[] {
  const names = new Set(built.values());
  return comparable(readCipherList(list).suites.flatMap(({ name }) => (names.has(name) ? [name] : [])));
}

function comparable(names: readonly string[]): readonly string[] {
  return names.filter((name) => !SHORT_TAGS.test(name)).sort();
}

const WORDS = [
  ...['ALL', 'COMPLEMENTOFALL', 'COMPLEMENTOFDEFAULT', 'DEFAULT', 'HIGH', 'MEDIUM', 'LOW', 'FIPS', 'EXP', 'EXPORT'],
  ...['kRSA', 'RSA', 'kECDHE', 'kEECDH', 'ECDH', 'kDHE', 'kEDH', 'DH', 'ECDHE', 'EECDH', 'DHE', 'EDH', 'ADH', 'AECDH'],
  ...['aRSA', 'aECDSA', 'ECDSA', 'aNULL', 'aDSS', 'DSS', 'eNULL', 'NULL', 'PSK', 'kPSK', 'aPSK', 'kRSAPSK', 'SRP'],
  ...['AES', 'AES128', 'AES256', 'AESGCM', 'AESCCM', 'CHACHA20', 'CAMELLIA', 'CAMELLIA128', 'CAMELLIA256', 'ARIA'],
  ...['ARIAGCM', 'ARIA128', 'ARIA256', '3DES', 'DES', 'RC4', 'RC2', 'SEED', 'IDEA', 'MD5', 'SHA1', 'SHA', 'SHA256'],
  ...['SHA384', 'SSLv2', 'SSLv3', 'TLSv1', 'TLSv1.0', 'TLSv1.1', 'TLSv1.2', 'kKRB5', 'GOST', 'aGOST'],
  ...['AES128-SHA', 'ECDHE-RSA-AES256-GCM-SHA384', 'ADH-AES256-SHA', 'DES-CBC3-SHA', 'EDH-RSA-DES-CBC3-SHA'],
  ...['PSK-AES128-CBC-SHA', 'DHE-DSS-AES128-SHA', 'SRP-RSA-AES-128-CBC-SHA', 'TLS_AES_128_GCM_SHA256', 'NULL-MD5'],
];

describe('a suite with a short tag', () => {
  const ours = (list: string): readonly string[] => readCipherList(list).suites.map(({ name }) => name);

  // Each list is read as OpenSSL before 3.2 does, where it is HIGH, and since, where it is MEDIUM.
  test.each([
    ['ALL:!MEDIUM', true],
    ['ALL:!HIGH', true],
    ['HIGH', true],
    ['MEDIUM', true],
    ['ALL:!MEDIUM:!HIGH', false],
    ['ALL:!AESCCM8', false],
    ['HIGH:!AESCCM', false],
  ])('by %s is let in: %s', (list, isIn) => {
    expect(ours(list).includes('ECDHE-RSA-AES256-CCM8') || ours(list).includes('DHE-RSA-AES256-CCM8')).toBe(isIn);
  });
});

describe('names by IANA', () => {
  const ours = (list: string): readonly string[] => readCipherList(list).suites.map(({ name }) => name);

  test('are those of all suites that OpenSSL 3.5 reads by them', async () => {
    for (const suite of CIPHER_SUITES.filter(({ name }) => [...built.values()].includes(name))) {
      // Node takes what begins so for a suite of TLSv1.3, unless something stands before it.
      const list = `AES128-SHA ${ianaName(suite)}:@SECLEVEL=0`;
      const read = (await suitesByOpenssl(list)).flatMap((number) => built.get(number) ?? []);
      expect([...read].sort(), list).toEqual([...new Set(['AES128-SHA', suite.name])].sort());
    }
  });

  test('are judged, though OpenSSL before 3.2 leaves them out', () => {
    const list = 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:TLS_RSA_WITH_AES_128_CBC_SHA';
    expect(readCipherList(list)).toMatchObject({ notUnderstood: [] });
    expect(ours(list)).toEqual(['ECDHE-RSA-AES128-GCM-SHA256', 'AES128-SHA']);
    expect(ours(list.replaceAll(':', ','))).toEqual(ours(list));
  });

  test('take away nothing for certain', () => {
    expect(ours('AES128-SHA:!TLS_RSA_WITH_AES_128_CBC_SHA')).toEqual(['AES128-SHA']);
  });
});

test('words in other letters are read, as OpenSSL 4.0 does', () => {
  expect(readCipherList('high:enull').notUnderstood).toEqual([]);
  expect(readCipherList('high:enull').suites.map(({ name }) => name)).toContain('NULL-SHA256');
});

describe('a cipher list lets in what OpenSSL lets in by it', () => {
  test('with a table of suites that this OpenSSL knows by those names', () => {
    expect(built.size).toBeGreaterThanOrEqual(77);
    expect(new Set(built.values()).size).toBe(built.size);
  });

  test.each(WORDS)('when it is %s', async (word) => {
    expect(readCipherList(word).notUnderstood).toEqual([]);
    expect(byUs(word)).toEqual(await byOpenssl(word));
  });

  test.each([
    'HIGH:MEDIUM:+3DES:!aNULL',
    'HIGH!aNULL',
    'DEFAULT@SECLEVEL=0:ADH',
    'ALL:DEFAULT',
    'RSA:-AES:AES128-SHA',
    'ALL:!RSA:RSA',
    'ALL:-RSA:RSA',
    'ECDHE+AESGCM,DHE+AESGCM;RSA+AES kRSA',
    'ECDHE+RSA',
    '@STRENGTH:RSA',
    'ALL:!COMPLEMENTOFDEFAULT:!eNULL',
    ...[1, 2, 3, 4, 5].map((level) => `ALL:COMPLEMENTOFALL:@SECLEVEL=${level}`),
  ])('when it is %s', async (list) => {
    expect(readCipherList(list).notUnderstood).toEqual([]);
    expect(byUs(list)).toEqual(await byOpenssl(list));
  });

  test('when it is put together from any of these words', async () => {
    // Node itself takes names of TLSv1.3 out of a list.
    const any = WORDS.filter((word) => !word.startsWith('TLS_'));
    const joinable = any.filter((word) => !word.includes('-') && !/^(FIPS|COMPLEMENTOFDEFAULT)$/.test(word));
    const words = fc.oneof(
      fc.constantFrom(...any),
      fc.array(fc.constantFrom(...joinable), { minLength: 2, maxLength: 3 }).map((each) => each.join('+')),
    );
    const item = fc
      .tuple(fc.constantFrom('', '', '', '!', '-', '+'), words)
      .map(([operator, word]) => `${operator}${word}`);
    const list = fc
      .tuple(
        fc.array(item, { minLength: 1, maxLength: 6 }),
        fc.constantFrom(':', ' ', ',', ';', '::'),
        fc.constantFrom('', '@STRENGTH', '@SECLEVEL=1', '@SECLEVEL=3'),
      )
      .map(([items, separator, end]) => [...items, ...(end === '' ? [] : [end])].join(separator));
    let lettingIn = 0;
    await fc.assert(
      fc.asyncProperty(list, async (text) => {
        const expected = await byOpenssl(text);
        expect(readCipherList(text).notUnderstood).toEqual([]);
        expect(byUs(text)).toEqual(expected);
        if (expected.length > 0) lettingIn += 1;
      }),
      { numRuns: 1_000 },
    );
    expect(lettingIn, 'lists that let nothing in test little').toBeGreaterThan(100);
  });

  test.each(['SUITEB128', 'SUITEB128ONLY', 'SUITEB192', 'SUITEB128:ALL'])('or more of Suite B: %s', async (list) => {
    const suites = readCipherList(list).suites.map(({ name }) => name);
    expect(suites).toEqual(['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256']);
    expect(suites).toEqual(expect.arrayContaining([...(await byOpenssl(list))]));
  });
});

describe('what a list may mean to an OpenSSL that has it', () => {
  const names = (list: string) => readCipherList(list).suites.map(({ name }) => name);

  test('3DES, RC4, SEED and IDEA are MEDIUM, and not HIGH', () => {
    const outdated = ['DES-CBC3-SHA', 'RC4-SHA', 'SEED-SHA', 'IDEA-CBC-SHA'];
    expect(names('MEDIUM')).toEqual(expect.arrayContaining(outdated));
    expect(names('HIGH').filter((name) => outdated.includes(name))).toEqual([]);
  });

  test('what is put last is not let in by that', () => {
    expect(names('AES128-SHA:+3DES')).toEqual(['AES128-SHA']);
    expect(names('AES128-SHA:3DES:!3DES')).toEqual(['AES128-SHA']);
  });

  test('short keys are LOW and EXPORT', () => {
    expect(names('LOW')).toEqual(['EDH-RSA-DES-CBC-SHA', 'ADH-DES-CBC-SHA', 'DES-CBC-SHA']);
    expect(names('EXP:!aNULL')).toEqual(expect.arrayContaining(['EXP-RC4-MD5', 'EXP-DES-CBC-SHA']));
  });
});

describe('what is not understood', () => {
  test.each([
    ['ALL:FOO', 'FOO', false],
    ['ECDHE+FOO:ALL', 'ECDHE+FOO', false],
    ['ALL:!FOO', '!FOO', true],
    ['ALL:-CBC', '-CBC', true],
    ['ALL:HIGH-aNULL', 'HIGH-aNULL', false],
    ['ALL:!AES128-SHA+RSA', '!AES128-SHA+RSA', true],
    ['PROFILE=SYSTEM', 'PROFILE=SYSTEM', false],
    ['ALL:@SECLEVEL=9', '@SECLEVEL=9', true],
    ['ALL:@LEVEL', '@LEVEL', true],
    ['ALL:/etc', '/etc', true],
    ['ALL:!', '!', true],
    ['TLS_ECDHE_RSA_WITH_NO_SUCH_THING', 'TLS_ECDHE_RSA_WITH_NO_SUCH_THING', false],
  ])('in %s is %s', (list, item, mayRemove) => {
    expect(readCipherList(list).notUnderstood).toEqual([{ item, mayRemove }]);
  });

  test.each(['ALL:/etc', 'ALL:!', 'ALL+', 'ALL:@LEVEL', 'ALL:@SECLEVEL=9'])(
    'and may remove all: OpenSSL refuses %s as a whole',
    async (list) => {
      expect(await suitesByOpenssl(list)).toEqual([]);
      expect(readCipherList(list).notUnderstood).toMatchObject([{ mayRemove: true }]);
    },
  );
});
