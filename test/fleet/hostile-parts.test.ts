// Parts of a worker that is hostile, or broken: whatever it writes, Digest takes from it what is about its own targets,
// and the targets of the others stay as they are.

import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { healthySnapshot, POLICY, plaintextSession, session } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { newPlan, type Plan } from '../../lambda/fleet/documents.ts';
import { partKey, partsPrefix } from '../../lambda/fleet/object-keys.ts';
import { encodePart, type Part } from '../../lambda/fleet/part-codec.ts';
import { mergedRun, paceOf, readParts } from '../../lambda/fleet/parts.ts';
import type { Range } from '../../lambda/fleet/ranges.ts';
import { RunObjectError, type RunObjects } from '../../lambda/fleet/run-objects.ts';
import { evaluateByTrust } from '../../lambda/fleet/trust.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { AuditedTarget } from '../../lambda/model/run.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

const NOW = '2026-11-10T06:15:02.000Z';
const RUN = 'run-1';

function targetOf(name: string, host = `${name}.example.com`): Target {
  return {
    name,
    host,
    port: 5432,
    kind: 'postgresql',
    credentials: { secret: name },
    ca: ['system'],
    sslNegotiation: 'postgres',
    authentication: ['scram-sha-256'],
    minScramIterations: 4096,
    timeoutMs: 1_000,
    probe: false,
    logs: 'none',
    sampleMs: 0,
    labels: { team: 'a' },
  };
}

function planOf(slices: Readonly<Record<string, readonly Target[]>>): Plan {
  return newPlan({
    run: RUN,
    startedAt: NOW,
    auditUntil: NOW,
    batch: 100,
    policy: POLICY as never,
    concurrency: 1,
    request: { trigger: 'schedule', notify: true, testAlert: false },
    coversAllTargets: true,
    slices: Object.entries(slices).map(([worker, targets]) => ({ worker, targets: targets as never })),
    unassigned: [],
    list: { all: { known: true, value: [] }, warnings: [], cloud: { databases: [], places: [] }, replicas: [] },
  });
}

function audited(name: string, snapshot: Partial<Snapshot> = {}): AuditedTarget {
  const { target = { name, host: `${name}.example.com`, port: 5432, labels: { team: 'a' } } } = snapshot;
  const whole = { ...healthySnapshot([session()]), ...snapshot, target: { ...target, kind: 'postgresql' as const } };
  return { snapshot: whole, ...evaluate(whole, POLICY) };
}

function partOf(...targets: readonly AuditedTarget[]): Part {
  return { run: { startedAt: NOW, finishedAt: NOW, policy: POLICY, audited: targets } };
}

const HOME = ['orders', 'ledger'];
const THEIRS = ['billing', 'payroll'];
const PLAN = planOf({
  default: HOME.map((name) => targetOf(name)),
  emea: THEIRS.map((name) => targetOf(name)),
});

interface Bucket extends RunObjects {
  readonly reads: readonly string[];
}

/** A bucket with the part of the honest worker, and what the other one wrote. */
function bucketOf(
  theirs: Readonly<Record<string, Uint8Array | (() => Uint8Array)>>,
  listed?: readonly string[],
): Bucket {
  const honest = gzipSync(textOf(...HOME.map((name) => audited(name))));
  const all = new Map<string, Uint8Array | (() => Uint8Array)>([
    [partKey(RUN, { worker: 'default', from: 0, to: 2 }), honest],
    ...Object.entries(theirs),
  ]);
  const reads: string[] = [];
  return {
    reads,
    put: async () => true,
    async get(key, most) {
      reads.push(key);
      const stored = all.get(key);
      const body = typeof stored === 'function' ? stored() : stored;
      if (body === undefined) throw new RunObjectError(`${key} does not exist`);
      if (body.length > most) throw new RunObjectError(`${key} has ${body.length} bytes, and ${most} are allowed`);
      return body;
    },
    async list(prefix, most) {
      const own = prefix === partsPrefix(RUN, 'emea') ? listed : undefined;
      return (own ?? [...all.keys()].filter((key) => key.startsWith(prefix))).slice(0, most);
    },
  };
}

const WHOLE: Range = { worker: 'emea', from: 0, to: 2 };
const KEY = partKey(RUN, WHOLE);
const own = (): readonly AuditedTarget[] => THEIRS.map((name) => audited(name));

