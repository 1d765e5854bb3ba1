// Audits servers that mutate a recorded session, over real TLS, beside a healthy server.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { rdsSecret, targetOf } from '../../lab/collector.ts';
import { type HostileServer, hostilePostgres, hostileTcp, type Peer } from '../../lab/hostile-postgres.ts';
import { auditTargets } from '../../lambda/audit.ts';
import { createTrustStore } from '../../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import { parseConfig } from '../../lambda/config/index.ts';
import type { Run } from '../../lambda/model/run.ts';
import { systemClock } from '../../lambda/model/time.ts';
import { buildReport } from '../../lambda/report/build-report.ts';
import { type ByteChange, byteChange, changeBytes, pieces } from '../generators/arbitraries.ts';
import { bytesInUse, check, type FuzzTarget } from '../generators/fuzz-target.ts';
import { type Login, type MessageChange, messageChange, Playback } from '../generators/playback.ts';
import { PASSWORD, type Stage, setStage } from '../generators/recording.ts';
import { amounts } from './conversation.ts';

/** Of a mutating target. */
const TIMEOUT_MS = 1_000;
/** What ends by itself does so soon after that, also on a busy machine. */
const GRACE_MS = 8_000;
const DEADLINE_MS = 30_000;
/** Of an honest one. */
const PATIENT_MS = 25_000;
const MOST_MEMORY = 500 * 1024 * 1024;
/** Bytes of what a server sends in a whole session, about: where the wire is changed. */
const WIRE_LENGTH = 30_000;

/** What one server does. */
interface Plan {
  readonly login: Login;
  readonly changes: readonly MessageChange[];
  readonly sizes: readonly number[];
  /** Milliseconds between pieces. */
  readonly pause: number;
  /** A change of what is on the wire, the handshake and what is encrypted. */
  readonly wire: ByteChange | undefined;
  readonly probe: boolean;
}

const planArbitrary: fc.Arbitrary<Plan> = fc.record({
  login: fc.constantFrom<Login>('none', 'scram'),
  changes: fc.array(messageChange, { maxLength: 3 }),
  sizes: fc.array(fc.oneof(fc.constantFrom(1, 100_000), fc.integer({ min: 2, max: 20_000 })), {
    minLength: 1,
    maxLength: 4,
  }),
  pause: fc.constantFrom(0, 0, 0, 1, 30),
  wire: fc.option(byteChange, { nil: undefined, freq: 3 }),
  probe: fc.boolean(),
});

async function play({ sizes, pause }: Plan, playback: Playback, peer: Peer): Promise<void> {
  for (;;) {
    const { type, body } = await peer.receive();
    const { bytes, next } = playback.answer(type, body);
    for (const piece of pieces(bytes, sizes)) {
      await peer.send(piece);
      if (pause > 0) await wait(pause);
    }
    if (next === 'end') peer.end();
    if (next === 'reset') peer.reset();
    if (next !== 'go on') return await peer.gone;
  }
}

