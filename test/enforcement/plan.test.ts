// Tests the plan: made of what runs keep from day to day, it is ready only where that is known.

import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { processorTime } from '../../lab/processor-time.ts';
import * as make from '../../lab/snapshots.ts';
import { planRules } from '../../lambda/enforcement/hba/change.ts';
import { tryRules } from '../../lambda/enforcement/hba/trial.ts';
import { renderPlanMarkdown } from '../../lambda/enforcement/markdown.ts';
import { type PlanInput, planReadiness, planTarget } from '../../lambda/enforcement/plan.ts';
import { recordSnapshot } from '../../lambda/enforcement/record.ts';
import { planSchema, type TargetPlan } from '../../lambda/enforcement/schema.ts';
import { describeProgress } from '../../lambda/enforcement/wording.ts';
import { type ClientRecord, clientRecordSchema } from '../../lambda/model/client-record.ts';
import type { ClientLogins, FailedLogins } from '../../lambda/model/connection-log.ts';
import type { HbaRole, HbaRule } from '../../lambda/model/hba.ts';
import type { FindingRecord } from '../../lambda/model/lifecycle.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { shellQuote } from '../../lambda/model/shell-word.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { DAY_MS, HOUR_MS } from '../../lambda/model/time.ts';

const START = Date.parse('2026-10-01T06:00:20.000Z');
const iso = (at: number): string => new Date(at).toISOString();

/** A login of the application `etl`, in the hour before. */
function login(at: number, overrides: Partial<ClientLogins> = {}): ClientLogins {
  const hour = Math.floor((at - HOUR_MS) / HOUR_MS);
  return make.clientLogins({
    logins: 2,
    first: at - HOUR_MS,
    last: at - HOUR_MS,
    hours: [[hour, 2]],
    ...overrides,
  });
}

const TLS: Partial<ClientLogins> = {
  transport: 'tls',
  tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256 },
};

const OPEN_TO_PLAINTEXT = make.hbaFacts({
  rules: [
    {
      fileName: '/etc/postgresql/pg_hba.conf',
      lineNumber: 3,
      type: 'host',
      databases: ['all'],
      users: ['all'],
      address: '10.0.0.0',
      netmask: '255.0.0.0',
      method: 'scram-sha-256',
      options: [],
    },
  ],
});

interface Day {
  readonly clients?: readonly ClientLogins[];
  readonly failures?: readonly FailedLogins[];
  readonly gap?: string;
  readonly snapshot?: Partial<Snapshot>;
  readonly log?: boolean;
}

/** A run a day. */
function runs(
  days: number,
  dayOf: (at: number, index: number) => Day | undefined = () => ({}),
): ClientRecord | undefined {
  let record: ClientRecord | undefined;
  for (let index = 0; index < days; index += 1) {
    // As schedules do, a little later or earlier within the same minute.
    const at = START + index * DAY_MS + (index % 3) * 1_000;
    const day = dayOf(at, index);
    if (day === undefined) continue;
    const { clients = [], failures = [], gap, snapshot = {}, log = true } = day;
    record = recordSnapshot(
      record,
      make.healthySnapshot([], {
        takenAt: iso(at),
        hba: known(OPEN_TO_PLAINTEXT),
        ...(log
          ? {
              connectionLog: make.connectionLog({
                window: { from: iso(at - DAY_MS), to: iso(at) },
                continuousSince: gap === undefined ? iso(START - DAY_MS) : undefined,
                clients,
                failures,
                gaps: gap === undefined ? [] : [{ cause: 'lost', reason: gap }],
              }),
            }
          : {}),
        ...snapshot,
      }),
    );
    // As a store keeps it.
    record = clientRecordSchema.parse(JSON.parse(JSON.stringify(record)));
  }
  return record;
}

function plan(record: ClientRecord | undefined, days = 30, findings: readonly FindingRecord[] = []): TargetPlan {
  const input = { name: 'orders', record, findings, days, now: (record?.lastSeen ?? START) + HOUR_MS };
  const found = planTarget(input);
  // What the page says is never better, nor anything else than the plan says.
  const onPage = planReadiness(input);
  expect(onPage.readiness).toBe(found.readiness);
  expect(found.reasons).toEqual(expect.arrayContaining([...onPage.reasons]));
  return found;
}