// biome-ignore lint/suspicious/noExplicitAny: a document to spoil, which has no type any more.
type Json = any;

/** The first line of an honest part, changed somewhere, with the others. */
function changed(change: (document: Json) => unknown): Uint8Array {
  const [first = '', ...lines] = textOf(...own()).split('\n');
  const document = JSON.parse(first) as Json;
  return gzipSync([JSON.stringify(change(document) ?? document), ...lines].join('\n'));
}

type Kind = readonly [what: string, part: () => Uint8Array, why: string];

const NO_FINDING = 'a finding is not what it must be';

const GARBAGE: readonly Kind[] = [
  ['no byte', () => new Uint8Array(), 'not complete gzip'],
  ['bytes of nothing', () => new Uint8Array(10_000).fill(7), 'not complete gzip'],
  ['an honest part that is not packed', () => Buffer.from(textOf(...own())), 'not complete gzip'],
  ['the half of one', () => gzipSync(textOf(...own())).subarray(0, 900), 'not complete gzip'],
  ['a text', () => gzipSync('clean'), 'not JSON'],
  ['null', () => gzipSync('null'), 'no schema version'],
  ['a list', () => gzipSync('[]'), 'no schema version'],
  ['of a later version', () => changed((part) => ({ ...part, schemaVersion: 99 })), 'schema version 99'],
  ['a setting more', () => changed((part) => ({ ...part, clean: true })), "can't be used"],
  ['names of prototypes', () => gzipSync('{"__proto__":{"schemaVersion":1},"constructor":{}}'), 'no schema version'],
  [
    'a prototype in place of a target',
    () => changed((part) => void part.audited.splice(0, 1, '@')).map((byte) => byte),
    'more lines than it says',
  ],
];

const BOMBS: readonly Kind[] = [
  ['that unpacks to much more than it has', () => gzipSync(Buffer.alloc(20_000_000, ' ')), 'has more than'],
  ['that is too large itself', () => Buffer.alloc(9_000_000), 'are allowed'],
  ['with a million values', () => gzipSync(`{"schemaVersion":1,"audited":[${'0,'.repeat(1_000_000)}0]}`), 'values'],
  [
    'that is nested deep',
    () => gzipSync(`{"schemaVersion":1,"texts":0,"audited":${'['.repeat(45_000)}${']'.repeat(45_000)}}`),
    "can't be used",
  ],
  ...[10 ** 15, 10 ** 6, -1, 0, 0.5, '7', null].map(
    (count): Kind => [
      `with ${count} sessions of one kind`,
      () => spoiled(({ sessions }) => void sessions[0].splice(1, 1, count)),
      'session',
    ],
  ),
  [
    'with too many sessions of many kinds',
    () =>
      spoiled(({ first, sessions }) => {
        const [[session]] = sessions as [[unknown]];
        sessions.splice(0, 1, ...Array.from({ length: 3 }, () => [session, 100_000]));
        ofFirst(first).sessions.value.visible = 3;
      }),
    'more than 200000 sessions',
  ],
  [
    'with a session of many properties, many times',
    () =>
      spoiled(({ sessions }) => {
        sessions[0] = [Object.fromEntries(Array.from({ length: 90_000 }, (_, index) => [`p${index}`, 0])), 150_000];
      }),
    'a session is not what it must be',
  ],
  [
    'with more findings than a part may have',
    () => spoiled(({ first, findings }) => repeat(findings, first, 30_001)),
    'more than 30000 findings',
  ],
  ['with lines without end', () => gzipSync('\n'.repeat(8_000_000)), 'more than 100000 lines'],
  [
    'whose findings are many times as large as it is',
    () =>
      spoiled(({ first, texts, findings }) => {
        texts.fill('x'.repeat(100_000));
        repeat(findings, first, 1_000);
      }),
    'characters',
  ],
  [
    'with a finding of a million values',
    () => spoiled(({ findings }) => void findings.fill(Array(1_000_000).fill(0))),
    'values',
  ],
  [
    'with a text of a million values',
    () => spoiled(({ texts }) => void texts.fill(Array(1_000_000).fill(0))),
    'values',
  ],
  [
    'with many findings that are wrong',
    () =>
      spoiled(({ first, findings }) => {
        findings.fill(Array(100).fill(0));
        repeat(findings, first, 30_000);
      }),
    NO_FINDING,
  ],
  [
    'with many findings that are none',
    () =>
      changed((part) => {
        part.audited[0].findings = Array.from({ length: 45_000 }, () => 0);
      }),
    "can't be used",
  ],
];

