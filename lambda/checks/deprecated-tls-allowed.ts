// Finds servers whose settings allow TLS versions below the policy's minimum.

import { displayText } from '../model/display.ts';
import type { Outcome, Problem } from '../model/finding.ts';
import { majorOf } from '../model/postgres-version.ts';
import type { PlatformRemedy } from '../model/remedy.ts';
import { CRYPTOGRAPHY, IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { isOlderThan, type TlsVersion } from '../model/tls.ts';
import type { ServerCheck } from './check.ts';
import { evaluateClientProtocols } from './pgbouncer/deprecated-tls-allowed.ts';
import { ofSettings } from './pgbouncer/settings.ts';
import { withTlsAnswers } from './probe/on-the-wire.ts';
import { settingRemedy } from './remedies/remedy-commands.ts';
import { readSetting } from './shared/setting.ts';

/** The first version with `ssl_min_protocol_version`. */
const SETTING_SINCE = 12;

/** What PostgreSQL 10 and 11 never go below. */
const OLDEST_WITHOUT_SETTING = 'TLSv1';

export const deprecatedTlsAllowed: ServerCheck = {
  id: 'deprecated-tls-allowed',
  title: 'Server accepts deprecated TLS versions',
  subject: 'server',
  severity: 'medium',
  rationale:
    'TLS 1.0 and 1.1 rest on MD5 and SHA-1 and were withdrawn in 2021 (RFC 8996). While the server accepts them, an old client can use them at any time, unnoticed.',
  remedy: withSetting('TLSv1.2'),
  requirements: [...IN_TRANSIT, ...CRYPTOGRAPHY],
  pgbouncer: ofSettings(evaluateClientProtocols),
  references: [
    'https://www.rfc-editor.org/rfc/rfc8996',
    'https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-SSL-MIN-PROTOCOL-VERSION',
  ],
  evaluate: (snapshot, { minTlsVersion }) =>
    withTlsAnswers(snapshot, evaluateMinimum(snapshot, minTlsVersion), minTlsVersion),
};

function evaluateMinimum(snapshot: Snapshot, minTlsVersion: TlsVersion): Outcome {
  const { settings } = snapshot;
  if (settings.known && settings.value.values.ssl === 'off') {
    return { status: 'not-applicable', reason: 'ssl is off; reported by tls-disabled' };
  }
  const major = majorOf(snapshot);
  // That there is nothing by which to refuse them is a fact about the server, not one that could not be seen.
  if (settings.known && major !== undefined && major < SETTING_SINCE) {
    if (!isOlderThan(OLDEST_WITHOUT_SETTING, minTlsVersion)) return { status: 'pass' };
    return { status: 'fail', problems: [withoutSetting(minTlsVersion)] };
  }
  const minimum = readSetting(snapshot, 'ssl_min_protocol_version');
  if (!minimum.known) return { status: 'unknown', reason: minimum.reason };
  if (!isOlderThan(minimum.value, minTlsVersion)) return { status: 'pass' };
  return {
    status: 'fail',
    problems: [
      {
        severity: 'medium',
        title: `Server accepts TLS versions below ${minTlsVersion}`,
        evidence: {
          ssl_min_protocol_version: minimum.value === '' ? 'empty: any version' : displayText(minimum.value),
          shouldBe: `${minTlsVersion} or newer`,
        },
        remedy: withSetting(minTlsVersion),
      },
    ],
  };
}

function withoutSetting(minTlsVersion: TlsVersion): Problem {
  return {
    severity: 'medium',
    title: `Nothing on the server refuses TLS versions below ${minTlsVersion}`,
    evidence: {
      ssl_min_protocol_version:
        "not set: PostgreSQL 10 and 11 have no such setting, and accept what OpenSSL's own configuration lets through, from TLSv1",
      shouldBe: `${minTlsVersion} or newer`,
    },
    remedy: {
      everywhere:
        'Upgrade to a supported PostgreSQL: 12 and newer have ssl_min_protocol_version, from 13 by default TLSv1.2.',
      selfManaged: `Until then: MinProtocol = ${minTlsVersion} in the openssl.cnf that the server uses, if its OpenSSL is 1.1.0 or newer, and a restart.`,
      rds: `The service upgrades in place; try it on a copy first.
RDS: aws rds modify-db-instance --db-instance-identifier <instance> --engine-version <version> --allow-major-version-upgrade
Aurora: aws rds modify-db-cluster --db-cluster-identifier <cluster> --engine-version <version> --allow-major-version-upgrade`,
      neon: 'No project of Neon is that old: make one of a present version, and move the data there.',
      cloudSql: `The service upgrades in place; try it on a copy first.
gcloud sql instances patch <instance> --database-version=POSTGRES_<major>`,
      azure: `The service upgrades in place; try it on a copy first.
az postgres flexible-server upgrade --resource-group <group> --name <server> --version <major>`,
    },
  };
}

function withSetting(minTlsVersion: TlsVersion): PlatformRemedy {
  const byPlatform = settingRemedy('ssl_min_protocol_version', minTlsVersion);
  return {
    everywhere: 'See that no session is left below it (deprecated-tls-session), then:',
    ...byPlatform,
    selfManaged: `${byPlatform.selfManaged}
PostgreSQL 10 and 11 have no such setting and no more security fixes: upgrade.`,
  };
}
