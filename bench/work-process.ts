// Starts a process that answers messages, as a function of Lambda does, one after the other.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

export interface WorkProcess<Input extends object, Answer> {
  /** @throws Error where the process fails */
  call(input: Input): Promise<Answer>;
  end(): Promise<void>;
}

/** @param env all that the process has of it: nothing of this machine's */
export function startWorkProcess<Input extends object, Answer>(
  script: string,
  env: Readonly<Record<string, string>>,
): WorkProcess<Input, Answer> {
  // What a function logs goes nowhere here.
  const child = fork(join(import.meta.dirname, script), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env });
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