const LIES: readonly Kind[] = [
  ['of targets of another worker', () => gzipSync(textOf(...HOME.map((name) => audited(name)))), 'other targets'],
  ['of its own and others', () => gzipSync(textOf(...own(), audited('orders'))), 'other targets'],
  ['of one target twice', () => gzipSync(textOf(audited('billing'), audited('billing'))), 'other targets'],
  ['of fewer targets', () => gzipSync(textOf(audited('billing'))), 'other targets'],
  ['in another order', () => gzipSync(textOf(...own().toReversed())), 'other targets'],
  [
    'with other labels',
    () =>
      changed((part) => {
        part.audited[0].snapshot.target.labels = { team: 'b' };
      }),
    'other targets',
  ],
  [
    'with labels of a prototype',
    () =>
      changed((part) => {
        part.audited[0].snapshot.target.labels = { constructor: 'a' };
      }),
    'other targets',
  ],
  ['of another kind', () => changed((part) => void delete part.audited[0].snapshot.target.kind), 'other targets'],
  [
    'by another policy',
    () =>
      changed((part) => {
        part.policy.minTlsVersion = 'TLSv1';
      }),
    'another policy',
  ],
  [
    'with an outcome of a check that there is not',
    () => changed((part) => void part.audited[0].outcomes.push({ check: '__proto__', outcome: { status: 'pass' } })),
    'an outcome of a check that this version does not have',
  ],
  ['with targets that no part may list', () => changed((part) => ({ ...part, listed: [] })), 'listed only'],
  ...(['host', 'port'] as const).map(
    (name): Kind => [
      `at another ${name}`,
      () =>
        changed((part) => {
          part.audited[0].snapshot.target[name] = name === 'host' ? 'orders.example.com' : 1;
        }),
      'other targets',
    ],
  ),
  ...['2026-11-10T05:15:02.000Z', '2026-11-10T07:15:02.000Z', '9999-12-31T23:59:59Z', '0000-01-01T00:00:00Z'].flatMap(
    (moment): readonly Kind[] => [
      [
        `of targets that were audited at ${moment}`,
        () =>
          changed((part) => {
            part.audited[0].snapshot.takenAt = moment;
          }),
        'another time',
      ],
      [`that was begun at ${moment}`, () => changed((part) => ({ ...part, startedAt: moment })), 'another time'],
    ],
  ),
  [
    'with a moment of half a million digits',
    () =>
      changed((part) => {
        part.audited[0].snapshot.takenAt = NOW.replace('Z', `${'0'.repeat(500_000)}Z`);
      }),
    'takenAt is not what it must be',
  ],
  ['that calls clean what is not', () => lying({ verdict: 'clean' }), 'another verdict'],
  ['that has no finding for a problem', () => lying({ findings: [] }), NO_FINDING],
  ['whose finding is of another target', () => withFinding({ target: 'orders' }), NO_FINDING],
  [
    'whose finding has the fingerprint of another',
    () => withFinding({ fingerprint: INSECURE('orders').findings[0]?.fingerprint }),
    NO_FINDING,
  ],
  ['whose finding is of another check', () => withFinding({ check: 'tls-disabled' }), NO_FINDING],
  ['whose finding has a text of its own', () => withFinding({ remedy: 'none' }), NO_FINDING],
  ['whose finding has a text of none', () => withFinding({ remedy: 99 }), 'without a text that it names'],
  [
    'with a finding more',
    () => spoiled(({ findings }) => void findings.push(findings[0])),
    'a session is not what it must be',
  ],
  [
    'with a line more',
    () => gzipSync(`${textOf(INSECURE('billing'), audited('payroll'))}\n7`),
    'more lines than it says',
  ],
  ['with a finding less', () => spoiled(({ findings }) => void findings.pop()), NO_FINDING],
  ['with a session more', () => spoiled(({ sessions }) => void sessions.push(sessions[0])), NO_FINDING],
  ['with a session less', () => spoiled(({ sessions }) => void sessions.pop()), 'a session is not what it must be'],
  ['with a text less', () => spoiled(({ texts }) => void texts.pop()), 'a text is not what it must be'],
  ['with a text that is none', () => spoiled(({ texts }) => void texts.fill(7)), 'a text is not what it must be'],
  [
    'with a line that is not JSON',
    () => gzipSync(`${textOf(INSECURE('billing'), audited('payroll'))}}`),
    'is not JSON',
  ],
  ...[-1, 0.5, 9, 10 ** 15, '1', null, [{}], undefined].flatMap((count): readonly Kind[] => {
    const kind = (what: string, place: (first: Json) => Json, name: string): Kind => [
      `that says to have ${JSON.stringify(count)} ${what}`,
      () =>
        spoiled(({ first }) => {
          place(first)[name] = count;
        }),
      `another number of ${what}`,
    ];
    return [
      kind('findings', failed, 'problems'),
      kind('sessions', (first) => ofFirst(first).sessions.value, 'visible'),
      kind('texts', (first) => first, 'texts'),
    ];
  }),
  [
    'that says to have no finding of a check that failed',
    () =>
      spoiled(({ first, findings }) => {
        failed(first).problems = 0;
        findings.pop();
      }),
    "can't be used",
  ],
  [
    'with findings beside those of its outcomes',
    () =>
      spoiled(({ first }) => {
        first.audited[0].findings = [];
      }),
    'a session is not what it must be',
  ],
];

