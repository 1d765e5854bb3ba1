// Fuzzes the answers to the audit queries: rows whose cells hold anything.

import fc from 'fast-check';
import { healthyPooler, healthySnapshot, POLICY, poolerSettings } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import type { Row } from '../../lambda/collect/answers/answer.ts';
import { findOwn, readDatabases, readSessions, readSettings } from '../../lambda/collect/pgbouncer/rows.ts';
import { ConsoleClock } from '../../lambda/collect/pgbouncer/time.ts';
import { auroraQuery } from '../../lambda/collect/postgres/aurora-query.ts';
import { catalogueQuery } from '../../lambda/collect/postgres/catalogue-query.ts';
import { hbaFacts, hbaQuery, plainHbaQuery } from '../../lambda/collect/postgres/hba-queries.ts';
import { linkQuery, outboundQuery } from '../../lambda/collect/postgres/outbound-query.ts';
import { ownSettingsQuery } from '../../lambda/collect/postgres/own-settings-query.ts';
import { reloadQuery } from '../../lambda/collect/postgres/reload-query.ts';
import { serverQuery } from '../../lambda/collect/postgres/server-query.ts';
import { sessionQuery } from '../../lambda/collect/postgres/session-query.ts';
import { known } from '../../lambda/model/observed.ts';
import { SETTING_NAMES } from '../../lambda/model/posture.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { anyJson, strangeText } from '../generators/arbitraries.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

/** What PostgreSQL cannot have sent is said to be that, and is no defect. */
const UNUSABLE = ['UnusableAnswer'];

const LINES = [
  { file: '/pg_hba.conf', line: 1, type: 'hostssl', databases: ['all'], users: ['all'], address: 'all', netmask: null },
  { file: '/pg_hba.conf', line: 2, type: 'host', databases: ['shop'], users: ['+app', '/^a'], address: '10.0.0.0' },
  { file: null, line: 3, type: null, error: 'invalid' },
].map((line) => ({
  method: 'scram-sha-256',
  options: null,
  error: null,
  netmask: '255.0.0.0',
  patterns: null,
  ...line,
}));

/** What an honest server answers, SELECT by SELECT, in the order of the questions below. */
const HONEST = {
  server: [
    [
      ['18.4', 'f', 'tls_auditor', 't', 't', 't', 't', ...SETTING_NAMES.map(() => 'on'), 'f', 'tls_auditor'].concat([
        '/data/pg_hba.conf',
        '/data',
        't',
        't',
        't',
        't',
      ]),
    ],
  ],
  ownSettings: [
    [
      ['0', '16385', 'password_encryption=md5'],
      ['5', '0', 'role=app'],
    ],
  ],
  sessions: [
    [
      [
        '1',
        '10',
        '5',
        'x',
        'client backend',
        '10.0.0.9',
        '5000',
        't',
        'TLSv1.3',
        'TLS_AES_256_GCM_SHA384',
        '256',
        '',
        'f',
        '1767225600.1',
        't',
      ],
      [
        '2',
        '16385',
        '5',
        'web',
        'client backend',
        '10.0.0.1',
        '5001',
        'f',
        null,
        null,
        null,
        null,
        'f',
        '1767225600',
        'f',
      ],
      ['3', '16385', '5', 'sock', 'client backend', null, '-1', 'f', null, null, null, null, 'f', '1767225600', 'f'],
    ],
  ],
  catalogue: [
    [
      ['10', 'postgres', 't', 't', 't', 't'],
      ['16385', 'app', 't', 'f', 'f', 't'],
    ],
    [
      ['16385', '10'],
      ['10', '16385'],
    ],
    [
      ['5', 'shop', 't', '-1', 'f'],
      ['1', 'template1', 't', '-2', 't'],
    ],
  ],
  outbound: [[['1']], [['t'], ['f']]],
  links: [
    [['t', 'partner', 'shop', 'require', 'f', 'f', 'f', 'f', 'system']],
    [['t', 'sub', 'shop', null, 'f', 't', 'f', 't', null]],
    [['t', null, null, 'verify-full', 't', 'f', 'f', 'f', 'other']],
  ],
  hba: [[[`<table><row><json_agg>${JSON.stringify(LINES).replaceAll('&', '&amp;')}</json_agg></row></table>`]]],
  plainHba: [[[JSON.stringify(LINES)]]],
  aurora: [
    [
      ['a', 't', 't'],
      ['b', 'f', 'f'],
    ],
  ],
  reload: [[['ssl,ssl_ciphers', 't']]],
} satisfies Record<string, readonly (readonly Row[])[]>;

