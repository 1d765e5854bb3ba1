// Builds the remedy that limits a server to the suites of a cipher profile, which resolves the finding.

import { cipherProfile } from '../../model/cipher-profile.ts';
import type { CipherProfileName } from '../../model/policy.ts';
import type { Platform } from '../../model/remedy.ts';
import {
  alterSystem,
  azureParameter,
  NEON_PROXY,
  pgbouncerProtocols,
  pgbouncerSettings,
  settingRemedy,
} from './remedy-commands.ts';

/** For each platform; where a profile has no suite of TLSv1.2, or the platform no setting for suites, TLSv1.3 alone. */
export function cipherRemedy(profile: CipherProfileName): Readonly<Record<Platform, string>> {
  const { sslCiphers } = cipherProfile(profile);
  const tls13Only = settingRemedy('ssl_min_protocol_version', 'TLSv1.3');
  if (sslCiphers === undefined) return tls13Only;
  return {
    selfManaged: alterSystem('ssl_ciphers', sslCiphers),
    rds: RDS_CIPHERS,
    neon: NEON_PROXY,
    cloudSql: `No flag sets the suites; once no client needs TLSv1.2, allow TLSv1.3 only. ${tls13Only.cloudSql}`,
    azure: `No parameter sets the suites; once no client needs TLSv1.2, allow TLSv1.3 only. ${azureParameter('ssl_min_protocol_version', 'TLSv1.3')}`,
  };
}

/** For both sides of a PgBouncer. */
export function pgbouncerCiphers(profile: CipherProfileName): string {
  const { sslCiphers } = cipherProfile(profile);
  if (sslCiphers === undefined) return pgbouncerProtocols('TLSv1.3');
  return pgbouncerSettings(`client_tls_ciphers = ${sslCiphers}`, `server_tls_ciphers = ${sslCiphers}`);
}

/** AWS has names of its own for the suites, and says which a version can have. Quotes keep commas together. */
const RDS_CIPHERS = `Set ssl_ciphers in the parameter group to suites with ECDHE and GCM, by the names that AWS allows; it takes effect at the latest after a restart.
RDS: aws rds describe-db-parameters --db-parameter-group-name <group> --query "Parameters[?ParameterName=='ssl_ciphers'].[AllowedValues,IsModifiable]"
aws rds modify-db-parameter-group --db-parameter-group-name <group> --parameters "ParameterName=ssl_ciphers,ParameterValue='<names>',ApplyMethod=pending-reboot"
Aurora: aws rds describe-db-cluster-parameters --db-cluster-parameter-group-name <group> --query "Parameters[?ParameterName=='ssl_ciphers'].[AllowedValues,IsModifiable]"
aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name <group> --parameters "ParameterName=ssl_ciphers,ParameterValue='<names>',ApplyMethod=pending-reboot"`;