function finding(of: Partial<FindingRecord['finding']>, at = START): FindingRecord {
  return {
    finding: {
      ...{ fingerprint: '0123456789abcdef', check: 'plaintext-session', severity: 'high', target: 'orders' },
      ...{ title: 'Unencrypted session over the network', clients: ['10.1.1.1'], evidence: {}, remedy: '' },
      ...of,
    },
    ...{ status: 'open', firstSeen: iso(at), openedAt: iso(at), lastSeen: iso(at) },
  };
}

describe('readiness', () => {
  test('is ready after a whole window in which every login is known and came over TLS', () => {
    const found = plan(runs(32, (at) => ({ clients: [login(at, TLS)] })));
    expect(found).toMatchObject({ readiness: 'ready', reasons: [], window: { daysNotCovered: 0 } });
    expect(found.clients).toMatchObject([{ role: 'etl', breaks: false, fix: expect.stringContaining('Survives') }]);
    expect(found.steps.flatMap(({ commands }) => commands).join('\n')).toContain('hostssl');
  });

  test('is not ready a few days too early, nor for a longer window', () => {
    expect(plan(runs(20)).readiness).toBe('unknown');
    expect(plan(runs(32), 60).reasons.join()).toMatch(/the log was not read on \d+ of 60 days/);
  });

  test('is blocked by a client that comes unencrypted, however seldom', () => {
    const record = runs(40, (at, index) => ({ clients: index === 20 ? [login(at)] : [] }));
    expect(plan(record)).toMatchObject({
      readiness: 'blocked',
      reasons: ['blocked by 1 client'],
      clients: [{ role: 'etl', breaks: true, logins: 2 }],
    });
    // Older than the window.
    expect(plan(runs(60, (at, index) => ({ clients: index === 2 ? [login(at)] : [] }))).readiness).toBe('ready');
  });

  test.each([
    ['a day without a run', (_: number, index: number) => (index === 25 ? undefined : {}), /not read on \d of 30 days/],
    [
      'a gap of the log',
      (_: number, index: number) => (index === 25 ? { gap: 'a part is lost' } : {}),
      /a part is lost/,
    ],
    ['snapshots only', () => ({ log: false }), /snapshots only/],
    ['sessions that are hidden', () => ({ snapshot: { sessions: known({ visible: [], hidden: 3 }) } }), /3 sessions/],
    ['rules that are not known', () => ({ snapshot: { hba: unknown('no grant') } }), /no grant/],
    [
      'logins from an unknown place',
      (at: number) => ({ clients: [login(at, { hostKnown: false })] }),
      /unencrypted login/,
    ],
    ['forged logins', (at: number) => ({ clients: [login(at, { forged: true })] }), /unencrypted login/],
  ] as const)('is unknown with %s', (_, dayOf, reason) => {
    const found = plan(runs(40, dayOf));
    expect(found.readiness).toBe('unknown');
    expect(found.reasons.join('\n')).toMatch(reason);
  });

  test('is unknown where no run has kept anything, and where the last one is old', () => {
    expect(plan(undefined)).toMatchObject({ readiness: 'unknown', window: null });
    const record = runs(40);
    const now = (record?.lastSeen ?? 0) + 3 * DAY_MS;
    const later = planTarget({ name: 'orders', record, findings: [], days: 30, now });
    expect(later.readiness).toBe('unknown');
  });

  test('a failed audit adds nothing: the day is not covered', () => {
    const record = runs(40, (_, index) => (index < 39 ? {} : { snapshot: make.failedSnapshot() }));
    expect(record?.lastSeen).toBeLessThan(START + 39 * DAY_MS);
  });

  test('a muted finding blocks, of a time before clients were kept too', () => {
    const mute = { match: { role: 'legacy' }, reason: 'later', owner: 'team', expires: '2030-01-01' };
    const muted = { ...finding({ role: 'legacy', database: 'shop', application: 'cron' }), mute };
    expect(plan(runs(40), 30, [muted])).toMatchObject({ readiness: 'blocked', clients: [{ role: 'legacy' }] });
  });

  test('a client over loopback blocks where a finding says that the policy takes loopback for a network', () => {
    const sessions = known({ visible: [make.session({ transport: 'loopback', role: 'etl' })], hidden: 0 });
    const record = runs(40, () => ({ snapshot: { sessions } }));
    const { database, application } = make.session();
    const found = finding({ role: 'etl', database, application });
    expect(plan(record).readiness).toBe('ready');
    expect(plan(record, 30, [found])).toMatchObject({ readiness: 'blocked', clients: [{ role: 'etl', breaks: true }] });
  });

  test('a finding blocks where what is kept shows its client over TLS alone, or in plaintext long before', () => {
    const known = { role: 'etl', database: 'orders', application: 'etl' };
    const found = finding(known, START + 39 * DAY_MS);
    const tls = runs(40, (day) => ({ clients: [login(day, { ...TLS, ...known })] }));
    expect(plan(tls, 30, [found])).toMatchObject({ readiness: 'blocked' });
    const moved = runs(40, (day, index) => ({ clients: [login(day, { ...(index < 9 ? {} : TLS), ...known })] }));
    expect(plan(moved, 30, [found])).toMatchObject({ readiness: 'blocked' });
    // Of the same day it is the same client, once.
    const seen = runs(40, (day) => ({ clients: [login(day, known)] }));
    expect(plan(seen, 30, [found]).clients.filter(({ breaks }) => breaks)).toHaveLength(1);
  });

  test('is not enforced while a finding says that plaintext is admitted, over loopback for example', () => {
    const rules = OPEN_TO_PLAINTEXT.rules.map((rule) => ({
      ...rule,
      address: '127.0.0.1',
      netmask: '255.255.255.255',
    }));
    const record = runs(40, () => ({ snapshot: { hba: known(make.hbaFacts({ rules })) } }));
    expect(plan(record).readiness).toBe('enforced');
    const found = plan(record, 30, [finding({ check: 'plaintext-allowed' })]);
    expect(found.readiness).toBe('unknown');
    expect(found.reasons.join()).toContain('policy.loopback is "network"');
  });

  test('progress: a client that has moved waits for the window, and is counted', () => {
    const record = runs(40, (at, index) => ({
      clients: [login(at, index < 25 ? {} : TLS), login(at, { role: 'cron', ...(index < 39 ? {} : TLS) })],
    }));
    expect(plan(record)).toMatchObject({ readiness: 'blocked', progress: { moved: 1, of: 2 } });
    const moved = runs(40, (at, index) => ({ clients: [login(at, index < 25 ? {} : TLS)] }));
    expect(plan(moved)).toMatchObject({ readiness: 'waiting', progress: { moved: 1, of: 1 } });
  });

  test('counts no login twice, however often runs see its hour', () => {
    const row = login(START + DAY_MS, { logins: 7, hours: [[Math.floor(START / HOUR_MS), 7]] });
    const record = runs(2, () => ({ clients: [row] }));
    expect(record?.clients[0]?.uses.plaintext?.logins).toBe(7);
  });

  test('a database that is forced is enforced, and one that the probe gets into is not', () => {
    const target = { name: 'orders', host: 'orders.abc123.eu-west-1.rds.amazonaws.com', port: 5432, labels: {} };
    const link = make.healthySnapshot().link;
    const rds = {
      ...{ target, hba: unknown('RDS shows no rules') },
      link: link.known ? known({ ...link.value, verifiedName: target.host }) : link,
    };
    const settings = (value: string) => known({ values: { ...make.SETTINGS, 'rds.force_ssl': value }, seesAll: true });
    expect(plan(runs(40, () => ({ snapshot: { ...rds, settings: settings('1') } }))).readiness).toBe('enforced');
    const open = plan(runs(40, () => ({ snapshot: { ...rds, settings: settings('0') } })));
    expect(open.readiness).toBe('ready');
    const commands = open.steps.flatMap((step) => step.commands).join('\n');
    expect(commands).toContain('--db-instance-identifier orders');
    expect(commands).toContain('--region eu-west-1');
    expect(commands).toContain('ParameterName=rds.force_ssl,ParameterValue=1');
  });
});

