// How to fix what is found: for each platform, and only for the one that the target runs on.

import { describe, expect, test } from 'vitest';
import { knownValue } from '../../lab/known-value.ts';
import * as make from '../../lab/snapshots.ts';
import type { AnyCheck } from '../../lambda/checks/check.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { remedyParts, remedyText } from '../../lambda/checks/remedies/remedy-text.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import {
  PLATFORM_NAMES,
  PLATFORMS,
  type Platform,
  type PlatformRemedy,
  type Remedy,
} from '../../lambda/model/remedy.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

/** A name under which servers of each platform are reached. */
const HOSTS: Readonly<Record<Platform, string>> = {
  selfManaged: 'orders.db.example.com',
  rds: 'orders.c1a2b3.eu-west-1.rds.amazonaws.com',
  neon: 'ep-cool-darkness-123456.us-east-2.aws.neon.tech',
  cloudSql: '1a2b3c.europe-west1.sql.goog',
  azure: 'orders.postgres.database.azure.com',
};

const MANAGED = PLATFORMS.filter((platform) => platform !== 'selfManaged');

/** What only the owner of the machine can do. */
const OWNERS_ONLY = /ALTER SYSTEM|pg_hba\.conf|pg_reload_conf|postgresql\.conf|ssl_(cert|key|ca)_file/;
/** What only works on one platform. */
const COMMANDS: Readonly<Record<Exclude<Platform, 'selfManaged' | 'neon'>, RegExp>> = {
  rds: /\baws rds |parameter group|\bRDS\b/,
  cloudSql: /\bgcloud |Cloud SQL/,
  azure: /\baz postgres |\bAzure\b/,
};

/** Every text that a check may tell, with where it is told. */
function textsOf(remedy: Remedy): readonly (readonly [of: string, text: string])[] {
  if (typeof remedy === 'string') return [['every platform', remedy]];
  const { everywhere } = remedy;
  return [
    ...(everywhere === undefined ? [] : [['every platform', everywhere] as const]),
    ...remedyParts(remedy).map(({ of, text }) => [of, text] as const),
  ];
}

describe.each(CHECKS)('the remedy of $id', ({ remedy }: AnyCheck) => {
  test('has a text for every platform, each of whole lines', () => {
    const texts = textsOf(remedy);
    expect(texts.length).toBeGreaterThan(0);
    for (const [of, text] of texts) {
      expect(text, of).toMatch(/^\S/);
      expect(text.split('\n').filter((line) => line !== line.trim() || line === '')).toEqual([]);
      // A line is a sentence or two, or one command.
      expect(Math.max(...text.split('\n').map((line) => line.length)), of).toBeLessThanOrEqual(420);
      expect(text, of).not.toMatch(/undefined|\[object|NaN|\$\{/);
    }
    if (typeof remedy === 'string') expect(remedy).toMatch(/^[A-Z].{30,}[.;)]$/s);
    else for (const platform of PLATFORMS) expect(remedy[platform], platform).toMatch(/^\S.{20,}/s);
  });

  test('names nothing of one platform in the text of another', () => {
    for (const [of, text] of textsOf(remedy)) {
      if (!of.includes(PLATFORM_NAMES.selfManaged)) expect(text, of).not.toMatch(OWNERS_ONLY);
      // In words that hold everywhere, a role of the provider may be named.
      const commands = of === 'every platform' ? text.replaceAll(/\([^)]*\)/g, '') : text;
      for (const [platform, pattern] of Object.entries(COMMANDS)) {
        if (!of.includes(PLATFORM_NAMES[platform as Platform])) expect(commands, of).not.toMatch(pattern);
      }
    }
  });

  test('says in its first line what the commands of a managed service do', () => {
    if (typeof remedy === 'string') return;
    for (const platform of MANAGED) {
      const [first = ''] = remedy[platform].split('\n');
      expect(first, platform).toMatch(/[.;)]$/);
      expect(first, platform).not.toMatch(/^(aws|gcloud|az|curl) /);
    }
  });
});

