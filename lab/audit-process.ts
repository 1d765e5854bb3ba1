// Audits targets in a process of its own, so that crashes and memory use are visible from outside.
//
// Reads JSON with the targets from standard input; writes JSON with a verdict for each, and the peak memory.

import { text } from 'node:stream/consumers';
import { auditTargets } from '../lambda/audit.ts';
import { createTrustStore } from '../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../lambda/collect/secrets/sources.ts';
import { parseConfig } from '../lambda/config/index.ts';
import { systemClock } from '../lambda/model/time.ts';
import { targetOf } from './collector.ts';

export interface AuditProcessInput {
  /** Milliseconds. */
  readonly deadline: number;
  /** PEM. */
  readonly ca: string;
  readonly targets: readonly {
    readonly name: string;
    /** JSON with credentials. */
    readonly secret: string;
    readonly timeoutMs: number;
  }[];
}

export interface AuditProcessOutput {
  readonly targets: readonly {
    readonly name: string;
    readonly verdict: string;
    readonly cause?: string | undefined;
    readonly message?: string | undefined;
  }[];
  /** MiB. */
  readonly mostMemory: number;
}

const { deadline, ca, targets } = JSON.parse(await text(process.stdin)) as AuditProcessInput;
const secrets = new Map([['ca', ca], ...targets.map(({ name, secret }) => [name, secret] as const)]);
const get = async (id: string) => secrets.get(id) ?? '';
const sources = createSourceReader({ get, refresh: get }, {});
const { policy } = parseConfig({ targets: [{ name: 'x', secret: 'x' }] }, { use: 'deployment' });
const run = await auditTargets(
  {
    targets: targets.map(({ name, timeoutMs }) => targetOf({ name, credentials: { secret: name }, timeoutMs })),
    concurrency: targets.length,
    policy,
  },
  {
    collector: { sources, trust: createTrustStore(sources), clock: systemClock },
    deadline: AbortSignal.timeout(deadline),
  },
);
const output: AuditProcessOutput = {
  targets: run.audited.map(({ verdict, snapshot: { target, failure } }) => ({
    name: target.name,
    verdict,
    cause: failure?.cause,
    message: failure?.message,
  })),
  mostMemory: Math.round(process.resourceUsage().maxRSS / 1024),
};
process.stdout.write(JSON.stringify(output));
