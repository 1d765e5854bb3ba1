// What depends on a terminal, which processes of tests have none of: progress, colours, signals.

import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { WriteStream } from 'node:tty';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { exitCodeOf } from '../../bin/command-line/terminal/exit-code.ts';
import { interruptSignal } from '../../bin/command-line/terminal/interruption.ts';
import { startProgress } from '../../bin/command-line/terminal/progress.ts';
import { showsColour } from '../../bin/command-line/terminal/terminal.ts';
import * as make from '../../lab/snapshots.ts';
import type { Verdict } from '../../lambda/model/finding.ts';
import type { Severity } from '../../lambda/model/severity.ts';
import type { Report } from '../../lambda/report/schema.ts';

describe('progress', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function stream(isTTY: boolean) {
    const written: string[] = [];
    return { isTTY, written, write: (text: string) => written.push(text) > 0 };
  }
  const done = (how: 'audited' | 'not-audited') => ({
    snapshot: how === 'audited' ? make.healthySnapshot() : make.failedSnapshot(),
  });

  test('is rewritten in place on a terminal, and leaves nothing behind', () => {
    const terminal = stream(true);
    const progress = startProgress(340, terminal);
    for (let count = 0; count < 12; count += 1) progress.onTarget(done('audited'));
    vi.advanceTimersByTime(1_500);
    progress.onTarget(done('not-audited'));
    vi.advanceTimersByTime(500);
    progress[Symbol.dispose]();
    vi.advanceTimersByTime(60_000);
    expect(terminal.written).toEqual(['\r\x1b[K12/340 audited', '\r\x1b[K12/340 audited, 1 not audited', '\r\x1b[K']);
  });

  test.each([true, false])('says nothing of a run that is over soon (terminal: %s)', (isTTY) => {
    const short = stream(isTTY);
    const progress = startProgress(3, short);
    vi.advanceTimersByTime(900);
    progress.onTarget(done('audited'));
    progress[Symbol.dispose]();
    vi.advanceTimersByTime(60_000);
    expect(short.written).toEqual([]);
  });

  test('is a line every ten seconds in a log', () => {
    const log = stream(false);
    const progress = startProgress(340, log);
    progress.onTarget(done('audited'));
    vi.advanceTimersByTime(10_000);
    progress.onTarget(done('not-audited'));
    vi.advanceTimersByTime(19_999);
    progress[Symbol.dispose]();
    expect(log.written).toEqual(['1/340 audited\n', '1/340 audited, 1 not audited\n']);
  });
});

describe('colours', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  function terminal(): NodeJS.WriteStream {
    const { getColorDepth } = WriteStream.prototype;
    return Object.assign(new PassThrough(), { isTTY: true, getColorDepth }) as unknown as NodeJS.WriteStream;
  }

  test.each([
    ['shown on a terminal', {}, true],
    ['not shown where NO_COLOR is set', { NO_COLOR: '1' }, false],
    ['not shown on a terminal that has none', { TERM: 'dumb' }, false],
  ])('are %s', (_, variables, expected) => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS', 'CI', 'TMUX', 'COLORTERM']) {
      vi.stubEnv(name, undefined);
    }
    for (const [name, value] of Object.entries({ TERM: 'xterm', ...variables })) vi.stubEnv(name, value);
    expect(showsColour(terminal())).toBe(expected);
  });
});

describe('a signal', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  test('aborts the audit; the second ends the program with 128 and its number', () => {
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const exit = vi.fn<(code?: number) => never>();
    const host = Object.assign(new EventEmitter(), { exit });
    const interruption = interruptSignal(host as unknown as NodeJS.Process);
    expect(interruption.signal.aborted).toBe(false);

    host.emit('SIGINT', 'SIGINT');
    expect(interruption.signal.aborted).toBe(true);
    expect(exit).not.toHaveBeenCalled();

    host.emit('SIGINT', 'SIGINT');
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);

    interruption[Symbol.dispose]();
    expect(host.eventNames()).toEqual([]);
  });
});

describe('the exit code', () => {
  function report(verdicts: readonly Verdict[], severities: readonly Severity[] = []): Report {
    return {
      targets: verdicts.map((verdict) => ({ verdict })),
      findings: severities.map((severity) => ({ severity })),
    } as unknown as Report;
  }

  test.each([
    ['everything clean', report(['clean', 'clean']), 'medium', 0],
    ['findings below the threshold only', report(['findings'], ['info', 'low']), 'medium', 0],
    ['a finding at the threshold', report(['findings'], ['medium']), 'medium', 1],
    ['a finding above the threshold', report(['clean', 'findings'], ['critical', 'info']), 'medium', 1],
    ['information, and who asks for it', report(['findings'], ['info']), 'info', 1],
    ['a target not audited, below the threshold', report(['clean', 'not-audited'], ['high']), 'critical', 2],
    ['a target not fully seen, without a finding', report(['unknown']), 'medium', 2],
    ['a target not fully seen beside critical findings', report(['findings', 'unknown'], ['critical']), 'info', 2],
    ['no target at all', report([]), 'medium', 2],
  ] as const)('of %s', (_, given, failOn, expected) => {
    expect(exitCodeOf(given, failOn)).toBe(expected);
  });
});