type Selects = readonly (readonly Row[])[];

const cell: fc.Arbitrary<string | null> = fc.oneof(
  fc.constantFrom(
    null,
    '',
    't',
    'f',
    '0',
    '1',
    '-1',
    '10',
    '16385',
    '99999999999999999999',
    '1e999',
    'NaN',
    'infinity',
  ),
  fc.constantFrom(
    'client backend',
    'walsender',
    '10.0.0.1',
    '::1',
    '127.0.0.1',
    'fe80::1%lo',
    '2026-02-30',
    '0x10',
    '[]',
  ),
  strangeText,
  anyJson.map((value) => JSON.stringify(value) ?? ''),
  anyJson.map((value) => `<json_agg>${JSON.stringify([value])}</json_agg>`),
  fc
    .record({ line: fc.nat(LINES.length - 1), key: fc.constantFrom(...Object.keys(LINES[0] ?? {})), value: anyJson })
    .map(({ line, key, value }) => JSON.stringify([{ ...LINES[line], [key]: value }])),
);

interface CellChange {
  readonly kind: 'cell' | 'row' | 'column' | 'repeat' | 'select';
  readonly select: number;
  readonly row: number;
  readonly column: number;
  readonly value: string | null;
}

const cellChange: fc.Arbitrary<CellChange> = fc.record({
  kind: fc.constantFrom<CellChange['kind']>('cell', 'cell', 'cell', 'row', 'column', 'repeat', 'select'),
  select: fc.nat(3),
  row: fc.nat(3),
  column: fc.nat(40),
  value: cell,
});

function changedSelects(selects: Selects, { kind, select, row, column, value }: CellChange): Selects {
  if (kind === 'select') return selects.filter((_rows, index) => index !== select % selects.length);
  return selects.map((rows, index) => {
    if (index !== select % selects.length) return rows;
    const at = row % Math.max(1, rows.length);
    if (kind === 'row') return rows.filter((_cells, place) => place !== at);
    if (kind === 'repeat') return [...rows, ...rows];
    return rows.map((cells, place) => {
      if (place !== at) return cells;
      const changed = column % Math.max(1, cells.length);
      if (kind === 'column') return cells.slice(0, changed);
      return cells.map((before, position) => (position === changed ? value : before));
    });
  });
}

const selectsLike = (honest: Selects): fc.Arbitrary<Selects> =>
  fc.array(cellChange, { maxLength: 4 }).map((changes) => changes.reduce(changedSelects, honest));

const answersArbitrary = fc.record({
  server: selectsLike(HONEST.server),
  ownSettings: selectsLike(HONEST.ownSettings),
  sessions: selectsLike(HONEST.sessions),
  catalogue: selectsLike(HONEST.catalogue),
  outbound: selectsLike(HONEST.outbound),
  links: selectsLike(HONEST.links),
  hba: selectsLike(HONEST.hba),
  plainHba: selectsLike(HONEST.plainHba),
  aurora: selectsLike(HONEST.aurora),
  reload: selectsLike(HONEST.reload),
});

const rows: FuzzTarget = {
  name: 'rows',
  title: "a server's rows: sessions, settings, roles, rules, links; and the checks of what was read",
  share: 4,
  prepare: () => ({
    property: fc.property(answersArbitrary, (answers) => {
      const snapshot = throwingOnly(UNUSABLE, () => snapshotOf(answers));
      if (snapshot !== undefined) evaluateAll(snapshot);
    }),
  }),
};

