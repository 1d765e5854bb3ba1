// What pg_hba.conf lets in. The first rule that matches a connection decides.

import type { CheckId, Scenario } from './scenario.ts';

const EVALUATES = ['plaintext-allowed', 'weak-password-authentication'] as const satisfies readonly CheckId[];

/** The auditor itself, over TLS. */
const AUDITOR = 'hostssl orders tls_auditor,boss 127.0.0.1/32 scram-sha-256';
const LOCAL = 'local all all trust';
/** In words, because the view does not show whether a word of the line is quoted. */
const TO_SCRAM =
  /\nAt line 5 of .*, change the first word from host to hostssl and the method .* from trust to scram-sha-256, /;

export const RULE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'rules: host for everybody',
    hba: [LOCAL, 'host all all all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [
      {
        check: 'plaintext-allowed',
        severity: 'medium',
        evidence: { rule: 'host all all all scram-sha-256', at: /line 4\b|:4\b/ },
        remedy: /hostssl all all all scram-sha-256/,
      },
    ],
    verdict: 'findings',
  },
  {
    name: 'rules: host for 0.0.0.0/0 and ::/0',
    hba: [LOCAL, 'host all all 0.0.0.0/0 scram-sha-256', 'host all all ::/0 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [
      { check: 'plaintext-allowed', severity: 'medium', evidence: { rule: /0\.0\.0\.0/ } },
      { check: 'plaintext-allowed', severity: 'medium', evidence: { rule: /::/ } },
    ],
    verdict: 'findings',
  },
  {
    name: 'rules: host for loopback only',
    hba: [LOCAL, 'host all all 127.0.0.1/32 scram-sha-256', 'host all all ::1/128 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: host for loopback only, where loopback is a network',
    hba: [LOCAL, 'host all all 127.0.0.1/32 scram-sha-256'],
    policy: { loopback: 'network' },
    evaluates: ['plaintext-allowed'],
    finds: [{ check: 'plaintext-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: hostnossl for one network',
    hba: [LOCAL, AUDITOR, 'hostnossl all all 10.0.0.0/8 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [
      {
        check: 'plaintext-allowed',
        severity: 'medium',
        evidence: { rule: /^hostnossl / },
        remedy: /^At line 5 of .*, change the method .* from scram-sha-256 to reject, and leave the rest as it is\.\n/,
      },
    ],
    verdict: 'findings',
  },
  {
    name: 'rules: plaintext rejected before host lets it in',
    login: 'boss',
    hba: [LOCAL, 'hostnossl all all all reject', 'host all all all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: plaintext rejected, as far as the view shows',
    hba: [LOCAL, 'hostnossl all all all reject', 'host all all all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium', evidence: { doubt: /^line 4 may reject it before/ } }],
    verdict: 'findings',
  },
  ...['"all" all all', 'all "all" all', 'all all "all"'].flatMap((names): readonly Scenario[] =>
    (['boss', 'tls_auditor'] as const).map((login) => ({
      name: `rules: plaintext rejected for ${names}, which are names, to ${login}`,
      login,
      hba: [LOCAL, `hostnossl ${names} reject`, 'host all all all scram-sha-256'],
      evaluates: EVALUATES,
      finds: [{ check: 'plaintext-allowed', severity: 'medium', evidence: { rule: 'host all all all scram-sha-256' } }],
      verdict: 'findings',
    })),
  ),
  {
    name: 'rules: plaintext rejected after host has let it in',
    hba: [LOCAL, 'host all all all scram-sha-256', 'hostnossl all all all reject'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium', evidence: { rule: 'host all all all scram-sha-256' } }],
    verdict: 'findings',
  },
  {
    name: 'rules: plaintext rejected for half of the addresses',
    hba: [LOCAL, AUDITOR, 'hostnossl all all 10.0.0.0/9 reject', 'host all all 10.0.0.0/8 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium', evidence: { rule: /^host all all 10\.0\.0\.0/ } }],
    verdict: 'findings',
  },
  {
    name: 'rules: plaintext rejected for both halves of the addresses',
    hba: [
      LOCAL,
      AUDITOR,
      'hostnossl all all 10.0.0.0/9 reject',
      'hostnossl all all 10.128.0.0/9 reject',
      'host all all 10.0.0.0/8 scram-sha-256',
    ],
    login: 'boss',
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: plaintext rejected for other roles only',
    hba: [LOCAL, 'hostnossl all billing,boss,postgres all reject', 'host all all all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: host for a role that does not exist',
    hba: [LOCAL, AUDITOR, 'host all nobody_of_that_name all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: host for a database that does not exist',
    hba: [LOCAL, AUDITOR, 'host nothing_of_that_name all all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: host for members of a group',
    hba: [LOCAL, AUDITOR, 'host orders +pg_monitor all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: host for replication only',
    hba: [LOCAL, AUDITOR, 'host replication standby 10.0.0.0/8 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium', evidence: { rule: /replication/ } }],
    verdict: 'findings',
  },
  {
    name: 'rules: trust for the network in plaintext',
    hba: [LOCAL, AUDITOR, 'host all app 10.0.0.0/8 trust'],
    evaluates: EVALUATES,
    finds: [
      {
        check: 'plaintext-allowed',
        severity: 'critical',
        remedy: TO_SCRAM,
      },
      {
        check: 'weak-password-authentication',
        severity: 'critical',
        remedy: TO_SCRAM,
      },
    ],
    verdict: 'findings',
  },
  {
    name: 'rules: trust for the network over TLS',
    hba: [LOCAL, AUDITOR, 'hostssl all app 10.0.0.0/8 trust'],
    evaluates: EVALUATES,
    finds: [{ check: 'weak-password-authentication', severity: 'critical' }],
    verdict: 'findings',
  },
  {
    name: 'rules: trust for loopback and the Unix socket',
    hba: [LOCAL, 'host all app 127.0.0.1/32 trust', AUDITOR],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: md5 over TLS',
    hba: [LOCAL, AUDITOR, 'hostssl all app all md5'],
    evaluates: EVALUATES,
    finds: [{ check: 'weak-password-authentication', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: passwords in clear, over TLS',
    hba: [LOCAL, AUDITOR, 'hostssl all app all password'],
    evaluates: EVALUATES,
    finds: [{ check: 'weak-password-authentication', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: passwords in clear, in plaintext',
    hba: [LOCAL, AUDITOR, 'host all app all password'],
    evaluates: EVALUATES,
    finds: [
      { check: 'plaintext-allowed', severity: 'medium' },
      { check: 'weak-password-authentication', severity: 'medium' },
    ],
    verdict: 'findings',
  },
  {
    name: 'rules: any certificate of the CA for any role',
    hba: [LOCAL, AUDITOR, 'hostssl all app all trust clientcert=verify-ca'],
    evaluates: EVALUATES,
    finds: [{ check: 'weak-password-authentication', severity: 'high' }],
    verdict: 'findings',
  },
  {
    name: 'rules: an address with a mask',
    hba: [LOCAL, AUDITOR, 'host all app 10.0.0.0 255.0.0.0 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: hosts of a domain',
    hba: [LOCAL, AUDITOR, 'host all app .example.com scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: "rules: the server's own addresses",
    hba: [LOCAL, AUDITOR, 'host all app samehost scram-sha-256'],
    evaluates: EVALUATES,
    // The view does not show whether it is a host that is called so.
    finds: [{ check: 'plaintext-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: host for a role that may not log in',
    hba: [LOCAL, AUDITOR, 'host all pg_monitor all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: host for the database of the same name, which no role has',
    hba: [LOCAL, AUDITOR, 'host sameuser app,billing all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: unreadable, and a made-up rds.force_ssl',
    login: 'monitor',
    hba: [LOCAL, 'host all all all scram-sha-256'],
    sql: {
      before: ['ALTER DATABASE orders SET "rds.force_ssl" = 1'],
      after: ['ALTER DATABASE orders RESET "rds.force_ssl"'],
    },
    evaluates: EVALUATES,
    finds: [],
    unknown: ['plaintext-allowed', 'weak-password-authentication'],
    verdict: 'unknown',
  },
  {
    name: 'rules: md5 that an earlier rule never lets come to it',
    hba: [LOCAL, 'hostssl all all all scram-sha-256', 'hostssl all app all md5'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: new passwords are stored as md5',
    settings: { password_encryption: 'md5' },
    evaluates: EVALUATES,
    finds: [{ check: 'weak-password-authentication', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: client certificates instead of passwords',
    hba: [LOCAL, AUDITOR, 'hostssl all app all cert'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: a regular expression lets a role in',
    majors: { from: 16 },
    hba: [LOCAL, AUDITOR, 'host all /^bill all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [{ check: 'plaintext-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'rules: a regular expression that matches nobody',
    majors: { from: 16 },
    hba: [LOCAL, AUDITOR, 'host all /^nobody_of_that_name all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: no regular expressions before 16, so it is a name',
    majors: { to: 15 },
    hba: [LOCAL, AUDITOR, 'host all /^bill all scram-sha-256'],
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'rules: a line that keeps the file from being loaded',
    // The server goes on with the rules of the row before, whichever those were; all of them let the auditor in.
    hba: [LOCAL, 'hostssl all all all scram-sha-256', 'hostssl all all all no-such-method'],
    evaluates: EVALUATES,
    finds: [],
    unknown: ['plaintext-allowed', 'weak-password-authentication'],
    verdict: 'unknown',
  },
  {
    name: 'rules: those may not be read',
    login: 'monitor',
    hba: [LOCAL, 'host all all all trust'],
    evaluates: EVALUATES,
    finds: [],
    unknown: ['plaintext-allowed', 'weak-password-authentication'],
    verdict: 'unknown',
  },
];
