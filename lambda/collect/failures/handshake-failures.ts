// Converts a failed TLS handshake to an audit failure: a cause, a sentence and a remedy.

import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure, type Phase } from '../../model/failure.ts';
import { byCode, networkFailure } from './network-failures.ts';
import { type Refusal, remediesOf } from './refusal.ts';
import { codeOf, fieldsOf } from './system-error.ts';

/** A handshake that OpenSSL or the server broke off, for a reason other than the server's certificate. */
export function handshakeFailure(error: unknown, endpoint: Endpoint, phase: Phase = 'tls'): AuditFailure {
  const code = codeOf(error) ?? '';
  const { message: raw } = fieldsOf(error);
  const said = typeof raw === 'string' ? raw : '';
  const refusal = brokenHandshake(code, said, endpoint, phase);
  if (refusal === undefined) return networkFailure(error, endpoint, phase);
  const { cause, message, advice, transient = false } = refusal;
  return new AuditFailure(
    { cause, phase, message: `${message} (${displayText(code === '' ? 'ECONNRESET' : code)})`, ...remediesOf(advice) },
    { cause: error, transient },
  );
}

/** Undefined where it is trouble of the network alone. */
function brokenHandshake(code: string, said: string, endpoint: Endpoint, phase: Phase): Refusal | undefined {
  const place = hostPort(endpoint);
  // Before the handshake is up Node reports some of OpenSSL's errors as EPROTO, and names them in the message only.
  const has = (codes: RegExp, words?: RegExp): boolean => codes.test(code) || (words?.test(said) ?? false);
  if (has(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW/, /unsupported protocol|protocol version/)) {
    return {
      cause: 'tls-version-too-old',
      message: `${place} offers no TLS version from 1.2 on`,
      advice: `upgrade the server's OpenSSL, then
ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2';
ALTER SYSTEM RESET ssl_max_protocol_version;
SELECT pg_reload_conf();`,
    };
  }
  const alert = CERTIFICATE_ALERTS.find(({ codes, words }) => has(codes, words));
  if (alert !== undefined) {
    return {
      cause: 'client-certificate-required',
      message: `${place} ${alert.message}`,
      advice: {
        configured: `set "clientCertificate" of the target to ${alert.advice}`,
        url: `give with --client-certificate and --client-key ${alert.advice}`,
      },
    };
  }
  if (has(/DH_KEY_TOO_SMALL/, /dh key too small/)) {
    return {
      cause: 'tls-handshake-failed',
      message: `${place} exchanges keys with Diffie-Hellman parameters of less than 2,048 bits, which the auditor refuses`,
      advice: `take ssl_dh_params_file out of postgresql.conf, so that PostgreSQL uses its own parameters, then
ALTER SYSTEM RESET ssl_dh_params_file;
SELECT pg_reload_conf();`,
    };
  }
  if (has(/NO_APPLICATION_PROTOCOL/, /no application protocol/)) {
    return {
      cause: 'not-postgresql',
      message: `${place} speaks TLS, and does not know the protocol "postgresql"`,
      advice: `check host and port; ${NEEDS_17}`,
    };
  }
  if (has(/UNRECOGNIZED_NAME/, /unrecognized name/)) {
    return {
      cause: 'tls-handshake-failed',
      message: `${place} knows no server of the name ${displayText(endpoint.verifiedName, 255)}`,
      advice: 'set "tlsServerName" of the target to the name by which the proxy there knows the server',
    };
  }
  const isDirect = endpoint.sslNegotiation === 'direct' && phase === 'tls';
  if (has(/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL/)) {
    return {
      cause: isDirect ? 'direct-tls-refused' : 'tls-handshake-failed',
      message: `${place} answered with something that is not TLS`,
      advice: `check host and port${isDirect ? `; ${NEEDS_17}` : ', and what proxy stands in between'}`,
    };
  }
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    return {
      cause: 'tls-handshake-failed',
      message: `The TLS handshake with ${place} failed`,
      advice: isDirect
        ? NEEDS_17
        : 'compare ssl_ciphers, ssl_tls13_ciphers and ssl_groups of the server with what the auditor offers',
    };
  }
  if (!isDirect || byCode(code, endpoint, phase).cause !== 'connection-reset' || code === 'ETIMEDOUT') return undefined;
  // What an older server does, to which a ClientHello is an invalid startup packet.
  return {
    cause: 'direct-tls-refused',
    message: `${place} closed the connection when direct TLS began`,
    advice: `${NEEDS_17}; otherwise see the server log at that time`,
    transient: true,
  };
}

const NEEDS_17 = '"sslNegotiation": "direct" needs PostgreSQL 17 or newer: leave it out for an older server';

/** Alerts by which a server refuses our certificate, or asks for one (RFC 8446, section 6.2). */
const CERTIFICATE_ALERTS = [
  {
    codes: /ALERT_CERTIFICATE_EXPIRED/,
    words: /alert certificate expired/,
    message: "says that the auditor's client certificate, or an issuer of it, has expired or is not valid yet",
    advice: 'a renewed certificate',
  },
  {
    codes: /ALERT_CERTIFICATE_REVOKED/,
    words: /alert certificate revoked/,
    message: "says that the auditor's client certificate is revoked",
    advice: "a new certificate: the old one is on the list in the server's ssl_crl_file",
  },
  {
    codes: /ALERT_UNKNOWN_CA/,
    words: /alert unknown ca/,
    message: "does not know the CA of the auditor's client certificate",
    advice:
      "a certificate that a CA in the server's ssl_ca_file has signed, with the intermediate certificates after it",
  },
  {
    codes: /ALERT_CERTIFICATE_REQUIRED/,
    words: /alert certificate required/,
    message: 'wants a client certificate',
    advice: "a certificate that a CA in the server's ssl_ca_file has signed",
  },
  {
    codes: /ALERT_UNSUPPORTED_CERTIFICATE/,
    words: /alert unsupported certificate/,
    message: "says that the auditor's client certificate is not for client authentication",
    advice: 'a certificate that is issued with extendedKeyUsage = clientAuth, or without that extension',
  },
  {
    codes: /ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE_UNKNOWN/,
    words: /alert bad certificate|alert certificate unknown/,
    message: "did not accept the auditor's client certificate, or wants one",
    advice:
      "a certificate for client authentication that a CA in the server's ssl_ca_file has signed; the server log says what is wrong with the present one (often a key under 2048 bits, or a SHA-1 signature)",
  },
] as const;