const INSECURE = (name: string): AuditedTarget => {
  const host = `${name}.example.com`;
  const target = { name, host, port: 5432, labels: { team: 'a' }, kind: 'postgresql' as const };
  const snapshot = { ...healthySnapshot([plaintextSession()]), target };
  return { snapshot, ...evaluate(snapshot, POLICY) };
};

/** A part with a finding in it, line by line: the last one is of another target. */
interface Lines {
  readonly first: Json;
  readonly texts: Json[];
  readonly sessions: Json[];
  readonly findings: Json[];
  readonly last: Json;
}

/** That part, with some of it changed. */
function spoiled(change: (lines: Lines) => void): Uint8Array {
  const lines = textOf(INSECURE('billing'), audited('payroll')).split('\n');
  const [first, title, remedy, session, finding, last] = lines.map((line) => JSON.parse(line) as Json);
  const part: Lines = { first, texts: [title, remedy], sessions: [session], findings: [finding], last };
  change(part);
  const changedLines = [part.first, ...part.texts, ...part.sessions, ...part.findings, part.last];
  return gzipSync(changedLines.map((line) => JSON.stringify(line)).join('\n'));
}

function withFinding(changes: object): Uint8Array {
  return spoiled(({ findings }) => {
    findings[0] = { ...findings[0], ...changes };
  });
}

/** So many findings like the first one. */
function repeat(findings: Json[], first: Json, count: number): void {
  failed(first).problems = count;
  findings.splice(0, 1, ...Array.from({ length: count }, () => findings[0]));
}

function ofFirst(part: Json): Json {
  return part.audited[0].snapshot;
}

function failed(part: Json): Json {
  return part.audited[0].outcomes.find(({ outcome }: Json) => outcome.status === 'fail').outcome;
}

function textOf(...targets: readonly AuditedTarget[]): string {
  return encodePart(partOf(...targets)).text;
}

function lying(lie: Partial<AuditedTarget>): Uint8Array {
  return gzipSync(textOf({ ...INSECURE('billing'), ...lie }, audited('payroll')));
}

async function read(bucket: RunObjects) {
  const { parts, missing } = await readParts(PLAN, bucket, NOW);
  const { audited: all } = mergedRun(
    PLAN,
    parts.map(({ run }) => run),
    NOW,
  );
  return {
    verdicts: Object.fromEntries(all.map(({ snapshot, verdict }) => [snapshot.target.name, verdict])),
    missing,
  };
}

const HOME_AS_IT_IS = { orders: 'clean', ledger: 'clean' };

test('parts of two honest workers are both read', async () => {
  const { verdicts, missing } = await read(bucketOf({ [KEY]: gzipSync(textOf(...own())) }));
  expect(verdicts).toEqual({ ...HOME_AS_IT_IS, billing: 'clean', payroll: 'clean' });
  expect(missing).toEqual([]);
});

describe.each([
  ['garbage', GARBAGE],
  ['a bomb', BOMBS],
  ['a lie', LIES],
])('%s costs the targets of its own worker only', (_, kinds) => {
  test.each(kinds)('a part %s', async (_what, part, why) => {
    const { verdicts, missing } = await read(bucketOf({ [KEY]: part() }));
    expect(verdicts).toEqual(HOME_AS_IT_IS);
    expect(missing).toEqual([{ ...WHOLE, reason: expect.stringContaining(why) }]);
  });
});

