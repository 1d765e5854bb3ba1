// What is pushed as context is known and not counted, in every format and also before the format is known.

import { describe, expect, test } from 'vitest';
import { EventSink, type EventSinkOptions } from '../../../lambda/collect/connection-log/event-sink.ts';
import { isMarker, newMarker } from '../../../lambda/collect/connection-log/marker.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
const OPTIONS: EventSinkOptions = {
  prefix: '%m [%p] ',
  format: 'stderr',
  timezone: 'UTC',
  from: NOW - 86_400_000,
  isPooler: false,
  role: 'auditor',
};

const line = (pid: number, message: string, time = '2026-11-28 11:00:00.000 UTC'): string =>
  `${time} [${pid}] LOG:  ${message}\n`;
const received = (pid: number, host: string): string => line(pid, `connection received: host=${host} port=1`);
const login = (pid: number, role: string, time?: string): string =>
  line(pid, `connection authorized: user=${role} database=shop`, time);

function read(
  pieces: readonly (readonly [stream: string, text: string, context?: boolean])[],
  options: Partial<EventSinkOptions> = {},
) {
  const sink = new EventSink({ ...OPTIONS, ...options });
  for (const [stream, text, context = false] of pieces) sink.push(stream, Buffer.from(text), context);
  sink.finish();
  const clients = sink.result().clients.map(({ role, network, logins }) => [role, network, logins]);
  return { sink, clients, gaps: sink.gaps() };
}

describe.each(['stderr', undefined] as const)('with the format %s given', (format) => {
  test('context says where a login came from, and is not counted', () => {
    const { clients, gaps } = read(
      [
        ['a', received(1, '10.0.0.7') + received(2, '10.0.1.7') + login(1, 'before'), true],
        ['a', login(2, 'after')],
      ],
      { format },
    );
    expect(clients).toEqual([['after', '10.0.1.0/24', 1]]);
    expect(gaps).toEqual([]);
  });

  test('each stream is a log of its own, also where they take turns', () => {
    const { clients } = read(
      [
        ['a', received(1, '10.0.0.7') + login(3, 'counted before'), true],
        ['b', received(1, '10.9.9.9')],
        ['a', login(1, 'of a')],
        ['b', login(1, 'of b')],
      ],
      { format },
    );
    expect(clients).toEqual([
      ['of a', '10.0.0.0/24', 1],
      ['of b', '10.9.9.0/24', 1],
    ]);
  });

  test('what was before the window is not counted', () => {
    const { clients } = read([['a', login(1, 'old', '2026-11-27 11:00:00.000 UTC') + login(2, 'new')]], { format });
    expect(clients).toEqual([['new', undefined, 1]]);
  });

  test('a torn line is a gap once: not again as context', () => {
    const torn = `2026-11-28 11:00:00.000 UTC [1] LO connection authorized: user=x\n${login(2, 'app')}`;
    expect(read([['a', torn]], { format }).gaps).toMatchObject([{ cause: 'unreadable-lines' }]);
    expect(read([['a', torn, true]], { format }).gaps).toEqual([]);
  });

  test('lines in another language are a gap', () => {
    const german = '2026-11-28 11:00:00.000 UTC [1] LOG:  Verbindung autorisiert: Benutzer=app Datenbank=shop\n';
    expect(read([['a', login(1, 'app') + german]], { format }).gaps).toMatchObject([{ cause: 'translated' }]);
  });
});

test('a zone that is not known is a gap, with the name of a client shown as text', () => {
  const { gaps } = read([['a', login(1, 'app', '2026-11-28 11:00:00.000 CST')]], { timezone: 'localtime' });
  expect(gaps).toMatchObject([{ cause: 'unreadable-lines', remedy: expect.stringContaining('log_timezone') }]);
});

test('a stream of no known form is a gap where it names connections, and costs the others nothing', () => {
  const { clients, gaps } = read(
    [
      ['a', 'connection authorized: user=app\n'.repeat(10)],
      ['b', login(1, 'app')],
      ['c', 'nothing of interest\n'.repeat(10_000)],
    ],
    { format: undefined },
  );
  expect(clients).toEqual([['app', undefined, 1]]);
  expect(gaps).toMatchObject([{ cause: 'unreadable-lines' }]);
});

test('the login of the auditor is found by its role and name, and by no other', () => {
  const marker = newMarker(NOW);
  expect([isMarker(marker), newMarker(NOW) === marker]).toEqual([true, false]);
  const by = (role: string, name: string): string =>
    line(1, `connection authorized: user=${role} database=shop application_name=${name}`);
  expect(read([['a', by('auditor', marker)]]).sink.hasOwnLogin(marker)).toBe(true);
  expect(read([['a', by('auditor', marker), true]]).sink.hasOwnLogin(marker)).toBe(true);
  expect(read([['a', by('other', marker)]]).sink.hasOwnLogin(marker)).toBe(false);
  expect(read([['a', by('auditor', `${marker}0`)]]).sink.hasOwnLogin(marker)).toBe(false);
});