/** Passes everything on, and changes what the server sent at one place of it. */
function changingRelay({ port }: HostileServer, change: ByteChange): Promise<HostileServer> {
  return hostileTcp(async (socket) => {
    const upstream = connect(port, '127.0.0.1');
    upstream.on('error', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
    upstream.once('close', () => socket.destroy());
    socket.pipe(upstream);
    await once(upstream, 'connect');
    changeOnTheWay(upstream, socket, change);
  });
}

function changeOnTheWay(upstream: Socket, socket: Socket, change: ByteChange): void {
  const place = Math.floor(change.at * WIRE_LENGTH);
  let passed = 0;
  upstream.on('data', (chunk: Buffer) => {
    const isThere = place >= passed && place < passed + chunk.length;
    const within = { ...change, at: (place - passed) / chunk.length };
    passed += chunk.length;
    socket.write(isThere ? changeBytes(chunk, [within]) : chunk);
    if (isThere && change.kind === 'truncate') socket.end();
  });
}

const { policy } = parseConfig({ targets: [{ name: 'x', secret: 'x' }] }, { use: 'deployment' });

async function auditAll(
  stage: Stage,
  servers: readonly HostileServer[],
  plans: readonly Plan[],
  timeoutMs: number = TIMEOUT_MS,
): Promise<Run> {
  const { server, certificate } = stage;
  const secrets = new Map<string, string>([
    ['ca', certificate.rootPem],
    ['healthy', rdsSecret(server, 'tls_auditor')],
    ...servers.map(({ host, port }, index): [string, string] => [
      `t${index}`,
      rdsSecret(server, 'tls_auditor', { host, port }),
    ]),
  ]);
  const get = async (id: string) => secrets.get(id) ?? '';
  const sources = createSourceReader({ get, refresh: get }, {});
  const shared = { ca: [{ secret: 'ca' }], authentication: ['scram-sha-256', 'none'] } as const;
  const targets = [
    ...plans.map(({ probe }, index) =>
      targetOf({ ...shared, name: `t${index}`, credentials: { secret: `t${index}` }, timeoutMs, probe }),
    ),
    targetOf({ ...shared, name: 'healthy', credentials: { secret: 'healthy' }, timeoutMs: PATIENT_MS }),
  ];
  return await auditTargets(
    { targets, concurrency: targets.length, policy },
    {
      collector: { sources, trust: createTrustStore(sources), clock: systemClock },
      deadline: AbortSignal.timeout(DEADLINE_MS),
    },
  );
}

async function tryPlans(stage: Stage, plans: readonly Plan[], honest: Readonly<Record<string, number>>): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const playbacks: Playback[] = [];
  const servers: HostileServer[] = [];
  const recorders: HostileServer[] = [];
  for (const plan of plans) {
    const origin = stack.use(
      await hostilePostgres(stage.certificate, async (peer) => {
        const playback = new Playback(stage.recording, plan.login, plan.changes);
        playbacks.push(playback);
        await play(plan, playback, peer);
      }),
    );
    recorders.push(origin);
    servers.push(plan.wire === undefined ? origin : stack.use(await changingRelay(origin, plan.wire)));
  }
  const started = performance.now();
  // What was tried before in this process has left some: the buffers of a huge answer stay for seconds.
  const before = bytesInUse();
  const run = await auditAll(stage, servers, plans);
  const took = performance.now() - started;
  check(took < TIMEOUT_MS + GRACE_MS, `the run took ${Math.round(took)} ms`);
  const taken = bytesInUse() - before;
  check(taken < MOST_MEMORY, `${taken} bytes were taken`);
  check(!playbacks.some(({ trustedInVain }) => trustedInVain), 'a query was sent to a server without a proof');
  for (const recorder of recorders) check(!recorder.decrypted().includes(PASSWORD), 'the password was sent');

  const shown = JSON.stringify(buildReport(run)) + inspect(run, { depth: 12, maxArrayLength: 1_000 });
  check(!shown.includes(PASSWORD), 'the password is shown');
  const healthy = run.audited.at(-1);
  check(healthy?.verdict === 'clean', `the healthy one is ${healthy?.verdict}: ${healthy?.snapshot.failure?.message}`);
  for (const [index, plan] of plans.entries()) checkTarget(run.audited[index], plan, honest);
}

function checkTarget(
  audited: Run['audited'][number] | undefined,
  { changes }: Plan,
  honest: Readonly<Record<string, number>>,
): void {
  const { verdict, snapshot } = audited ?? {};
  const { failure } = snapshot ?? {};
  check(failure?.cause !== 'internal-error', `it is called a defect of ours: ${failure?.message}`);
  check(!/[\u0000-\u001f\u202a-\u202e]/.test(failure?.message ?? ''), `the message acts: ${failure?.message}`);
  if (verdict !== 'clean' || snapshot === undefined || Playback.changesContent(changes)) return;
  for (const [name, amount] of Object.entries(amounts(snapshot))) {
    check(amount === honest[name], `clean with ${amount} ${name} of ${honest[name]}`);
  }
}

const session: FuzzTarget = {
  name: 'session',
  title: 'audits over TLS of servers that mutate a recorded session, beside a healthy one',
  share: 16,
  prepare: async () => {
    const stage = await setStage();
    const plan: Plan = { login: 'scram', changes: [], sizes: [100_000], pause: 0, wire: undefined, probe: false };
    await using origin = await hostilePostgres(stage.certificate, (peer) =>
      play(plan, new Playback(stage.recording, 'scram', []), peer),
    );
    const { audited } = await auditAll(stage, [origin], [plan], PATIENT_MS);
    const [first] = audited;
    if (first?.verdict !== 'clean')
      throw new Error(`the recording is ${first?.verdict}: ${inspect(first?.snapshot.failure ?? first?.findings)}`);
    const honest = amounts(first.snapshot);
    return {
      property: fc.asyncProperty(fc.array(planArbitrary, { minLength: 1, maxLength: 5 }), (plans) =>
        tryPlans(stage, plans, honest),
      ),
      dispose: async () => await stage[Symbol.asyncDispose](),
    };
  },
};

export const SESSION_TARGETS: readonly FuzzTarget[] = [session];