describe('lines for plaintext only', () => {
  const [HOST] = OPEN_TO_PLAINTEXT.rules;
  const rule = { ...(HOST as HbaRule), type: 'hostnossl' as const };
  const planned = (quotes: HbaRule['quotes']): TargetPlan => {
    const hba = known(make.hbaFacts({ ...OPEN_TO_PLAINTEXT, rules: [{ ...rule, quotes }] }));
    return plan(runs(40, () => ({ snapshot: { hba } })));
  };

  test('whose quotes are not known make it unknown, with the reason, and no command changes a line', () => {
    const found = planned(undefined);
    expect(found.readiness).toBe('unknown');
    expect(found.reasons.join()).toMatch(
      /hostnossl lines.*does not see which words.*quoted.*GRANT pg_read_server_files/,
    );
    const commands = found.steps.flatMap((step) => step.commands).join('\n');
    expect(commands).not.toMatch(/sed|hostssl/);
    expect(found.steps[0]?.title).toMatch(/^Change pg_hba\.conf by hand/);
  });

  test('whose quotes are known become lines for TLS', () => {
    const found = planned({ databases: [false], users: [false] });
    expect(found).toMatchObject({ readiness: 'ready', reasons: [] });
    expect(found.steps.flatMap((step) => step.commands).join('\n')).toContain('hostssl');
  });
});