test.each([
  ['is no object', 7],
  ['has more than Lambda allows', { leftAtLastTurnMs: 0, auditMs: 10 ** 9 }],
  ['has less than none', { leftAtLastTurnMs: -1, auditMs: 1_000 }],
  ['has a text', { leftAtLastTurnMs: '<!channel>', auditMs: 1_000 }],
  ['has more in it', { leftAtLastTurnMs: 0, auditMs: 1_000, verdict: 'clean' }],
])('a time of a worker that %s is not used, and costs nothing', async (_, pace) => {
  const { parts, missing } = await readParts(PLAN, bucketOf({ [KEY]: changed((part) => ({ ...part, pace })) }), NOW);
  expect(missing).toEqual([]);
  expect(paceOf(PLAN, parts).workers).toEqual([]);
});

test.each([
  ['no outcome', () => []],
  ['those of some checks', (outcomes: Json[]) => outcomes.slice(0, 3)],
])('a target with %s is not clean: what was not checked is not known', async (_, change) => {
  const part = changed(({ audited: [one] }) => {
    one.outcomes = change(one.outcomes);
  });
  const { verdicts, missing } = await read(bucketOf({ [KEY]: part }));
  expect(missing).toEqual([]);
  expect(verdicts).toEqual({ ...HOME_AS_IT_IS, billing: 'unknown', payroll: 'clean' });
});

test('two parts of one target, whose sessions make no text of any length, cost nothing', async () => {
  const standby = session({ kind: 'replication', database: undefined, application: 'x'.repeat(10_000) });
  const busy = audited('billing', { sessions: known({ visible: [standby, standby], hidden: 0 }) });
  const many = (text: string) => gzipSync(text.replace(/,2\]$/m, ',100000]'));
  const bucket = bucketOf({
    [KEY]: many(textOf(busy, audited('payroll'))),
    [partKey(RUN, { ...WHOLE, to: 1 })]: many(textOf(busy)),
  });
  const { verdicts, missing } = await read(bucket);
  expect(missing).toEqual([]);
  expect(verdicts).toMatchObject({ ...HOME_AS_IT_IS, payroll: 'clean' });
});

describe('keys', () => {
  const honest = gzipSync(textOf(...own()));
  test.each([
    ['of another run', 'runs/emea/run-2/parts/0-2.json.gz'],
    ['of another worker', 'runs/default/run-1/parts/1-2.json.gz'],
    ['that lead to another worker', 'runs/emea/run-1/parts/../../../default/run-1/parts/0-2.json.gz'],
    ['of more targets than there are', 'runs/emea/run-1/parts/0-3.json.gz'],
    ['of no target', 'runs/emea/run-1/parts/1-1.json.gz'],
    ['of a range that ends before it begins', 'runs/emea/run-1/parts/2-1.json.gz'],
    ['with zeros before', 'runs/emea/run-1/parts/00-2.json.gz'],
    ['with more behind', 'runs/emea/run-1/parts/0-2.json.gz/x'],
    ['without its numbers', 'runs/emea/run-1/parts/a-b.json.gz'],
    ['of a prototype', 'runs/emea/run-1/parts/__proto__'],
  ])('%s are not read', async (_, key) => {
    const bucket = bucketOf({}, [key]);
    const { verdicts, missing } = await read(bucket);
    expect(bucket.reads).not.toContain(key);
    expect(verdicts).toEqual(HOME_AS_IT_IS);
    expect(missing).toEqual([{ ...WHOLE, reason: 'no part came back' }]);
  });

  test('without end are listed and read up to a bound', async () => {
    const keys = Array.from({ length: 100_000 }, () => KEY);
    const bucket = bucketOf({ [KEY]: honest }, keys);
    expect((await read(bucket)).verdicts).toMatchObject(HOME_AS_IT_IS);
    expect(bucket.reads.length).toBeLessThan(40);
  });

  test('that are gone, or can not be read, cost their own targets', async () => {
    const { verdicts, missing } = await read(bucketOf({}, [KEY]));
    expect(verdicts).toEqual(HOME_AS_IT_IS);
    expect(missing).toEqual([{ ...WHOLE, reason: `${KEY} does not exist` }]);
  });
});

