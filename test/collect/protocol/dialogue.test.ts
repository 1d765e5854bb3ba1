// The order and amount of a server's messages.

import { describe, expect, test } from 'vitest';
import { auth, columns, message, READY, row, selectDone } from '../../../lab/hostile-postgres.ts';
import { ServerDialogue } from '../../../lambda/collect/protocol/dialogue.ts';
import { Framing } from '../../../lambda/collect/protocol/framing.ts';

/** Lets a server answer one query so. */
function answer(...messages: readonly Buffer[]): void {
  const dialogue = new ServerDialogue({ methods: ['none'], minScramIterations: 4096 });
  const framing = new Framing();
  const receive = (bytes: Buffer): void => {
    for (const one of framing.push(bytes)) dialogue.accept(one);
  };
  receive(Buffer.concat([auth.ok, READY]));
  dialogue.querySent();
  receive(Buffer.concat(messages));
}

describe('the rows of an answer', () => {
  test.each([
    ['none', [columns(1), selectDone(0)]],
    ['two', [columns(1), row('a'), row('b'), selectDone(2)]],
    ['some in each of two answers', [columns(1), row('a'), selectDone(1), columns(2), row('b', null), selectDone(1)]],
    ["a PgBouncer's, which counts none", [columns(1), row('a'), message('C', 'SHOW\0')]],
    ['none of a command that gives none', [message('C', 'SET\0'), message('C', 'COMMIT\0')]],
  ])('are as many as the server counted: %s', (_what, messages) => {
    expect(() => answer(...messages, READY)).not.toThrow();
  });

  test.each([
    ['one was lost', [columns(1), row('a'), selectDone(2)]],
    ['all were lost', [columns(1), selectDone(2)]],
    ['one came twice', [columns(1), row('a'), row('a'), selectDone(1)]],
    ['one came from elsewhere', [columns(1), row('a'), selectDone(0)]],
    ['the next answer lost one', [columns(1), row('a'), selectDone(1), columns(1), selectDone(1)]],
  ])('end the session where %s', (_what, messages) => {
    expect(() => answer(...messages, READY)).toThrow('sent other rows than it had counted');
  });

  test.each([
    ['its end changed places with the next command', [columns(1), row('a'), message('C', 'COMMIT\0'), selectDone(1)]],
    ['its columns were lost', [selectDone(0)]],
    ['another answer’s columns are over', [columns(1), selectDone(0), message('C', 'SELECT\0')]],
  ])('end the session where a SELECT has no columns: %s', (_what, messages) => {
    expect(() => answer(...messages, READY)).toThrow('ended a SELECT that had no columns');
  });
});
