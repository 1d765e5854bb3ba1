// What the API of RDS says, beside what a real server shows, or where it shows nothing.

import { cloudDatabase, cloudPlace, configuration } from '../../lab/snapshots.ts';
import type { CloudDatabase } from '../../lambda/model/cloud.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { CheckId, Scenario } from './scenario.ts';

const DATABASE_CHECKS = [
  'parameter-change-pending',
  'certificate-authority-retiring',
  'log-export-off',
] as const satisfies readonly CheckId[];

const PLACE_CHECKS = [
  'discovery-failed',
  'database-not-covered',
  'proxy-tls-not-required',
] as const satisfies readonly CheckId[];

/** And half a day, because a run of every major may take a while. */
const inDays = (days: number): string => new Date(Date.now() + (days + 0.5) * 86_400_000).toISOString();

const OFF: CloudDatabase['parameters'] = known({ 'rds.force_ssl': { value: '0', source: 'user' } });

/** Of a database that does not answer. */
const UNREACHABLE = { via: 'closed-port', verdict: 'not-audited' } as const;
const NOT_AUDITED = { check: 'target-not-audited', severity: 'high' } as const;

export const CLOUD_SCENARIOS: readonly Scenario[] = [
  {
    name: 'the API finds nothing',
    cloud: known(cloudDatabase()),
    evaluates: DATABASE_CHECKS,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'the API could not be asked',
    cloud: unknown('the databases of eu-west-1 could not be listed (AccessDenied)'),
    evaluates: DATABASE_CHECKS,
    finds: [],
    unknown: DATABASE_CHECKS,
    verdict: 'unknown',
  },
  {
    name: 'an authority that ends in 100 days, and no log',
    cloud: known(
      cloudDatabase({ authority: known({ id: 'rds-ca-2019', validTill: inDays(100) }), logExports: ['upgrade'] }),
    ),
    evaluates: DATABASE_CHECKS,
    finds: [
      {
        check: 'certificate-authority-retiring',
        severity: 'medium',
        evidence: { authority: 'rds-ca-2019', daysLeft: 100 },
        remedy: /modify-db-instance/,
      },
      { check: 'log-export-off', severity: 'low' },
    ],
    verdict: 'findings',
  },
  {
    name: 'a parameter group with another minimum than the server',
    settings: { ssl_min_protocol_version: 'TLSv1.2' },
    cloud: known(
      cloudDatabase({ parameters: known({ ssl_min_protocol_version: { value: 'TLSv1.3', source: 'user' } }) }),
    ),
    evaluates: ['parameter-change-pending'],
    finds: [{ check: 'parameter-change-pending', severity: 'medium', evidence: { differs: /TLSv1.3.*TLSv1.2/ } }],
    verdict: 'findings',
  },
  {
    name: 'a pending change of something else',
    settings: { ssl_min_protocol_version: 'TLSv1.2' },
    cloud: known(
      cloudDatabase({
        parameterGroup: { name: 'orders', ofCluster: false, status: 'pending-reboot' },
        parameters: known({ ssl_min_protocol_version: { value: 'TLSv1.2', source: 'user' } }),
      }),
    ),
    evaluates: ['parameter-change-pending'],
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'not reached: force_ssl off in the parameter group of a public database, a change that waits',
    ...UNREACHABLE,
    cloud: known(
      cloudDatabase({
        publiclyAccessible: true,
        parameterGroup: { name: 'orders', ofCluster: false, status: 'pending-reboot' },
        parameters: OFF,
        certificateValidTill: known(inDays(10)),
      }),
    ),
    evaluates: ['plaintext-allowed', 'server-certificate-expiring', 'parameter-change-pending'],
    finds: [
      NOT_AUDITED,
      {
        check: 'plaintext-allowed',
        severity: 'high',
        evidence: { publiclyAccessible: true, accordingTo: 'the API of RDS' },
        remedy: /modify-db-parameter-group/,
      },
      { check: 'server-certificate-expiring', severity: 'high', evidence: { daysLeft: 10 } },
      { check: 'parameter-change-pending', severity: 'low' },
    ],
    unknown: ['plaintext-allowed', 'server-certificate-expiring', 'insufficient-privileges'],
    verdict: 'not-audited',
  },
  {
    name: 'not reached: that the parameter group requires TLS is no proof that the server does',
    ...UNREACHABLE,
    cloud: known(cloudDatabase()),
    evaluates: ['plaintext-allowed', 'server-certificate-expiring'],
    finds: [NOT_AUDITED],
    unknown: ['plaintext-allowed', 'server-certificate-expiring', 'insufficient-privileges'],
    verdict: 'not-audited',
  },
  {
    name: 'an express configuration behind its internet gateway',
    cloud: known(cloudDatabase({ platform: 'aurora', internetGateway: true, publiclyAccessible: true })),
    evaluates: ['tls-terminated-by-proxy'],
    finds: [{ check: 'tls-terminated-by-proxy', severity: 'medium', evidence: { internetAccessGateway: true } }],
    verdict: 'findings',
  },
  {
    name: 'a region where all is covered',
    cloud: known(cloudPlace({ proxies: known([{ name: 'pool', requireTls: true }]) })),
    evaluates: PLACE_CHECKS,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'a region with a database that no rule takes, and a proxy without TLS',
    cloud: known(
      cloudPlace({
        uncovered: known([{ name: 'legacy', why: 'it lacks the tag pg-tls-auditor=on' }]),
        proxies: known([{ name: 'pool', requireTls: false }]),
      }),
    ),
    evaluates: PLACE_CHECKS,
    finds: [
      { check: 'database-not-covered', severity: 'medium', evidence: { instance: 'legacy', why: /lacks the tag/ } },
      { check: 'proxy-tls-not-required', severity: 'medium', evidence: { proxy: 'pool' } },
    ],
    verdict: 'findings',
  },
  {
    name: 'a region that could not be listed',
    cloud: known(
      cloudPlace({
        failures: ['the databases of eu-west-1 could not be listed (Throttling)'],
        uncovered: unknown('the databases of eu-west-1 are not known'),
        proxies: unknown('the databases of eu-west-1 could not be listed (Throttling)'),
      }),
    ),
    evaluates: PLACE_CHECKS,
    finds: [{ check: 'discovery-failed', severity: 'high', evidence: { what: /Throttling/ } }],
    unknown: ['database-not-covered', 'proxy-tls-not-required'],
    verdict: 'unknown',
  },
  {
    name: 'a configuration outside of the bundle that runs follow',
    cloud: known(configuration()),
    evaluates: ['configuration-not-in-effect'],
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'a configuration outside of the bundle that can not be used for an hour',
    cloud: known(configuration({ problem: 'targets[0].port: must be …', lastReadAt: inDays(-0.54) })),
    evaluates: ['configuration-not-in-effect'],
    finds: [{ check: 'configuration-not-in-effect', severity: 'high', evidence: { what: /port/ } }],
    verdict: 'findings',
  },
  {
    name: 'a configuration outside of the bundle that can not be used for a week',
    cloud: known(configuration({ problem: 'it is gone', lastReadAt: inDays(-7) })),
    evaluates: ['configuration-not-in-effect'],
    finds: [{ check: 'configuration-not-in-effect', severity: 'critical', evidence: { what: 'it is gone' } }],
    verdict: 'findings',
  },
  {
    name: 'a configuration outside of the bundle with settings that need a deployment',
    cloud: known(configuration({ notInEffect: ['schedule'] })),
    evaluates: ['configuration-not-in-effect'],
    finds: [{ check: 'configuration-not-in-effect', severity: 'medium', evidence: { settings: 'schedule' } }],
    verdict: 'findings',
  },
];
