// Starts a process that answers messages, as a function of Lambda does, one after the other.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface WorkProcess<Input extends object, Answer> {
  /** @throws Error where the process fails */
  call(input: Input): Promise<Answer>;
  end(): Promise<void>;
}

/** MiB that a function has by default: `deployment.memoryMiB`. */
export const FUNCTION_MEMORY = 1_024;

/**
 * What Lambda's runtime for Node starts a function of so many MiB with, unless NODE_OPTIONS says otherwise: nine tenths
 * for the old generation, a twentieth for each half of the young one. Without, V8 goes by the memory of the machine,
 * and collects no garbage for as long as there is some left.
 */
export function heapOptions(memoryMiB = FUNCTION_MEMORY): readonly string[] {
  const young = Math.floor(memoryMiB / 10);
  return [`--max-semi-space-size=${Math.floor(young / 2)}`, `--max-old-space-size=${memoryMiB - young}`];
}

/**
 * @param env all that the process has of it: nothing of this machine's
 * @param memoryMiB of the function that it stands for
 */
export function startWorkProcess<Input extends object, Answer>(
  script: string,
  env: Readonly<Record<string, string>>,
  memoryMiB = FUNCTION_MEMORY,
): WorkProcess<Input, Answer> {
  const child = fork(join(import.meta.dirname, script), {
    // What a function logs goes nowhere here.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [...heapOptions(memoryMiB)],
    env,
  });
  const ended = once(child, 'exit');
  return {
    async call(input) {
      const answer = Promise.withResolvers<Answer>();
      const onExit = (): void => answer.reject(new Error(`${script} failed: its error is above`));
      const onMessage = (message: unknown): void => answer.resolve(message as Answer);
      child.once('exit', onExit).once('message', onMessage).send(input);
      try {
        return await answer.promise;
      } finally {
        child.off('exit', onExit).off('message', onMessage);
      }
    },
    async end() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
