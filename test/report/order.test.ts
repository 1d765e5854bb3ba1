import { expect, test } from 'vitest';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { PRECEDENCE } from '../../lambda/report/order.ts';

// The order of findings of one severity names checks: a check that is renamed must not lose its place.
test.each(PRECEDENCE)('%s, which precedes others of its severity, is a check', (id) => {
  expect(CHECKS.map((check) => check.id)).toContain(id);
});
