// What a server accepts on the wire, seen by the probe, and how that is held against its configuration.

import { type CheckId, LEGACY, type Scenario } from './scenario.ts';

const EVALUATES = [
  'plaintext-accepted',
  'deprecated-tls-accepted',
  'key-exchange-not-post-quantum',
  'plaintext-allowed',
  'deprecated-tls-allowed',
] as const satisfies readonly CheckId[];

/** The servers of the lab are older than post-quantum key exchange. */
const CLASSICAL = { check: 'key-exchange-not-post-quantum', severity: 'info' } as const;

export const WIRE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'wire: plaintext and old TLS are refused',
    probe: true,
    evaluates: EVALUATES,
    finds: [{ ...CLASSICAL, evidence: { chosen: /^(x25519|secp256r1)$/ } }],
    verdict: 'findings',
  },
  {
    name: 'wire: the same without the probe is not looked at',
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'wire: plaintext over loopback',
    probe: true,
    hba: ['local all all trust', 'host all tls_auditor 127.0.0.1/32 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [
      CLASSICAL,
      {
        check: 'plaintext-accepted',
        severity: 'info',
        role: 'tls_auditor',
        database: 'orders',
        evidence: {
          rule: 'host all tls_auditor 127.0.0.1/32 scram-sha-256',
          at: /^line 4 of .*pg_hba\.conf$/,
          from: '127.0.0.1',
        },
        remedy: /Replace line 4 of .*\nhostssl all tls_auditor 127\.0\.0\.1\/32 scram-sha-256\n/,
      },
    ],
    verdict: 'findings',
  },
  {
    name: 'wire: plaintext over loopback that is ignored',
    probe: true,
    hba: ['local all all trust', 'host all tls_auditor 127.0.0.1/32 scram-sha-256'],
    policy: { loopback: 'ignore' },
    evaluates: EVALUATES,
    finds: [CLASSICAL],
    verdict: 'findings',
  },
  {
    name: 'wire: plaintext over loopback that is a network',
    probe: true,
    hba: ['local all all trust', 'host all tls_auditor 127.0.0.1/32 scram-sha-256'],
    policy: { loopback: 'network' },
    evaluates: EVALUATES,
    finds: [
      CLASSICAL,
      { check: 'plaintext-accepted', severity: 'medium' },
      { check: 'plaintext-allowed', severity: 'medium' },
    ],
    verdict: 'findings',
  },
  {
    name: 'wire: plaintext without a password',
    probe: true,
    hba: ['local all all trust', 'hostssl all all all scram-sha-256', 'hostnossl all tls_auditor 127.0.0.1/32 trust'],
    policy: { loopback: 'network' },
    evaluates: EVALUATES,
    finds: [
      CLASSICAL,
      {
        check: 'plaintext-accepted',
        severity: 'critical',
        evidence: { answer: 'lets the role in without a password' },
        remedy: /^Replace line 5 of .*\nhostnossl all tls_auditor 127\.0\.0\.1\/32 reject\n(?!.*hostssl all)/s,
      },
      { check: 'plaintext-allowed', severity: 'critical' },
    ],
    verdict: 'findings',
  },
  {
    name: 'wire: plaintext for other roles only',
    probe: true,
    hba: ['local all all trust', 'hostssl all all all scram-sha-256', 'host all app 127.0.0.1/32 scram-sha-256'],
    evaluates: EVALUATES,
    finds: [CLASSICAL],
    verdict: 'findings',
  },
  {
    name: 'wire: TLSv1 and TLSv1.1 are accepted',
    probe: true,
    settings: LEGACY,
    evaluates: EVALUATES,
    finds: [
      CLASSICAL,
      { check: 'deprecated-tls-allowed', severity: 'medium' },
      { check: 'deprecated-tls-accepted', severity: 'medium', evidence: { accepted: /^TLSv1,TLSv1\.1$/ } },
    ],
    verdict: 'findings',
  },
  {
    name: 'wire: TLSv1 is allowed, and refused for want of a cipher',
    probe: true,
    settings: { ssl_min_protocol_version: 'TLSv1' },
    evaluates: EVALUATES,
    finds: [
      CLASSICAL,
      {
        check: 'deprecated-tls-allowed',
        severity: 'medium',
        evidence: { onTheWire: /refuses TLSv1 and TLSv1\.1 all the same/ },
      },
    ],
    verdict: 'findings',
  },
  {
    name: 'wire: TLSv1.2 is accepted where the policy wants TLSv1.3',
    probe: true,
    policy: { minTlsVersion: 'TLSv1.3' },
    evaluates: EVALUATES,
    finds: [
      CLASSICAL,
      { check: 'deprecated-tls-allowed', severity: 'medium' },
      { check: 'deprecated-tls-accepted', severity: 'medium', evidence: { accepted: /^TLSv1\.2$/ } },
    ],
    verdict: 'findings',
  },
  {
    name: 'wire: a proxy with post-quantum key exchange that does not speak plaintext',
    probe: true,
    via: 'tls-proxy',
    hba: ['local all all trust', 'hostnossl all all 127.0.0.1/32 scram-sha-256', 'hostssl all all all scram-sha-256'],
    evaluates: ['plaintext-accepted', 'deprecated-tls-accepted', 'key-exchange-not-post-quantum'],
    finds: [],
    unknown: ['plaintext-accepted'],
    verdict: 'unknown',
  },
];
