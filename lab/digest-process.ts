// Runs Digest in a process of its own, as Lambda does: prints its answer and the most memory that it had.

import { createDigestHandler } from '../lambda/fleet/digest-handler.ts';

/** What the process prints last, as JSON on a line of its own. */
export interface DigestProcessAnswer {
  readonly output: unknown;
  readonly error: string | undefined;
  /** Bytes: of the process at its highest, and of what was alive in its heap after the run. */
  readonly memory: number;
}

const { DIGEST_RUN: run, DIGEST_AT: at } = process.env;
const clock = () => new Date(at ?? '');
const invocation = { awsRequestId: `request-${at}`, getRemainingTimeInMillis: () => 900_000 };
const answer = (output: unknown, error?: Error): void => {
  const memory = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(
    `\n${JSON.stringify({ output, error: error?.message, memory } satisfies DigestProcessAnswer)}\n`,
  );
};
await createDigestHandler({ clock })({ run }, invocation).then(answer, (error: Error) => answer(undefined, error));
