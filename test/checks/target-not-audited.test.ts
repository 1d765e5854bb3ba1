// Tests the check target-not-audited.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { targetNotAudited } from '../../lambda/checks/target-not-audited.ts';
import { FAILURE_CAUSES } from '../../lambda/model/failure.ts';

describe('target-not-audited', () => {
  test('passes a target that was', () => {
    expect(targetNotAudited.evaluate(make.healthySnapshot(), make.POLICY)).toEqual({ status: 'pass' });
  });

  test.each(FAILURE_CAUSES)('tells of %s with its cause and what to do', (cause) => {
    const outcome = targetNotAudited.evaluate(make.failedSnapshot({ cause, remedy: 'renew it' }), make.POLICY);
    const severity = /^certificate-|^server-not-proved$|^channel-binding-failed$/.test(cause) ? 'critical' : 'high';
    expect(outcome).toMatchObject({
      status: 'fail',
      problems: [{ severity, evidence: { cause, what: expect.any(String) }, remedy: 'Renew it.' }],
    });
  });
});
