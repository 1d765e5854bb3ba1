// An error that nothing catches, thrown on a target's behalf, ends the audit of that target, and of no other.

import { execFile } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import dns from 'node:dns';
import { readFile } from 'node:fs';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { rdsSecret, targetOf } from '../../lab/collector.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { auditTargets } from '../../lambda/audit.ts';
import { createTrustStore } from '../../lambda/collect/connect/trust.ts';
import { Client, Query } from '../../lambda/collect/protocol/driver.ts';
import { GuardedStream } from '../../lambda/collect/protocol/guarded-stream.ts';
import type { SourceReader } from '../../lambda/collect/secrets/sources.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import { parseConfig } from '../../lambda/config/index.ts';
import { systemClock } from '../../lambda/model/time.ts';

const { policy } = parseConfig({ targets: [{ name: 'x', secret: 'x' }] }, { use: 'deployment' });
const PLANTED = 'planted by the test';

let planted = Promise.withResolvers<void>();

function plant(): never {
  planted.resolve();
  throw new Error(PLANTED);
}

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres(healthyServer({ roles: [AUDITOR, { ...AUDITOR, name: 'broken' }] }));
});
afterAll(() => server[Symbol.asyncDispose]());
afterEach(() => {
  vi.restoreAllMocks();
});

/** Audits a target in whose audit something breaks, between two that are healthy. */
async function auditBetween(onRead?: () => void) {
  planted = Promise.withResolvers();
  const secrets: Readonly<Record<string, string>> = {
    broken: rdsSecret(server, 'broken'),
    healthy: rdsSecret(server, AUDITOR.name),
    ca: server.ca ?? '',
  };
  const get = async (id: string) => secrets[id] ?? '';
  const sources = createSourceReader({ get, refresh: get }, {});
  const breaking: SourceReader = {
    ...sources,
    read: async (source, options) => {
      if (onRead !== undefined && 'secret' in source && source.secret === 'broken') {
        onRead();
        // A process takes longer to start than an audit takes: what is planted must break one that is not over yet.
        await Promise.race([planted.promise, new Promise((resolve) => setTimeout(resolve, 2_000))]);
      }
      return await sources.read(source, options);
    },
  };
  const targets = ['before', 'broken', 'after'].map((name) =>
    targetOf({ name, credentials: { secret: name === 'broken' ? 'broken' : 'healthy' }, timeoutMs: 5_000 }),
  );
  const run = await auditTargets(
    { targets, concurrency: 3, policy },
    {
      collector: { sources: breaking, trust: createTrustStore(sources), clock: systemClock },
      deadline: AbortSignal.timeout(20_000),
    },
  );
  // What is thrown late is thrown by now.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return run.audited;
}

async function expectOnlyItBreaks(onRead?: () => void): Promise<void> {
  const [before, broken, after] = await auditBetween(onRead);
  expect(broken?.snapshot.failure).toMatchObject({ cause: 'internal-error' });
  expect(broken?.verdict).toBe('not-audited');
  // The message of a defect may hold anything.
  expect(JSON.stringify(broken?.snapshot)).not.toContain(PLANTED);
  for (const other of [before, after]) {
    expect(other?.snapshot.failure).toBeUndefined();
    expect(other?.verdict).toBe('clean');
  }
}

