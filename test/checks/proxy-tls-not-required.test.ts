// Tests the check proxy-tls-not-required.

import { expect, test } from 'vitest';
import { known } from '../../lambda/model/observed.ts';
import { expectHonest, FAILED, ofPlace, REASON } from './support/cloud-cases.ts';

const ID = 'proxy-tls-not-required';

test('finds each proxy that does not require TLS, and no other', () => {
  const proxies = known([
    { name: 'open', requireTls: false },
    { name: 'closed', requireTls: true },
  ]);
  expect(ofPlace(ID, { proxies })).toMatchObject({
    status: 'fail',
    problems: [{ severity: 'medium', subject: 'open', evidence: { proxy: 'open', requireTls: false } }],
  });
});

test('passes without proxies, and is not known where they could not be listed', () => {
  expect(ofPlace(ID)).toEqual({ status: 'pass' });
  expect(ofPlace(ID, { proxies: FAILED })).toEqual({ status: 'unknown', reason: REASON });
  expectHonest(ID);
});