/** Everything that a server itself can have wrong, at once. */
function spoilt(host: string, overrides: Partial<Snapshot> = {}): Snapshot {
  const healthy = make.healthySnapshot([
    make.plaintextSession(),
    make.tlsSession({ version: 'TLSv1' }),
    make.tlsSession({ cipher: 'AES128-SHA', bits: 128 }),
    make.tlsSession({}),
  ]);
  return {
    ...healthy,
    target: { ...healthy.target, host },
    link: known({ ...knownValue(healthy.link), verifiedName: host }),
    hba: unknown('the login may not read pg_hba.conf'),
    settings: known({
      values: {
        ...make.SETTINGS,
        ssl_min_protocol_version: 'TLSv1',
        ssl_ciphers: 'ALL',
        ssl_tls13_ciphers: 'TLS_AES_128_CCM_8_SHA256',
        password_encryption: 'md5',
        'rds.force_ssl': '0',
        'rds.accepted_password_auth_method': 'md5+scram',
      },
      seesAll: true,
    }),
    serverChain: known([
      make.certificate({ notAfter: '2026-11-15T00:00:00Z', publicKey: { type: 'rsa', bits: 1024 } }),
    ]),
    outbound: known({
      links: (['subscription', 'foreign-server', 'primary'] as const).map((kind) => ({
        kind,
        name: 'other',
        local: false,
        serviceFile: false,
        gssEncrypted: false,
      })),
      unreadable: [],
    }),
    ...overrides,
  };
}

function findingsOf(snapshot: Snapshot): readonly Finding[] {
  return evaluate(snapshot, { ...make.POLICY, clientCertificateRoles: ['*'] }).findings;
}

describe('the findings of a target', () => {
  test.each(MANAGED)('proven to run on %s tell that platform alone what to do', (platform) => {
    const findings = findingsOf(spoilt(HOSTS[platform]));
    expect(new Set(findings.map(({ check }) => check)).size).toBeGreaterThan(10);
    for (const { check, remedy } of findings) {
      expect(remedy, check).not.toMatch(OWNERS_ONLY);
      for (const [other, pattern] of Object.entries(COMMANDS)) {
        // A role of the provider's administrator may be named.
        if (other !== platform) expect(remedy.replaceAll(/\([^)]*\)/g, ''), check).not.toMatch(pattern);
      }
    }
  });

  test("that nobody has proven anything of tell what to do on a server of one's own, and where to read about services", () => {
    const findings = findingsOf(spoilt(HOSTS.selfManaged));
    const plaintext = findings.find(({ check }) => check === 'plaintext-session');
    expect(plaintext?.remedy).toMatch(/^In pg_hba\.conf, .* change the first word from host to hostssl/m);
    expect(plaintext?.remedy.split('\n').at(-1)).toBe(
      'If a cloud provider runs this server, "pg-tls-auditor explain <check>" shows what to set there instead.',
    );
    for (const { check, remedy } of findings) {
      for (const pattern of Object.values(COMMANDS)) {
        expect(remedy.replaceAll(/\([^)]*\)/g, ''), check).not.toMatch(pattern);
      }
    }
  });

  test('whose rules the login may read are of a server of one’s own: no provider grants that', () => {
    const snapshot = spoilt(HOSTS.selfManaged, { hba: known(make.hbaFacts()) });
    for (const { check, remedy } of findingsOf(snapshot)) {
      for (const pattern of Object.values(COMMANDS)) {
        expect(remedy.replaceAll(/\([^)]*\)/g, ''), check).not.toMatch(pattern);
      }
    }
  });

  test('are not believed to be of RDS for its settings', () => {
    const [finding] = findingsOf(spoilt(HOSTS.selfManaged)).filter(({ check }) => check === 'deprecated-tls-allowed');
    expect(finding?.remedy).toContain("ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2';");
  });
});

