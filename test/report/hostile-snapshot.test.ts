// What strangers write stays text: a hostile text in every text of a snapshot at once, through every renderer and
// format.

import { marked, type Token } from 'marked';
import { describe, expect, test } from 'vitest';
import { renderTable } from '../../bin/command-line/terminal/table.ts';
import {
  certificate,
  failedSnapshot,
  hbaFacts,
  hbaRoles,
  healthyPooler,
  healthySnapshot,
  POLICY,
  plaintextSession,
  poolerSession,
  poolerSettings,
  tlsSession,
} from '../../lab/snapshots.ts';
import { catalogue } from '../../lambda/checks/catalogue.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { buildReport } from '../../lambda/report/build-report.ts';
import { asffFindings, awsPlace } from '../../lambda/report/exports/asff.ts';
import { wholeText } from '../../lambda/report/exports/chunks.ts';
import { renderJunit } from '../../lambda/report/exports/junit.ts';
import { renderMarkdown } from '../../lambda/report/exports/markdown.ts';
import { ocsfEvents } from '../../lambda/report/exports/ocsf.ts';
import { sarifLog } from '../../lambda/report/exports/sarif.ts';
import { renderAlert, renderChatMessages } from '../../lambda/report/messages/sns-message.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';
import { digestOf } from './builders.ts';

/** Every one with a marker, by which it is found again. */
const CORPUS = [
  ['a Slack link', '<mailto:zz@evil.example|Click zz>'],
  ['a Slack link to the web', '<https://evil.example/zz|Click zz>'],
  ['a mention', '<!channel> <@U012AB> @zz @channel zz'],
  ['a Markdown link', '[zz](//evil.example/zz)'],
  ['a Markdown image', '![zz](//evil.example/zz.png)'],
  ['a reference and an autolink', '[zz]: https://evil.example\n<https://evil.example/zz>'],
  ['a table cell and a heading', 'zz | zz |\n# zz\n- zz'],
  ['HTML', '<img src=x onerror=alert(1)>zz<script>zz</script>&lt;zz'],
  ['XML', ']]><zz/><!-- zz --><?zz?>'],
  ['ANSI', '\u001b[31mzz\u001b]8;;https://evil.example\u0007zz\u009b2J'],
  ['bidi', 'zz\u202egnp.exe\u2066zz\u2069'],
  ['zero width', 'z\u200bz\u2060zz\ufeff\u00adzz'],
  ['line separators', 'zz\u2028zz\u2029zz\u0085zz\u0000zz'],
  ['emphasis and code', '*zz* _zz_ ~zz~ `zz` ```zz```'],
  ['half a character', 'zz\ud83d zz\udc00'],
  ['120,000 characters', 'zz'.repeat(60_000)],
] as const;

/** Not texts of a stranger's: words of a closed list, times, and what the configuration says. */
const CLOSED = new Set(
  `transport kind side cause phase authentication sslNegotiation takenAt notBefore notAfter type setting target
sha256 oldestSession`.split(/\s+/),
);

/** A copy in which every text that a stranger may choose is the hostile one. */
function spoil<T>(value: T, hostile: string): T {
  if (typeof value === 'string') return hostile as T;
  if (value instanceof Map) {
    return new Map([...value].map(([key, one]) => [key === 'true' ? key : hostile, spoil(one, hostile)])) as T;
  }
  if (value instanceof Set) return new Set([...value].map((one) => spoil(one, hostile))) as T;
  if (Array.isArray(value)) return value.map((one) => spoil(one, hostile)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, CLOSED.has(key) ? one : spoil(one, hostile)]),
  ) as T;
}

const LINK = { local: false, serviceFile: false, gssEncrypted: false } as const;

const [RULE] = hbaFacts().rules;