function snapshotOf(answers: { readonly [AuditQuery in keyof typeof HONEST]: Selects }): Snapshot {
  const { server, visibility, settings, privileges } = serverQuery.read(answers.server);
  const ownSettings = ownSettingsQuery.read(answers.ownSettings);
  const activity = sessionQuery.read(answers.sessions);
  const catalogue = catalogueQuery.read(answers.catalogue);
  const outbound = outboundQuery.read(answers.outbound)(server.inRecovery);
  const links = linkQuery(outbound, privileges)?.read(answers.links);
  const lines = hbaQuery.read(answers.hba) ?? plainHbaQuery.read(answers.plainHba);
  auroraQuery.read(answers.aurora);
  reloadQuery(true).read(answers.reload);
  return healthySnapshot([], {
    server: known(server),
    visibility: known({
      ...visibility,
      assumed: { login: 'auditor', setting: ownSettings.assumed(catalogue, activity.login) },
    }),
    settings: known(settings(ownSettings.overrides(catalogue, activity.login))),
    sessions: known(activity.sessions(catalogue)),
    outbound: known(links ?? outbound),
    hba: known(hbaFacts(lines, { major: 18, catalogue })),
  });
}

/** No check crashes over what was read, and what is reported of it is bounded. */
function evaluateAll(snapshot: Snapshot): void {
  const { outcomes, findings } = evaluate(snapshot, POLICY);
  for (const { check: id, outcome } of outcomes) {
    check(outcome.status !== 'error', `the check ${id} crashed: ${JSON.stringify(outcome)}`);
  }
  for (const finding of findings) {
    check(Buffer.byteLength(JSON.stringify(finding)) < 200_000, `a finding of ${finding.check} is too large`);
  }
}

const CLIENT = {
  user: 'tls_auditor',
  database: 'pgbouncer',
  application_name: 'pg-tls-auditor',
  addr: '10.0.0.9',
  port: '5000',
  tls: 'TLSv1.3/TLS_AES_256_GCM_SHA384',
  connect_time: '2026-11-10 06:15:02 UTC',
  state: 'active',
  remote_pid: '7',
  replication: 'none',
};

const consoleRow = fc
  .tuple(
    fc.constantFrom(
      CLIENT,
      { ...CLIENT, user: 'app', database: 'shop', tls: '' },
      { ...CLIENT, addr: 'unix(7@x)', tls: '' },
    ),
    fc.dictionary(fc.oneof(fc.constantFrom(...Object.keys(CLIENT)), strangeText), fc.option(cell, { nil: undefined }), {
      maxKeys: 4,
    }),
  )
  .map(([honest, changes]) => ({ ...honest, ...changes }));

const consoleTarget: FuzzTarget = {
  name: 'console',
  title: "rows of PgBouncer's console, and its times",
  share: 2,
  prepare: () => ({
    property: fc.property(
      fc.array(consoleRow, { maxLength: 5 }),
      fc.array(consoleRow, { maxLength: 3 }),
      fc.array(fc.dictionary(fc.constantFrom('key', 'value', 'name', 'host', 'default'), cell), { maxLength: 6 }),
      cell,
      (clients, servers, settings, time) => {
        const own = { user: 'tls_auditor', application: 'pg-tls-auditor', address: '10.0.0.9', port: 5000 };
        const connectedAt = Date.UTC(2026, 10, 10);
        const snapshot = throwingOnly([], () => {
          const found = findOwn(clients, { ...own, connectedAt });
          const values = readSettings(settings);
          new ConsoleClock(time, connectedAt).toMs(time);
          return healthyPooler([], {
            sessions: readSessions(clients, servers, { row: found?.row, connectedAt }),
            pooler: values.known
              ? known({ ...poolerSettings(values.value), databases: readDatabases(settings) })
              : values,
          });
        });
        if (snapshot !== undefined) evaluateAll(snapshot);
      },
    ),
  }),
};

export const ANSWER_TARGETS: readonly FuzzTarget[] = [rows, consoleTarget];