describe('GSSAPI', () => {
  const gss = { ...(OPEN_TO_PLAINTEXT.rules[0] as HbaRule), method: 'gss' };

  test('what it encrypts gets in by a copy of the line, without which the trial fails', () => {
    const facts = make.hbaFacts({ ...OPEN_TO_PLAINTEXT, rules: [gss], major: 18 });
    const planned = planRules(facts);
    if (planned.status !== 'open') throw new Error(planned.status);
    expect(planned.after.map(({ rule }) => rule.type)).toEqual(['hostgssenc', 'hostssl']);
    const without = planned.after.filter(({ rule }) => rule.type !== 'hostgssenc');
    const trial = tryRules(facts, without, { gss: true });
    expect(trial).toMatchObject({ status: 'done', mismatches: expect.arrayContaining([expect.anything()]) });
    expect(tryRules(facts, planned.after, { gss: true })).toMatchObject({ status: 'done', mismatches: [] });
  });

  test.each([
    ['a session that it encrypts', OPEN_TO_PLAINTEXT.rules, true, 18, 'hostgssenc'],
    ['a line of that method', [gss], false, 18, 'hostgssenc'],
    ['neither', OPEN_TO_PLAINTEXT.rules, false, 18, undefined],
    ['a server before it could', [gss], true, 11, undefined],
  ] as const)('with %s', (_, rules, gssSeen, major, type) => {
    const planned = planRules(make.hbaFacts({ ...OPEN_TO_PLAINTEXT, rules, major }), { gssSeen });
    const types = planned.status === 'open' ? planned.after.map(({ rule }) => rule.type) : [];
    expect(types).toEqual(type === undefined ? ['hostssl'] : [type, 'hostssl']);
  });
});

test('the readiness of a blocked database takes no trial of its rules', () => {
  const rules = Array.from({ length: 60 }, (_, index) => ({
    ...(OPEN_TO_PLAINTEXT.rules[0] as HbaRule),
    ...{ lineNumber: index + 1, users: [`"r${index}"`], address: `10.${index}.0.0`, netmask: '255.255.0.0' },
  }));
  const hba = known(make.hbaFacts({ rules }));
  const record = runs(2, (at) => ({ clients: [login(at)], snapshot: { hba } }));
  const input = { name: 'orders', record, findings: [], days: 30, now: START + 2 * DAY_MS };
  const timed = (plan: (given: PlanInput) => unknown): number => processorTime(() => plan(input), 5);
  expect(timed(planReadiness) * 4).toBeLessThan(timed(planTarget));
});