/** Snapshots that between them have every text there is, and much to find. */
function richSnapshots(): readonly Snapshot[] {
  const role = { name: 'app', canLogin: true, superuser: false, replication: true, memberOf: ['staff'] };
  const host = { ...RULE, lineNumber: 2, type: 'host' as const, databases: ['all'], users: ['all'], options: [] };
  const rules = [
    { ...host, address: '10.0.0.0', netmask: '255.0.0.0', method: 'md5' },
    { ...host, lineNumber: 3, address: 'all', method: 'trust', options: ['clientcert=verify-ca'] },
  ];
  const postgres = healthySnapshot(
    [
      plaintextSession(),
      tlsSession({ version: 'TLSv1', cipher: 'AES128-SHA', clientDn: '/CN=app' }),
      plaintextSession({ kind: 'replication', database: undefined }),
    ],
    {
      hba: known(hbaFacts({ rules, roles: hbaRoles([role]) })),
      outbound: known({
        links: [
          { kind: 'subscription', name: 's', database: 'shop', sslmode: 'require', ...LINK },
          { kind: 'foreign-server', name: 'f', database: 'shop', ...LINK, serviceFile: true },
        ],
        unreadable: [{ kind: 'primary', count: 1, refusal: 'no' }],
      }),
      aurora: known({
        own: 'a',
        instances: [
          { id: 'a', writer: true },
          { id: 'b', writer: false },
        ],
      }),
      credentials: known({ source: 'secret a', dsn: { sslmode: 'disable', weakParameters: ['sslmode'] } }),
      serverChain: known([certificate({ notAfter: '2026-11-12T00:00:00Z', publicKey: { type: 'rsa', bits: 1024 } })]),
      clientCertificate: known(certificate({ notAfter: '2026-11-12T00:00:00Z' })),
      settings: known({
        values: { ssl_ciphers: 'ALL', ssl_tls13_ciphers: 'x', password_encryption: 'md5' },
        seesAll: true,
        pendingRestart: ['ssl'],
        overrides: [{ setting: 'password_encryption', role: 'app', database: 'shop', value: 'md5', ofLogin: false }],
        unusable: { ssl: 'too long' },
      }),
      probe: known({
        role: 'app',
        database: 'shop',
        loopback: false,
        brokenSuites: known({ accepted: false, said: 'no' }),
        plaintext: known({ accepted: false, said: 'no' }),
        offersTls: known(true),
        tlsVersions: {
          TLSv1: known({ accepted: true }),
          'TLSv1.1': known({ accepted: false, said: 'no' }),
          'TLSv1.2': unknown('no answer'),
          'TLSv1.3': known({ accepted: true }),
        },
        directTls: unknown('no answer'),
        keyExchange: known({ group: 'x25519', postQuantum: false }),
        connections: 7,
      }),
    },
  );
  const unknownOutcomes = healthySnapshot([plaintextSession()], {
    visibility: known({ role: 'tls_auditor', seesAllSessions: false }),
    hba: unknown('may not'),
    settings: unknown('may not'),
    serverChain: unknown('none'),
  });
  const faulty = healthySnapshot([], {
    hba: known(hbaFacts({ faults: [{ fileName: '/f', lineNumber: 3, error: 'bad' }] })),
  });
  const pooler = healthyPooler(
    [poolerSession('client', { transport: 'plaintext', tls: undefined }), poolerSession('server')],
    { pooler: known(poolerSettings({ auth_type: 'md5', client_tls_sslmode: 'allow', server_tls_sslmode: 'prefer' })) },
  );
  const all = [postgres, unknownOutcomes, faulty, pooler, failedSnapshot()];
  return all.map((snapshot, index) => ({ ...snapshot, target: { ...snapshot.target, name: `target-${index}` } }));
}

function reportOf(hostile: string): Report {
  const policy = { ...POLICY, clientCertificateRoles: [hostile] };
  const audited = richSnapshots().map((rich) => {
    const snapshot = spoil(rich, hostile);
    // What people configure is checked where it is read; a host may come from a secret.
    const target = { ...rich.target, host: hostile, labels: { team: hostile } };
    return { snapshot: { ...snapshot, target }, ...evaluate({ ...snapshot, target }, policy) };
  });
  const at = '2026-11-10T06:15:02.000Z';
  return buildReport({ startedAt: at, finishedAt: at, policy, audited });
}

