// Tests the check insufficient-privileges.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { insufficientPrivileges } from '../../lambda/checks/insufficient-privileges.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known } from '../../lambda/model/observed.ts';

describe('insufficient-privileges', () => {
  const seeing = (role: string, seesAllSessions: boolean, hidden: number): Outcome =>
    insufficientPrivileges.evaluate(
      make.healthySnapshot([], {
        visibility: known({ role, seesAllSessions }),
        sessions: known({ visible: [], hidden }),
      }),
      make.POLICY,
    );

  test('passes a login that sees every session', () => {
    expect(seeing('tls_auditor', true, 0)).toEqual({ status: 'pass' });
  });

  test('finds a login that may not see other roles, also when no other client is connected', () => {
    expect(seeing('tls_auditor', false, 0)).toMatchObject({
      status: 'fail',
      problems: [
        {
          severity: 'high',
          role: 'tls_auditor',
          remedy: expect.stringMatching(
            /^As a superuser, .*rds_superuser.*: GRANT pg_monitor TO tls_auditor WITH INHERIT TRUE;$/,
          ),
        },
      ],
    });
  });

  test('tells of sessions withheld from a login that should see all', () => {
    const outcome = seeing('tls_auditor', true, 2);
    expect(outcome).toMatchObject({ status: 'fail', problems: [{ evidence: { hiddenSessions: 2 } }] });
    expect(JSON.stringify(outcome)).not.toContain('GRANT');
  });

  test('quotes a role name where SQL wants it', () => {
    expect(seeing('TLS "Auditor"', false, 0)).toMatchObject({
      problems: [{ remedy: expect.stringContaining('GRANT pg_monitor TO "TLS ""Auditor""" WITH INHERIT TRUE;') }],
    });
  });

  test('does not know when it could not be read', () => {
    expect(insufficientPrivileges.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });
});
