// Runs the command line as a person does: a process of its own, with only the environment that a test gives it.

import { type ChildProcess, spawn } from 'node:child_process';
import { commandLine } from '../../lab/built-command-line.ts';

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called with the process once it is started. */
  readonly onStart?: (child: ChildProcess) => void;
  /** Where standard output goes, instead of being read. */
  readonly stdout?: number;
}

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @example await command(['audit', '--url', server.connectionString()], { env: { PGPASSWORD: … } }) */
export async function command(args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const { env = {}, cwd, onStart, stdout = 'pipe' } = options;
  const { script, env: ofBuild } = await commandLine();
  const child = spawn(process.execPath, [script, ...args], {
    // Without HOME the AWS SDK would still find the one of the account.
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...ofBuild, ...env },
    cwd,
    stdio: ['ignore', stdout, 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      output[name] += chunk;
    });
  }
  onStart?.(child);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return { exitCode, ...output };
}
