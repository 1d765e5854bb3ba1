// Writes the commands that change a server's setting on each platform.

import type { Platform, PlatformRemedy } from '../../model/remedy.ts';
import { isOlderThan, TLS_VERSIONS, type TlsVersion } from '../../model/tls.ts';

/** Read again without a restart: settings, pg_hba.conf and certificate files. */
export const RELOAD = 'SELECT pg_reload_conf();';

/**
 * How clients trust public CAs: the value `system` of libpq is younger than many clients, and not every driver has it.
 */
export const SYSTEM_ROOTS =
  "sslrootcert=system (libpq 16 and newer; before, the operating system's CA file; JDBC has no such value: sslfactory=org.postgresql.ssl.DefaultJavaSSLFactory)";

/**
 * How a server of one's own refuses plaintext. Only words are changed that let it in: a line made up here would let in
 * what the rules keep out, or keep out what they let in.
 */
export const REQUIRE_TLS_IN_HBA = `In pg_hba.conf, in each rule for network addresses: change the first word from host to hostssl, and leave the rest of the line as it is; in rules that begin with hostnossl, change the method to reject.
Then ${RELOAD}`;

/**
 * In psql, as a superuser: one statement a line, because ALTER SYSTEM fails beside another in one string of psql -c.
 */
export function alterSystem(setting: string, value: string, ...reset: readonly string[]): string {
  return [
    `ALTER SYSTEM SET ${setting} = '${value}';`,
    ...reset.map((name) => `ALTER SYSTEM RESET ${name};`),
    RELOAD,
  ].join('\n');
}

/** @param value without a comma: the AWS CLI's short form would take it for the next field */
export function rdsParameter(parameter: string, value: string): string {
  return `Set ${parameter} = ${value} in the parameter group, which must not be a default one; no restart is needed.
${rdsCommands(parameter, value)}`;
}

/** For RDS and for Aurora, whose settings are the cluster's. */
export function rdsCommands(parameter: string, value: string): string {
  const parameters = `--parameters "ParameterName=${parameter},ParameterValue=${value},ApplyMethod=immediate"`;
  return `RDS: aws rds modify-db-parameter-group --db-parameter-group-name <group> ${parameters}
Aurora: aws rds modify-db-cluster-parameter-group --db-cluster-parameter-group-name <group> ${parameters}`;
}

export function cloudSqlFlag(flag: string, value: string): string {
  return `Set the flag ${flag} = ${value}, where gcloud sql flags list --database-version=POSTGRES_<major> has it.
gcloud sql instances patch <instance> --database-flags=${flag}=${value}
It takes away every flag that is not named there: name those that are set already too.`;
}

export function azureParameter(parameter: string, value: string): string {
  return `Set the server parameter ${parameter} = ${value}.
az postgres flexible-server parameter set --resource-group <group> --server-name <server> --name ${parameter} --value ${value}`;
}

/** Neon's proxy ends the clients' TLS: what it speaks is no setting of a project. */
export const NEON_PROXY =
  "Nothing to set: Neon's own proxy decides which TLS versions and ciphers it accepts; where it accepts too much, ask Neon's support.";

/** The same setting by the same name, where the platform lets it be changed. */
export function settingRemedy(setting: string, value: string): Readonly<Record<Platform, string>> {
  return {
    selfManaged: alterSystem(setting, value),
    rds: rdsParameter(setting, value),
    neon: NEON_PROXY,
    cloudSql: cloudSqlFlag(setting, value),
    azure: azureParameter(setting, value),
  };
}

/** How plaintext is refused on the managed services; a server of one's own has pg_hba.conf for it. */
export const REFUSE_PLAINTEXT: Omit<PlatformRemedy, 'selfManaged' | 'everywhere'> = {
  rds: rdsParameter('rds.force_ssl', '1'),
  neon: 'Nothing to set: Neon accepts no connection without TLS.',
  cloudSql: `Accept encrypted connections only; it holds for new ones, so restart or end the old.
gcloud sql instances patch <instance> --ssl-mode=ENCRYPTED_ONLY`,
  azure: azureParameter('require_secure_transport', 'on'),
};

/** Of one instance; those of an Aurora cluster are changed one by one. */
export function changeRdsCa(authority: string): string {
  return `aws rds modify-db-instance --db-instance-identifier <instance> --ca-certificate-identifier ${authority} --apply-immediately`;
}

/** For what the API of RDS alone says: discovery lists no databases of other services. */
export function onlyOnRds(rds: string): PlatformRemedy {
  const elsewhere = 'Nothing to do: no such finding is made about a server that runs elsewhere.';
  return { selfManaged: elsewhere, rds, neon: elsewhere, cloudSql: elsewhere, azure: elsewhere };
}

/** How changes that wait for a restart come into effect. */
export const REBOOT_RDS = `Reboot the instance at a time when its clients may lose their connections; then the values are in effect.
aws rds reboot-db-instance --db-instance-identifier <instance>`;

/** A new CA beside the old one, and the move to it when clients have it. */
export const CLOUD_SQL_ROTATION = `Make the instance's next CA, give it to every client, then move the instance to it.
gcloud sql ssl server-ca-certs create --instance=<instance>
gcloud sql ssl server-ca-certs list --instance=<instance> --format="value(cert)" > server-ca.pem
gcloud sql ssl server-ca-certs rotate --instance=<instance>`;

/** Certificates that no customer can replace. */
export function issuedBy(provider: string): string {
  return `Nothing to do on the server: ${provider} issues and renews its certificates; where one is wrong or late, ask its support.`;
}

/** The certificate that a PgBouncer shows its clients. */
export const PGBOUNCER_CERTIFICATE =
  "Issue a new certificate with the same names, put it in the place of PgBouncer's client_tls_cert_file and client_tls_key_file, then RELOAD; in its console (before 1.16: restart it). New connections use it, open ones go on.";

/** In the configuration of a PgBouncer, which is read again without a restart. */
export function pgbouncerSettings(...settings: readonly string[]): string {
  return `In pgbouncer.ini: ${settings.join(', ')}; then RELOAD; in its console (changed TLS settings hold for new connections).`;
}

/** The versions that either side of a PgBouncer may speak. */
export function pgbouncerProtocols(minimum: TlsVersion): string {
  const versions = TLS_VERSIONS.filter((version) => !isOlderThan(version, minimum))
    .map((version) => (version === 'TLSv1' ? 'tlsv1.0' : version.toLowerCase()))
    .join(',');
  return pgbouncerSettings(`client_tls_protocols = ${versions}`, `server_tls_protocols = ${versions}`);
}
