// What a server's alert about the auditor's own certificate means (RFC 8446, section 6.2), by Node's code for it.

/** A sentence's end, to follow "<host> refuses the auditor's client certificate", and what to do. */
export interface AlertMeaning {
  readonly why: string;
  readonly remedy: string;
}

const RENEW = 'store a new certificate and key where "clientCertificate" of the target points';

const MEANINGS: readonly (readonly [code: RegExp, meaning: AlertMeaning])[] = [
  [/ALERT_CERTIFICATE_EXPIRED/, { why: 'it, or an issuer of it, has expired or is not valid yet', remedy: RENEW }],
  [
    /ALERT_CERTIFICATE_REVOKED/,
    { why: 'it is revoked, by the list in ssl_crl_file or ssl_crl_dir of the server', remedy: RENEW },
  ],
  [
    /ALERT_UNKNOWN_CA/,
    {
      why: 'its CA is not in ssl_ca_file of the server, or an intermediate is missing',
      remedy: 'store the whole chain with the certificate, or add its CA to ssl_ca_file, then SELECT pg_reload_conf();',
    },
  ],
  [
    /ALERT_UNSUPPORTED_CERTIFICATE/,
    {
      why: 'it is not for client authentication',
      remedy: 'have it issued with extendedKeyUsage = clientAuth, or without that extension',
    },
  ],
  [
    /ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE_UNKNOWN/,
    {
      why: 'without saying why',
      remedy: 'see the server log; a key under 2048 bits and a SHA-1 signature are refused by many servers',
    },
  ],
];

/** Undefined where the alert is none about a certificate that was shown. */
export function clientCertificateAlert(code: string): AlertMeaning | undefined {
  return MEANINGS.find(([pattern]) => pattern.test(code))?.[1];
}