describe('what is thrown', () => {
  test.each<[place: string, start: () => void]>([
    ['in a timer', () => setTimeout(plant, 1)],
    ['in an immediate', () => setImmediate(plant)],
    ['in the next tick', () => process.nextTick(plant)],
    ['in a microtask', () => queueMicrotask(plant)],
    ['by a promise that nothing waits for', () => void Promise.reject(new Error(PLANTED))],
    ['by an async function that nothing waits for', () => void (async () => plant())()],
    ['in the callback of a thread of the pool', () => pbkdf2('a', 'b', 1, 8, 'sha256', plant)],
    ['in the callback of a look-up', () => dns.lookup('127.0.0.1', plant)],
    ['in the callback of a file', () => readFile(import.meta.filename, plant)],
    ['in the callback of a process', () => void execFile(process.execPath, ['--version'], plant)],
    ['in a listener of an abort', () => AbortSignal.timeout(1).addEventListener('abort', plant)],
    [
      'in a listener of a socket',
      () => {
        const socket = net.connect(server.connectionConfig(AUDITOR.name).port, '127.0.0.1', () => {
          socket.destroy();
          plant();
        });
      },
    ],
    ['that is no error', () => setTimeout(() => Promise.reject('a text'), 1)],
  ])('%s ends the audit of its target only', async (_place, start) => {
    await expectOnlyItBreaks(start);
  });

  /** Breaks one step of the driver, for the session of one role. */
  function breakDriver(prototype: object, method: string, userOf: (self: never) => unknown): void {
    const methods = prototype as Record<string, (...args: unknown[]) => unknown>;
    const original = methods[method];
    if (original === undefined) throw new Error(`the driver has no ${method}: this test plants nothing`);
    vi.spyOn(methods, method).mockImplementation(function (this: never, ...args: unknown[]) {
      if (userOf(this) === 'broken') plant();
      return original.apply(this, args);
    });
  }

  test.each([
    '_handleAuthSASL',
    '_handleAuthSASLFinal',
    '_handleBackendKeyData',
    '_handleReadyForQuery',
    '_handleRowDescription',
    '_handleDataRow',
    '_handleCommandComplete',
    '_getPassword',
    'getStartupConf',
  ])("by the driver's client in %s ends the audit of its target only", async (method) => {
    breakDriver(Client.prototype, method, (self: { user?: string }) => self.user);
    await expectOnlyItBreaks();
  });

  test("by the driver's query ends the audit of its target only", async () => {
    let planted = 0;
    const methods = Query.prototype as unknown as Record<string, () => void>;
    const original = methods.handleDataRow;
    vi.spyOn(methods as { handleDataRow: () => void }, 'handleDataRow').mockImplementation(function (
      this: unknown,
      ...args
    ) {
      planted += 1;
      if (planted === 1) plant();
      return original?.apply(this, args);
    });
    const audited = await auditBetween();
    expect(audited.map(({ verdict }) => verdict).toSorted()).toEqual(['clean', 'clean', 'not-audited']);
  });

  test.each(['write', 'connect', 'getPeerCertificate'] as const)(
    'by what stands between TLS and the driver, in %s, ends the audit of one target only',
    async (method) => {
      let planted = 0;
      const original = GuardedStream.prototype[method] as (...args: unknown[]) => never;
      vi.spyOn(GuardedStream.prototype, method).mockImplementation(function (this: GuardedStream, ...args: unknown[]) {
        planted += 1;
        if (planted === 1) plant();
        return original.apply(this, args);
      });
      const audited = await auditBetween();
      expect(planted).toBeGreaterThan(1);
      expect(audited.map(({ verdict }) => verdict).toSorted()).toEqual(['clean', 'clean', 'not-audited']);
    },
  );

  test('outside of any target goes where it went before', async () => {
    const seen: unknown[] = [];
    await auditBetween();
    const script = `
      process.on('uncaughtException', (error) => { console.log('seen', error.message); process.exit(7); });
      const { confined } = await import(${JSON.stringify(new URL('../../lambda/runtime/confinement.ts', import.meta.url).href)});
      await confined(async () => 1);
      setTimeout(() => { throw new Error('of nothing in particular'); }, 1);`;
    const { promise, resolve } = Promise.withResolvers<void>();
    execFile(process.execPath, ['--input-type=module', '-e', script], (error, stdout) => {
      seen.push((error as { code?: unknown } | null)?.code, stdout.trim());
      resolve();
    });
    await promise;
    expect(seen).toEqual([7, 'seen of nothing in particular']);
  });
});
