// What the server's settings allow, whoever is connected.

import type { CheckId, Scenario } from './scenario.ts';

const EVALUATES = [
  'tls-disabled',
  'deprecated-tls-allowed',
  'weak-ciphers-allowed',
] as const satisfies readonly CheckId[];

export const SETTING_SCENARIOS: readonly Scenario[] = [
  {
    name: 'as installed, PostgreSQL 12',
    majors: { to: 12 },
    asInstalled: true,
    evaluates: EVALUATES,
    finds: [
      { check: 'deprecated-tls-allowed', severity: 'medium', evidence: { ssl_min_protocol_version: 'TLSv1' } },
      { check: 'weak-ciphers-allowed', severity: 'low' },
    ],
    verdict: 'findings',
  },
  {
    name: 'as installed, PostgreSQL 13 and newer',
    majors: { from: 13 },
    asInstalled: true,
    evaluates: EVALUATES,
    finds: [{ check: 'weak-ciphers-allowed', severity: 'low' }],
    verdict: 'findings',
  },
  {
    name: 'TLSv1 allowed',
    settings: { ssl_min_protocol_version: 'TLSv1' },
    evaluates: EVALUATES,
    finds: [{ check: 'deprecated-tls-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'TLSv1.1 allowed',
    settings: { ssl_min_protocol_version: 'TLSv1.1' },
    evaluates: EVALUATES,
    finds: [{ check: 'deprecated-tls-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'TLSv1.2 allowed where the policy wants TLSv1.3',
    settings: { ssl_min_protocol_version: 'TLSv1.2' },
    policy: { minTlsVersion: 'TLSv1.3' },
    evaluates: ['deprecated-tls-allowed'],
    finds: [{ check: 'deprecated-tls-allowed', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'TLSv1.3 only, and ciphers that nobody can use',
    settings: { ssl_min_protocol_version: 'TLSv1.3', ssl_ciphers: 'HIGH:MEDIUM:+3DES:!aNULL' },
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'the ciphers that PostgreSQL has by default',
    settings: { ssl_ciphers: 'HIGH:MEDIUM:+3DES:!aNULL' },
    evaluates: EVALUATES,
    finds: [{ check: 'weak-ciphers-allowed', severity: 'low' }],
    verdict: 'findings',
  },
  {
    name: 'one suite without forward secrecy among strong ones',
    settings: { ssl_ciphers: 'ECDHE-RSA-AES256-GCM-SHA384:AES128-GCM-SHA256' },
    evaluates: EVALUATES,
    finds: [{ check: 'weak-ciphers-allowed', severity: 'low' }],
    verdict: 'findings',
  },
  {
    name: 'one suite in CBC mode among strong ones',
    settings: { ssl_ciphers: 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-SHA' },
    evaluates: EVALUATES,
    finds: [{ check: 'weak-ciphers-allowed', severity: 'low' }],
    verdict: 'findings',
  },
  {
    name: 'the suites of the profile by name',
    settings: {
      ssl_ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305',
    },
    evaluates: EVALUATES,
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'settings that the login may not see',
    login: 'reader',
    evaluates: EVALUATES,
    finds: [],
    unknown: ['deprecated-tls-allowed', 'weak-ciphers-allowed'],
    verdict: 'unknown',
  },
  {
    name: 'no TLS at all',
    settings: { ssl: 'off' },
    evaluates: EVALUATES,
    finds: [{ check: 'target-not-audited', severity: 'high', evidence: { cause: 'tls-not-offered' } }],
    // Whether the server or something before it has no TLS, it is not known: tls-disabled leaves it to the failure.
    unknown: ['insufficient-privileges', 'deprecated-tls-allowed', 'weak-ciphers-allowed'],
    verdict: 'not-audited',
  },
  {
    name: 'no TLS at all behind a proxy that ends it',
    settings: { ssl: 'off' },
    hba: ['local all all trust', 'host all all 127.0.0.1/32 scram-sha-256'],
    via: 'tls-proxy',
    evaluates: [...EVALUATES, 'tls-terminated-by-proxy'],
    finds: [
      { check: 'tls-disabled', severity: 'critical' },
      { check: 'tls-terminated-by-proxy', severity: 'medium' },
    ],
    verdict: 'findings',
  },
];
