// Tests the check forged-connection-log.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { forgedConnectionLog } from '../../lambda/checks/forged-connection-log.ts';
import { known } from '../../lambda/model/observed.ts';
import { problemsOfLog, silences } from './support/log-cases.ts';

const FORGED = 'x SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';

describe('forged-connection-log', () => {
  test('finds logins whose text forges, and open sessions with such a name', () => {
    const clients = [make.clientLogins({ forged: true, application: FORGED })];
    expect(problemsOfLog(forgedConnectionLog, { clients })).toMatchObject([
      { severity: 'high', role: 'etl', application: expect.stringContaining('SSL enabled') },
    ]);
    const sessions = known({ visible: [make.plaintextSession({ application: FORGED })], hidden: 0 });
    expect(problemsOfLog(forgedConnectionLog, {}, { sessions })).toMatchObject([{ role: 'app', count: 1 }]);
  });

  test('is one finding for the open sessions and the logins of one client, from wherever it comes', () => {
    const forged = { forged: true, role: 'app', application: `1${FORGED}` } as const;
    const clients = [
      make.clientLogins({ ...forged, logins: 2 }),
      make.clientLogins({ ...forged, logins: 3, network: '10.9.9.0/24', addresses: ['10.9.9.9'] }),
    ];
    // As pg_stat_activity shows it.
    const application = `2${FORGED}`.slice(0, 63);
    const sessions = known({ visible: [make.plaintextSession({ application })], hidden: 0 });
    expect(problemsOfLog(forgedConnectionLog, { clients }, { sessions })).toMatchObject([
      { clients: ['10.0.1.7', '10.1.2.3', '10.9.9.9'], evidence: { openNow: 1, logins24h: 5 } },
    ]);
  });

  test('leaves every other name alone', () => {
    const clients = [make.clientLogins({ application: 'SSL enabled' }), make.clientLogins({ transport: 'tls' })];
    expect(problemsOfLog(forgedConnectionLog, { clients })).toEqual([]);
    expect(silences(forgedConnectionLog)).toEqual(['not-applicable', 'pass', 'unknown', 'unknown']);
  });
});
