// Exports what CDK apps use: the constructs, the stacks, their props.

export { ConfigError, type ConfigProblem } from '../lambda/config/index.ts';
export type { AuditorAlarms } from '../lib/alarms.ts';
export type { AuditorConfig } from '../lib/auditor-config.generated.ts';
export type { ConfigProps } from '../lib/config-document.ts';
export { ConfigFileError } from '../lib/config-file.ts';
export type { Network } from '../lib/network.ts';
export { PgTlsAuditor, type PgTlsAuditorProps } from '../lib/pg-tls-auditor.ts';
export { PgTlsAuditorStack, type PgTlsAuditorStackProps } from '../lib/pg-tls-auditor-stack.ts';
export { PgTlsAuditorSatellite, type PgTlsAuditorSatelliteProps } from '../lib/satellite.ts';
export { PgTlsAuditorSatelliteStack, type PgTlsAuditorSatelliteStackProps } from '../lib/satellite-stack.ts';
export type { SecretReferences } from '../lib/secret-references.ts';
