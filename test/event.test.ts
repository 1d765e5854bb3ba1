// What the function may be invoked with, and how it refuses the rest.

import { describe, expect, test } from 'vitest';
import { parseConfig } from '../lambda/config/index.ts';
import { EventError, parseEvent as parse, type RunRequest, requestedTargets } from '../lambda/event.ts';
import { known, unknown } from '../lambda/model/observed.ts';
import type { Target } from '../lambda/model/target.ts';

const TARGETS = ['orders', 'billing'];
const SCHEDULED = {
  version: '0',
  id: '3f2504e0-4f89-11d3-9a0c-0305e82c3301',
  'detail-type': 'Scheduled Event',
  source: 'aws.scheduler',
  account: '123456789012',
  time: '2026-11-10T06:15:00Z',
  region: 'eu-west-1',
  resources: ['arn:aws:scheduler:eu-west-1:123456789012:schedule/default/x'],
  detail: {},
};
const listOf = (names: readonly string[]): readonly Target[] =>
  parseConfig({ targets: names.map((name) => ({ name, secret: name })) }, { use: 'deployment' }).targets;

/** The request, once its names were looked up in a complete list of targets. */
function parseEvent(event: unknown, names: readonly string[]): RunRequest {
  const request = parse(event);
  const found = listOf(names);
  requestedTargets(request, { found, all: known(found) });
  return request;
}

const EVERYTHING = { targets: undefined, notify: true, testAlert: false };

describe('an event', () => {
  test.each(['aws.scheduler', 'aws.events'])('of the schedule (%s) audits everything and tells', (source) => {
    expect(parseEvent({ ...SCHEDULED, source }, TARGETS)).toEqual({ trigger: 'schedule', ...EVERYTHING });
  });

  test.each([
    [{}, EVERYTHING],
    [{ targets: ['orders'] }, { ...EVERYTHING, targets: ['orders'] }],
    [{ notify: false }, { ...EVERYTHING, notify: false }],
    [{ testAlert: true }, { ...EVERYTHING, testAlert: true }],
    [
      { targets: ['billing', 'orders'], notify: false, testAlert: true },
      { targets: ['billing', 'orders'], notify: false, testAlert: true },
    ],
  ])('by hand, %j, is taken as it is', (event, expected) => {
    expect(parseEvent(event, TARGETS)).toEqual({ trigger: 'hand', ...expected });
  });

  test.each([
    ['nothing', null, 'it must be a JSON object'],
    ['a text', 'orders', 'it must be a JSON object'],
    ['a list', ['orders'], 'it must be a JSON object'],
    ["Lambda's example", { key1: 'value1', key2: 'value2' }, '"key1", "key2" are not settings'],
    ['a misspelt setting', { target: ['orders'] }, '"target" is not a setting'],
    ['a name instead of names', { targets: 'orders' }, '"targets" must be a list of one or more names of targets'],
    ['no targets', { targets: [] }, '"targets" must be a list of one or more names of targets'],
    ['a number for a name', { targets: [1] }, '"targets" must be a list of one or more names of targets'],
    ['a text for a switch', { notify: 'false' }, '"notify" must be true or false'],
    [
      'a target it does not have',
      { targets: ['orders', 'ordres'] },
      'no target named "ordres". It has "orders", "billing"',
    ],
    [
      'an event of another service',
      { ...SCHEDULED, source: 'aws.s3', 'detail-type': 'Object Created' },
      '"detail-type"',
    ],
  ])('that is %s is refused with what is allowed', (_what, event, message) => {
    const parsing = (): unknown => parseEvent(event, TARGETS);
    expect(parsing).toThrow(EventError);
    expect(parsing).toThrow(message);
    expect(parsing).toThrow('Allowed: EventBridge\'s scheduled event, or {"targets"');
  });

  test('is not quoted beyond its keys: it may hold anything', () => {
    expect(() => parseEvent({ notify: 'canary-secret', extra: 'canary-secret' }, TARGETS)).not.toThrow('canary-secret');
  });

  test('with thousands of targets configured is refused in few words', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => `target-${i}`);
    expect(() => parseEvent({ targets: ['x'.repeat(10_000)] }, many)).toThrow(/^.{1,900}$/s);
    expect(() => parseEvent({ targets: ['x'] }, many)).toThrow('and 4990 more');
  });
});

describe('the targets of a request', () => {
  const found = listOf(TARGETS);
  const names = (request: Pick<RunRequest, 'targets'>, list: Parameters<typeof requestedTargets>[1]) =>
    requestedTargets(request, list).map(({ name }) => name);

  test('are all that were found, or those that it names, in the order of the list', () => {
    const list = { found, all: known(found) };
    expect(names({ targets: undefined }, list)).toEqual(['orders', 'billing']);
    expect(names({ targets: ['billing', 'orders'] }, list)).toEqual(['orders', 'billing']);
    expect(names({ targets: ['billing'] }, list)).toEqual(['billing']);
  });

  test('that an incomplete list lacks are not said to be missing', () => {
    const list = { found, all: unknown('RDS did not answer') };
    expect(names({ targets: ['billing'] }, list)).toEqual(['billing']);
    expect(() => names({ targets: ['crm'] }, list)).toThrow(
      'It is not known whether there is a target named "crm": RDS did not answer.',
    );
  });
});