test('what a report shows of readiness, and what people read of progress', () => {
  const moving = runs(40, (at, index) => ({
    clients: [login(at, index < 25 ? {} : TLS), login(at, { role: 'cron' })],
  }));
  const now = (moving?.lastSeen ?? 0) + HOUR_MS;
  const input = { record: moving, findings: [], days: 30, now };
  expect(planTarget({ name: 'orders', ...input })).toMatchObject({
    readiness: 'blocked',
    reasons: ['blocked by 1 client'],
  });
  expect(planTarget({ name: 'new', ...input, record: undefined })).toMatchObject({
    readiness: 'unknown',
    reasons: [expect.stringMatching(/^no run has kept anything/)],
  });
  const garbled = { name: 'bad', ...input, record: undefined, problem: 'its record\u001b[31m can not be used' };
  expect(planTarget(garbled).reasons.join()).toMatch(/^its record[^\u001b]*can not be used$/);
  expect(describeProgress(plan(moving).progress)).toBe('1 of 2 clients moved to TLS since 1 October 2026');
});

test('on PgBouncer a client over loopback breaks too, and one over a socket has no part in it', () => {
  const visible = (side?: 'client') =>
    (['loopback', 'unix-socket'] as const).map((transport) =>
      make.session({ transport, role: transport, ...(side === undefined ? {} : { side }) }),
    );
  const sessionsOf = (side?: 'client') => ({ sessions: known({ visible: visible(side), hidden: 0 }) });
  const roles = (found: TargetPlan): unknown => found.clients.map(({ role, breaks }) => [role, breaks]);
  expect(roles(plan(runs(3, () => ({ snapshot: sessionsOf('client') }))))).toEqual([['loopback', true]]);
  expect(roles(plan(runs(3, () => ({ snapshot: sessionsOf() }))))).toEqual([]);
});

test('after the switch the plan names who broke, and not who came back with TLS', () => {
  const refused = (role: string, retriedOverTls: number) => (at: number) =>
    make.failedLogins({
      ...{ kind: 'refused' as const, encryption: 'plaintext' as const, role, database: 'shop' },
      ...{ count: 3, retriedOverTls, first: at - HOUR_MS, last: at - HOUR_MS, network: '10.1.0.0/16' },
    });
  const record = runs(3, (at) => ({ failures: [refused('legacy', 0)(at), refused('agent', 3)(at)] }));
  expect(plan(record).refused).toMatchObject([
    { role: 'legacy', database: 'shop', networks: ['10.1.0.0/16'], count: 3 },
  ]);
});