test('a part is read once: one that changes between two reads is what it was at the first', async () => {
  let reads = 0;
  const bucket = bucketOf({
    [KEY]: () => {
      reads += 1;
      return gzipSync(reads === 1 ? textOf(...own()) : 'another');
    },
  });
  expect((await read(bucket)).verdicts).toEqual({ ...HOME_AS_IT_IS, billing: 'clean', payroll: 'clean' });
  expect(reads).toBe(1);
});

describe('a worker has a budget of bytes for all its parts', () => {
  const names = Array.from({ length: 40 }, (_, index) => `far-${index}`);
  const plan = planOf({ default: HOME.map((name) => targetOf(name)), emea: names.map((name) => targetOf(name)) });
  const keyOf = (from: number, to = from + 1): string => partKey(RUN, { worker: 'emea', from, to });
  const LAST = names.length - 1;
  const read = async (theirs: Readonly<Record<string, Uint8Array>>) => {
    const honest = gzipSync(textOf(audited(`far-${LAST}`)));
    const { parts, missing } = await readParts(plan, bucketOf({ ...theirs, [keyOf(LAST)]: honest }), NOW);
    return { parts, missing, reasons: new Set(missing.map(({ reason }) => reason)) };
  };

  test.each([
    ['do not unpack to what they may have', 20_000_000],
    ['have as much as one may have', 8_000_000],
  ])('of which the parts of others that %s take nothing: each target has its own', async (_, bytes) => {
    const bomb = gzipSync(Buffer.alloc(bytes, ' '));
    const bombs = names.slice(0, LAST).map((_name, from) => [keyOf(from), bomb]);
    const { parts, missing, reasons } = await read(Object.fromEntries(bombs));
    expect(parts.flatMap(({ run }) => run.audited).map(({ snapshot }) => snapshot.target.name)).toEqual([
      ...HOME,
      `far-${LAST}`,
    ]);
    expect(missing.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(LAST);
    expect([...reasons].filter((reason) => !/ (has more than|and) \d+ (bytes|are allowed)/.test(reason))).toEqual(
      bytes < 8 * 1024 ** 2 ? ["the run can't be used: it is not JSON"] : [],
    );
  });

  test('which parts of the same targets, again and again, do not enlarge', async () => {
    const honest = textOf(...names.map((name) => audited(name)));
    const large = gzipSync(honest + ' '.repeat(7_000_000));
    const again = Object.fromEntries(
      names.flatMap((_, from) => names.slice(from + 1).map((__, to) => [keyOf(from, from + to + 2), large])),
    );
    let bytes = 0;
    const counting: RunObjects = {
      ...bucketOf(again),
      list: async (prefix, most) =>
        Object.keys(again)
          .filter((key) => key.startsWith(prefix))
          .slice(0, most),
      get: async (_key, most) => {
        bytes += Math.min(most, 7_000_000);
        return large;
      },
    };
    await readParts(plan, counting, NOW);
    expect(bytes).toBeLessThan(16 * 1024 ** 2 + names.length * 64 * 1024 + 4 * 8 * 1024 ** 2);
  });
});

describe('a worker has a budget for what its parts are unpacked to', () => {
  const names = Array.from({ length: 12 }, (_, index) => `far-${index}`);
  const plan = planOf({ default: HOME.map((name) => targetOf(name)), emea: names.map((name) => targetOf(name)) });
  const partsOf = (spoil: (text: string) => string) =>
    Object.fromEntries(
      names.map((name, from) => {
        const small = textOf(INSECURE(name));
        const text = from === names.length - 1 ? small : spoil(small);
        return [partKey(RUN, { worker: 'emea', from, to: from + 1 }), gzipSync(text)];
      }),
    );

  test.each<[string, (text: string) => string, number]>([
    // A session is one object, however many there are.
    ['sessions', (text) => text.replace(/^(\[\{.*),1\]$/m, '$1,200000]'), 508_000],
    [
      'findings',
      (text) => {
        const finding = '{"severity":"low","evidence":{},"title":0,"remedy":0}';
        return text.replace('"problems":1', '"problems":20000') + `\n${finding}`.repeat(19_999);
      },
      60_480,
    ],
    [
      'characters',
      (text) => {
        const [first = '', title, , session, finding = ''] = text.split('\n');
        const lines = [title, JSON.stringify('x'.repeat(60_000)), session, ...Array(1_000).fill(finding)];
        return [first.replace('"problems":1', '"problems":1000'), ...lines].join('\n');
      },
      134_610_944,
    ],
  ])('of %s, beyond which each target has its own', async (what, spoil, most) => {
    const { parts, missing } = await readParts(plan, bucketOf(partsOf(spoil)), NOW);
    const all = parts.flatMap(({ run }) => run.audited);
    const findings = all.flatMap((one) => one.findings);
    const taken: Readonly<Record<string, number>> = {
      sessions: all.reduce(
        (sum, { snapshot: { sessions } }) => sum + (sessions.known ? sessions.value.visible.length : 0),
        0,
      ),
      findings: findings.length,
      characters: findings.reduce((sum, { title, remedy }) => sum + title.length + remedy.length, 0),
    };
    expect(taken[what]).toBeLessThanOrEqual(most);
    expect(taken[what]).toBeGreaterThan(most / 2);
    expect(all.map(({ snapshot }) => snapshot.target.name)).toContain(names.at(-1));
    expect(missing.length).toBeGreaterThan(5);
    for (const { reason } of missing)
      expect(reason).toMatch(new RegExp(`beside the others of its worker, .* ${what}$`));
  });
});

describe('what a satellite says of its databases', () => {
  const standby = session({
    kind: 'replication',
    database: undefined,
    application: 'walreceiver',
    clientAddress: '10.0.1.6',
  });
  const at = (remoteAddress: string) => ({ networkPath: { remoteAddress, isDirect: true } });
  const primary = audited('orders', { ...at('10.0.1.5'), sessions: known({ visible: [standby], hidden: 0 }) });
  const claim = (snapshot: Partial<Snapshot>): AuditedTarget =>
    audited('billing', { server: known({ version: '18.4', inRecovery: true }), ...snapshot });
  const options = { coversAllTargets: true, replicas: new Map(), satellites: new Set(['emea']) };
  const checked = (theirs: Target, ...all: readonly AuditedTarget[]): string | undefined =>
    evaluateByTrust(all, POLICY, planOf({ default: [targetOf('orders')], emea: [theirs] }), options)
      .find(({ snapshot }) => snapshot.target.name === 'orders')
      ?.outcomes.find(({ check }) => check === 'replica-not-covered')?.outcome.status;

  test.each([
    ['that it is at the address of the standby', claim(at('10.0.1.6'))],
    ['that the standby is its host', claim({ target: { name: 'billing', host: '10.0.1.6', labels: {} } })],
    ['that it was not reached', claim({ link: unknown('not reached'), server: unknown('not reached') })],
    ['nothing of where it is', claim({})],
  ])('covers no standby of others: it says %s', (_, theirs) => {
    expect(checked(targetOf('billing'), primary, theirs)).toBe('fail');
  });

  test('covers the standby that the plan names at its address, and so does a worker of the auditor', () => {
    expect(checked(targetOf('billing', '10.0.1.6'), primary, claim({}))).toBe('pass');
    expect(checked(targetOf('far'), primary, claim(at('10.0.1.6')))).toBe('pass');
  });

  test('covers its own standbys, as the auditor’s own workers do', () => {
    const plan = planOf({ default: [targetOf('billing')], emea: [targetOf('orders'), targetOf('other')] });
    const status = (...all: readonly AuditedTarget[]) =>
      evaluateByTrust([primary, ...all], POLICY, plan, options)[0]?.outcomes.find(
        ({ check }) => check === 'replica-not-covered',
      )?.outcome.status;
    expect(status()).toBe('fail');
    expect(status(claim(at('10.0.1.6')))).toBe('pass');
    expect(status(audited('other', { ...at('10.0.1.6'), server: known({ version: '18.4', inRecovery: true }) }))).toBe(
      'pass',
    );
  });

  test('names no instance of an Aurora cluster of others', () => {
    const instances = [
      { id: 'orders-1', writer: true },
      { id: 'orders-2', writer: false },
    ];
    const aurora = (self: string) => ({ aurora: known({ own: self, instances }) });
    const cluster = audited('orders', aurora('orders-1'));
    expect(checked(targetOf('billing'), cluster, claim(aurora('orders-2')))).toBe('fail');
    const host = 'orders-2.abc.eu-west-1.rds.amazonaws.com';
    expect(checked(targetOf('billing', host), cluster, claim(aurora('orders-2')))).toBe('pass');
  });
});
