// Exports what CDK apps use: the constructs, the stacks, their props.

export { ConfigError, type ConfigProblem } from '../lambda/config/index.ts';
export { AuditorAlarms } from '../lib/alarms.ts';
export { PgTlsAuditor, type PgTlsAuditorProps } from '../lib/pg-tls-auditor.ts';
export { PgTlsAuditorStack, type PgTlsAuditorStackProps } from '../lib/pg-tls-auditor-stack.ts';
export { PgTlsAuditorSatellite, type PgTlsAuditorSatelliteProps } from '../lib/satellite.ts';
export { PgTlsAuditorSatelliteStack, type PgTlsAuditorSatelliteStackProps } from '../lib/satellite-stack.ts';