describe('the text of a remedy', () => {
  const REMEDY: PlatformRemedy = {
    everywhere: 'First clients.',
    selfManaged: 'Own.',
    rds: 'Theirs.\naws rds …',
    neon: 'Nothing.',
    cloudSql: 'Nothing.',
    azure: 'Portal.',
    pgbouncer: 'pgbouncer.ini.',
  };
  const at = (host: string, overrides: Partial<Snapshot> = {}): string => remedyText(REMEDY, spoilt(host, overrides));

  test('is what holds everywhere and the part of the platform', () => {
    expect(at(HOSTS.rds)).toBe('First clients.\nTheirs.\naws rds …');
    expect(at(`${HOSTS.rds.toUpperCase()}.`)).toBe('First clients.\nTheirs.\naws rds …');
    expect(at(HOSTS.neon)).toBe('First clients.\nNothing.');
  });

  test('goes by the name to be reached where no connection came about', () => {
    const failed = make.failedSnapshot();
    expect(remedyText(REMEDY, { ...failed, target: { ...failed.target, host: HOSTS.azure } })).toBe(
      'First clients.\nPortal.',
    );
    expect(remedyText(REMEDY, { ...failed, target: { ...failed.target, host: undefined } })).toContain('Own.');
  });

  test('tells platforms together that need the same', () => {
    expect(at('db.example.com')).toBe(
      'First clients.\nOwn.\nIf a cloud provider runs this server, "pg-tls-auditor explain <check>" shows what to set there instead.',
    );
    expect(remedyParts(REMEDY).map(({ of }) => of)).toEqual([
      'Self-managed',
      'Amazon RDS and Aurora',
      'Neon, Cloud SQL',
      'Azure Database for PostgreSQL',
      'PgBouncer',
    ]);
  });

  test('of a PgBouncer is that of its own settings, wherever it runs', () => {
    const { target } = spoilt(HOSTS.rds);
    expect(at(HOSTS.rds, { target: { ...target, kind: 'pgbouncer' } })).toBe('First clients.\npgbouncer.ini.');
  });

  test('of a PgBouncer is nothing that PostgreSQL or a provider has, whatever is found', () => {
    const spoiltOne = spoilt(HOSTS.selfManaged);
    const findings = findingsOf({
      ...make.healthyPooler(knownValue(spoiltOne.sessions).visible.map((session) => ({ ...session, side: 'client' }))),
      serverChain: spoiltOne.serverChain,
      trust: known({
        system: false,
        bundle: [make.certificate({ notAfter: '2026-11-15T00:00:00Z', selfSigned: true })],
      }),
      probe: known({
        ...make.wireProbe(),
        plaintext: known({ accepted: true, authentication: 'sasl' }),
        keyExchange: known({ group: 'x25519', postQuantum: false }),
        tlsVersions: { ...make.wireProbe().tlsVersions, TLSv1: known({ accepted: true }) },
      }),
    });
    expect(new Set(findings.map(({ check }) => check)).size).toBeGreaterThan(6);
    for (const { check, remedy } of findings) {
      expect(remedy, check).toMatch(/\S{3}/);
      expect(remedy, check).not.toMatch(/pg_hba\.conf|ALTER SYSTEM|(?<!_tls_)ssl_(cert|key)_file|pg_reload_conf/);
      for (const pattern of Object.values(COMMANDS)) expect(remedy, check).not.toMatch(pattern);
    }
  });

  test.each(CHECKS)('of $id has one statement a line, for ALTER SYSTEM fails beside another', ({ remedy }) => {
    for (const [of, text] of textsOf(remedy)) {
      for (const line of text.split('\n').filter((each) => each.includes('ALTER SYSTEM'))) {
        expect(line.match(/;/g)?.length, `${of}: ${line}`).toBe(1);
      }
    }
  });
});