/** Every text in a value, the names of its properties included. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) => [key, ...textsOf(one)]);
}

const RAW = /[\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2060\ufeff\u00ad]/u;

function expectTame(texts: readonly string[]): void {
  expect(texts.filter((text) => RAW.test(text)).map((text) => JSON.stringify(text).slice(0, 200))).toEqual([]);
  expect(texts.filter((text) => text.includes('://evil') || /mailto:\S/i.test(text))).toEqual([]);
  // No text of a stranger's is told at length.
  expect(Math.max(...texts.map((text) => /(?:zz){2001,}/.exec(text)?.[0].length ?? 0))).toBe(0);
}

const CONTEXT = { catalogue: catalogue(), toolVersion: '1.0.0' } as const;

const OUR_LINKS = new Set(CONTEXT.catalogue.flatMap(({ references }) => references));

describe.each(CORPUS)('%s in every text of a snapshot', (_what, hostile) => {
  const report = reportOf(hostile);
  const bodies = JSON.parse(renderAlert(digestOf(report, 'info'), report, 'test').message) as Record<string, string>;

  test('stays text in the report, which is valid and not large', () => {
    expect(reportSchema.safeParse(report).error).toBeUndefined();
    const { targets, ...rest } = report;
    // Labels and hosts are the configuration's own, and machines compare them.
    expectTame(textsOf([rest, targets.map(({ labels: _, host: __, ...target }) => target)]));
    const withoutOwn = { ...report, targets: targets.map((target) => ({ ...target, labels: {}, host: null })) };
    expect(JSON.stringify(withoutOwn).length).toBeLessThan(250_000);
  });

  test('stays text in the email, the text message and the subject', () => {
    const { email = '', sms = '', default: other = '' } = bodies;
    expectTame([email, sms, other]);
    expect(sms).not.toContain('\n');
  });

  test('stays text in the chat', () => {
    const cards = renderChatMessages(digestOf(report, 'info'), 'test').map(({ message }) => JSON.parse(message).https);
    for (const body of [bodies.https ?? '', ...cards]) {
      const { content, metadata } = JSON.parse(body) as {
        readonly content: { readonly description: string; readonly title: string };
        readonly metadata: object;
      };
      const texts = textsOf([content, metadata]);
      expectTame(texts);
      expect(
        texts.filter((text) => /<|>|\]\(|(?<![\p{L}\p{N}.\-`])@(?=\w)/u.test(text.replaceAll(/`[^`\n]*`/g, ''))),
      ).toEqual([]);
      expect(texts.filter((text) => /[<>]/.test(text))).toEqual([]);
    }
  });

  test('stays text in the attributes, which SNS takes', () => {
    const { attributes } = renderAlert(digestOf(report, 'info'), report, 'test');
    for (const { DataType, StringValue } of Object.values(attributes)) {
      const values: unknown = DataType === 'String.Array' ? JSON.parse(StringValue) : StringValue;
      expect(textsOf(values).filter((text) => /[\p{Cc}\p{Cs}\p{Bidi_Control}]/u.test(text))).toEqual([]);
    }
  });

  test('stays text in the terminal', () => {
    for (const columns of [50, 100, 200]) expectTame([renderTable(report, { columns, colour: false })]);
  });

  test('makes no link, image or HTML in Markdown', () => {
    const markdown = wholeText(renderMarkdown(report, CONTEXT));
    expectTame([markdown]);
    const found: string[] = [];
    marked.walkTokens(marked.lexer(markdown), (token: Token) => {
      if (token.type === 'image' || token.type === 'html') found.push(token.raw);
      if (token.type === 'link' && !OUR_LINKS.has(token.href as string)) found.push(token.raw);
    });
    expect(found).toEqual([]);
  });

  test('stays text in JUnit, SARIF, OCSF and ASFF', () => {
    const aws = awsPlace('123456789012', 'eu-west-1');
    const sarif = sarifLog(report, CONTEXT);
    expectTame(textsOf([sarif.runs[0]?.results, sarif.runs[0]?.invocations]));
    expect(sarif.runs[0]?.results?.filter(({ message }) => message.text?.includes(']('))).toEqual([]);
    expectTame(textsOf(ocsfEvents(report, CONTEXT)));
    expectTame(textsOf(asffFindings(report, { ...CONTEXT, aws })));
    const junit = wholeText(renderJunit(report, { ...CONTEXT, failOn: 'low' }));
    expectTame([junit]);
    expect(junit).not.toMatch(/<(zz|script|img)\b/);
  });
});
