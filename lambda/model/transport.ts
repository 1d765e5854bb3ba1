// Defines how a session travels.

/**
 * How a session travels.
 *
 * - `tls`, `gss`: encrypted by TLS or by GSSAPI, over whatever address
 * - `unix-socket`: never leaves the host
 * - `loopback`: unencrypted TCP within 127.0.0.0/8, ::1 or their IPv4-mapped forms
 * - `plaintext`: any other unencrypted TCP
 */
export const TRANSPORTS = ['tls', 'gss', 'unix-socket', 'loopback', 'plaintext'] as const;
export type Transport = (typeof TRANSPORTS)[number];
