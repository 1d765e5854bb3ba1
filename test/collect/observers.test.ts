// The contract of observers: whatever one does costs its own facts, and nothing else of the snapshot.

import { createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { targetOf } from '../../lab/collector.ts';
import { wireProbe as facts } from '../../lab/snapshots.ts';
import type { Observer, ObserverFacts } from '../../lambda/collect/connect/observer.ts';
import { createTrustStore } from '../../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import { takeSnapshot } from '../../lambda/collect/snapshot.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { systemClock } from '../../lambda/model/time.ts';

/** Takes connections and refuses TLS: the audit fails, and there is a target to observe. */
const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.once('data', () => socket.end('N'));
});
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(() => void server.close());

function observer(observe: Observer['observe'], overrides: Partial<Observer> = {}): Observer {
  return {
    name: 'the test observer',
    facts: ['probe'],
    timeoutMs: 100,
    isWanted: () => true,
    observe,
    ...overrides,
  };
}

async function snapshotWith(observers: readonly Observer[], timeoutMs = 10_000): Promise<Snapshot> {
  const get = (): Promise<string> => Promise.resolve(`postgres://app:secret@127.0.0.1:${port}/shop`);
  const sources = createSourceReader({ get, refresh: get }, {});
  const target = targetOf({ ca: ['system'], timeoutMs });
  const collector = { sources, trust: createTrustStore(sources), clock: systemClock };
  const { snapshot } = await takeSnapshot(target, collector, new AbortController().signal, observers);
  return snapshot;
}

/** What the audit alone finds out. */
function others({ probe: _, takenAt: __, ...rest }: Snapshot): object {
  return rest;
}

const nonsense = (value: unknown) => observer(() => Promise.resolve(value as ObserverFacts));

test('what an observer finds out is in the snapshot, after an audit that failed too', async () => {
  const probe = known(facts());
  const snapshot = await snapshotWith([observer(() => Promise.resolve({ probe }))]);
  expect(snapshot).toMatchObject({ failure: { cause: 'tls-not-offered' }, probe });
});

test.each<[string, Observer, string | RegExp]>([
  ['throws', observer(() => Promise.reject(new TypeError('canary'))), /^the test observer failed: TypeError at /],
  [
    'throws before it returns a promise',
    observer(() => {
      throw new RangeError('canary');
    }),
    /^the test observer failed: RangeError at /,
  ],
  ['hangs', observer(() => new Promise(() => {})), 'the test observer did not end within 0.1 s'],
  ['answers undefined', nonsense(undefined), 'the test observer gave no usable answer'],
  ['answers null', nonsense({ probe: null }), 'the test observer gave no usable answer'],
  ['answers a bare value', nonsense({ probe: true }), 'the test observer gave no usable answer'],
  ['answers a known nothing', nonsense({ probe: { known: true } }), 'the test observer gave no usable answer'],
  [
    'answers unknown without a reason',
    nonsense({ probe: { known: false } }),
    'the test observer gave no usable answer',
  ],
])('an observer that %s costs its own facts only', async (_what, broken, reason) => {
  const snapshot = await snapshotWith([broken]);
  expect(snapshot.probe).toEqual({
    known: false,
    reason: typeof reason === 'string' ? reason : expect.stringMatching(reason),
  });
  expect(JSON.stringify(snapshot)).not.toContain('canary');
  expect(others(snapshot)).toEqual(others(await snapshotWith([])));
});

test('what listens for the end of a target is let go with the target, not when its time is up', async () => {
  const signals: AbortSignal[] = [];
  const listens = observer(({ signal }) => {
    signals.push(signal);
    return Promise.resolve({ probe: known(facts()) });
  });
  await snapshotWith([listens], 60_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});

test('an observer brings no facts but its own', async () => {
  const greedy = nonsense({
    probe: known(facts()),
    failure: undefined,
    server: known({ version: '18', inRecovery: false }),
  });
  const snapshot = await snapshotWith([greedy]);
  expect(snapshot.probe?.known).toBe(true);
  expect(others(snapshot)).toEqual(others(await snapshotWith([])));
});

test('an observer that hangs costs no other observer its facts', async () => {
  const probe = known(facts());
  const hangs = observer(() => new Promise(() => {}), { facts: [] });
  const snapshot = await snapshotWith([hangs, observer(() => Promise.resolve({ probe }))]);
  expect(snapshot.probe).toEqual(probe);
});

test('an observer that outlives the target, or throws where nothing catches it, does not cost the audit', async () => {
  const hangs = observer(() => new Promise(() => {}), { timeoutMs: 60_000 });
  const late = await snapshotWith([hangs], 1_000);
  expect(late).toMatchObject({
    failure: { cause: 'tls-not-offered' },
    probe: { known: false, reason: expect.stringMatching(/^the test observer did not end/) },
  });
  const throws = observer(() => {
    setImmediate(() => {
      throw new TypeError('canary');
    });
    return new Promise(() => {});
  });
  const broken = await snapshotWith([throws]);
  expect(broken).toMatchObject({ failure: { cause: 'tls-not-offered' }, probe: { known: false } });
});

test('an observer that the target does not want brings nothing', async () => {
  const snapshot = await snapshotWith([observer(() => Promise.reject(new Error('ran')), { isWanted: () => false })]);
  expect(snapshot.probe).toBeUndefined();
});
