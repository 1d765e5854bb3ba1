// Puts the line of the driver that a client probably has before the remedy of its finding.

import { type ClientTraits, describeGuess, guessDriver } from '../../drivers/guess.ts';
import type { Remedy } from '../../model/remedy.ts';

/** Undefined where nothing speaks for a driver: the remedy of the check then says it for all. */
export function withDriver(remedy: Remedy, client: ClientTraits): Remedy | undefined {
  const guess = guessDriver(client);
  if (guess === undefined) return undefined;
  // Without the server's name, so that messages say it once for all targets.
  const line = describeGuess(guess, { host: undefined, port: undefined });
  if (typeof remedy === 'string') return `${line}\n${remedy}`;
  return { ...remedy, everywhere: remedy.everywhere === undefined ? line : `${line}\n${remedy.everywhere}` };
}