describe('stage 1', () => {
  const HOSTILE = `o'neil "x", $(id) \\`;
  const names = ['etl', 'web', 'boss', 'stream', HOSTILE];
  const roles = names.map((name) => ({
    ...{ name, superuser: name === 'boss', replication: name === 'stream' },
    ...{ canLogin: true, memberOf: [] },
  }));
  const quotes = { databases: [false], users: [false] };
  const hba = known({
    ...OPEN_TO_PLAINTEXT,
    rules: OPEN_TO_PLAINTEXT.rules.map((rule) => ({ ...rule, quotes })),
    roles,
  });
  const commandsOf = (record: ClientRecord | undefined): string =>
    plan(record)
      .steps.filter(({ title }) => title.startsWith('Stage 1'))
      .flatMap(({ commands }) => commands)
      .join('\n');
  const overTls = (at: number) => names.slice(1).map((name) => login(at, { ...TLS, role: name }));

  test('closes plaintext to the roles that are done, with names as text, and the switch comes after it', () => {
    const record = runs(40, (at) => ({ clients: [login(at), ...overTls(at)], snapshot: { hba } }));
    const found = plan(record);
    expect(found.readiness).toBe('blocked');
    const line = 'hostnossl all web,"o\'neil ""x"", $(id) \\" 10.0.0.0/8 reject';
    // As a shell reads the word, and sed the script.
    const text = shellQuote(line.replaceAll('\\', '\\\\')).slice(1, -1);
    expect(commandsOf(record)).toContain(`i\\\n${text}\n}' `);
    expect(
      found.steps.find(({ title }) => title.startsWith('Stage 1') && title.includes('web'))?.rollback,
    ).toHaveLength(2);
    expect(found.steps.map(({ title }) => title.slice(0, 7)).join()).toMatch(/^(Stage 1,?)+(Stage 2,?)+$/);
    const document = { schemaVersion: 1, state: 'state.json', days: 30, at: iso(START), targets: [found] } as const;
    expect(renderPlanMarkdown({ ...document, targets: [found] })).toContain('### Stage 1 for the roles that are done');
  });

  test('leaves out a role with a character for which shells put in earlier commands', () => {
    const spoiled = [...roles, { ...(roles[0] as HbaRole), name: 'ops!!' }];
    const clients = (at: number) => [login(at), ...overTls(at), login(at, { ...TLS, role: 'ops!!' })];
    const snapshot = { hba: known({ ...(hba.known ? hba.value : OPEN_TO_PLAINTEXT), roles: spoiled }) };
    const commands = commandsOf(runs(40, (at) => ({ clients: clients(at), snapshot })));
    expect(commands).toContain('hostnossl all web');
    expect(commands).not.toContain('ops!!');
  });

  test.each([
    ['snapshots only', (at: number) => ({ clients: overTls(at), log: false, snapshot: { hba, ...PLAIN_SESSION } })],
    ['a day without a run', (at: number, index: number) => (index === 20 ? undefined : mixed(at))],
    ['an unencrypted login of an unknown place', (at: number) => mixed(at, login(at, { hostKnown: false }))],
    ['an unencrypted login of the role', (at: number) => mixed(at, ...names.map((name) => login(at, { role: name })))],
    ['a login encrypted by GSSAPI', (at: number) => mixed(at, login(at, { role: 'web', transport: 'gss' }))],
    ['an unencrypted login without a role', (at: number) => mixed(at, login(at, { role: undefined }))],
  ] as const)('is not there with %s', (_, dayOf) => {
    const record = runs(40, dayOf);
    expect(plan(record)).toMatchObject({ readiness: 'blocked' });
    expect(commandsOf(record)).toBe('');
  });

  const PLAIN_SESSION = {
    sessions: known({
      visible: [make.plaintextSession({ role: 'etl' }), make.tlsSession({}, { role: 'web' })],
      hidden: 0,
    }),
  };
  const mixed = (at: number, ...more: readonly ClientLogins[]): Day => ({
    clients: [login(at), ...overTls(at), ...more],
    snapshot: { hba },
  });
});

test.each([
  ['a moment that no ISO date has', (record: ClientRecord) => ({ ...record, lastSeen: 8.64e15 })],
  [
    'counts whose sum is no integer',
    (record: ClientRecord) => ({ ...record, snapshots: [[1, Number.MAX_SAFE_INTEGER]] }),
  ],
] as const)('a record with %s is not used, for the document of the plan could not hold it', (_, spoil) => {
  const record = runs(3) as ClientRecord;
  expect(clientRecordSchema.safeParse(record).success).toBe(true);
  expect(clientRecordSchema.safeParse(spoil(record)).success).toBe(false);
});

describe('output', () => {
  const HOSTILE = 'x | <b>`$(id)`</b>\u001b[31m\n# "\'; DROP';

  test('names of clients are text in Markdown, and in no command', () => {
    const record = runs(32, (at) => ({
      clients: [login(at, { role: HOSTILE, database: HOSTILE, application: HOSTILE })],
    }));
    const target = plan(record);
    const document = { schemaVersion: 1, state: 'state.json', days: 30, at: iso(START), targets: [target] } as const;
    expect(planSchema.safeParse(document).success).toBe(true);
    const text = renderPlanMarkdown({ ...document, targets: [target] });
    expect(text).not.toContain('<b>');
    expect(text).not.toContain('\u001b');
    expect(text.split('\n').filter((line) => line.includes('DROP') && !line.startsWith('|'))).toEqual([]);
    expect(target.steps.flatMap(({ commands }) => commands).join('\n')).not.toContain('DROP');
  });

  test.each([HOSTILE, '', "it's", '-rf', '$(id) `id` \\', 'a b'])('a shell reads %j as one word', (text) => {
    const read = execFileSync('bash', ['-c', `printf '%s|' ${shellQuote(text)}`], { encoding: 'utf8' });
    expect(read).toBe(`${text}|`);
  });
});
