// Makes certificates that are the same in every run, so that a seed gives the same inputs. Keeps no key.

import { createPrivateKey } from 'node:crypto';

/** Of an authority with an EC key. */
export const EC_ROOT = `-----BEGIN CERTIFICATE-----
MIIBjDCCATOgAwIBAgIQU51F1/lAXOS6PEBppto7PjAKBggqhkjOPQQDAjAWMRQw
EgYDVQQDDAtGdXp6ZWQgUm9vdDAeFw0yNjExMjgwMzE3NTlaFw0yNzAyMjYwNDE3
NTlaMBYxFDASBgNVBAMMC0Z1enplZCBSb290MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEsA5IVRqI/L0LnK/YrQMt8fATzt8wU2YgYZL33RUUXp/sofWMDy9iuw+G
UeRG8h4ri06hG0LXdX09llXggcuNO6NjMGEwDwYDVR0TAQH/BAUwAwEB/zAOBgNV
HQ8BAf8EBAMCAQYwHQYDVR0OBBYEFEefkWY0EYEfzE3X0pmr8GPczZx6MB8GA1Ud
IwQYMBaAFEefkWY0EYEfzE3X0pmr8GPczZx6MAoGCCqGSM49BAMCA0cAMEQCICY5
5Wm23FMt4IrH1YENaAl3HtffOgj+sUfJqOib7jRzAiB8LB32qYuj72yktLb2bVmy
2JaLzoRvnK9iuoJ3BBWAWA==
-----END CERTIFICATE-----
`;

/** Of an authority with an RSA key. */
export const RSA_ROOT = `-----BEGIN CERTIFICATE-----
MIIDITCCAgmgAwIBAgIQfIql+TW0V/PzqdUZaKlo8zANBgkqhkiG9w0BAQsFADAa
MRgwFgYDVQQDDA9GdXp6ZWQgUlNBIFJvb3QwHhcNMjYxMTI4MDMxODAwWhcNMjcw
MjI2MDQxODAwWjAaMRgwFgYDVQQDDA9GdXp6ZWQgUlNBIFJvb3QwggEiMA0GCSqG
SIb3DQEBAQUAA4IBDwAwggEKAoIBAQDpXcu83LALCtr3XAPd+/OXloB9Y+YPlNMx
sJLTCHhCCBo4SQv9IhVuGze6Z6sR709WzDMGxK9hPD4o05feZa8rwNUyhrZru0ro
zz+BSbLc4Aslqk8TCxFsn7goFN8+12PSMh7Wc/k3gHERoQmVM/p/ZAyb/rqwUZic
wK5tNlZHHRvO5JI1SbDzAjzdKmsNWPWUStTcUyY8XCOMfmJJCMOeBQZgwn1HEne7
XM7OaWf6NKu4xWMLckkltLgT+HnCAiAKUW1Pxk6IovUDlqBxe8oORsXkoStdwGuK
0n7dEpvSZztYnji3vMo5EvupEntaR7Q+mTc2INDHvNvDUsYMYE0VAgMBAAGjYzBh
MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBTXB8zC
VI0aV+YLanDPirVGLVNV6DAfBgNVHSMEGDAWgBTXB8zCVI0aV+YLanDPirVGLVNV
6DANBgkqhkiG9w0BAQsFAAOCAQEAM8ezq3ZIxZihNYTvpXkxqMDdy5Uwf14jnlSE
53H1I3tb7eD/WcRqwxL1Httrzv6hKhVVHH6hVOBRJOfQSAaTYRs5XeDgiUZe8R48
DNt9bx/fjcgr1TdyqT27z0OOpSJ5AIRCAPHkokysZBEXjs0va53yvoyQ2buCIV+m
DDk6so1vLBn8ZPQBfn6lIKWTnXIqQdnpCki7P9xI8yz89emkDxHH5Kd5WegbOdKn
cbqatUs29FDlS0ncPBFNTWX+0/08hwYHQZ8e4m24BWciJ1O7bNFLctZxZs35U6HF
4oqA5xSBgwGmm8PZ+DWdC7WxpnMnOZbNqbai2xStySemUhSYWw==
-----END CERTIFICATE-----
`;

/** PKCS #8 of Ed25519 (RFC 8410) up to the 32 bytes of the key. */
const ED25519_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A private key of a known value: that of no certificate here, and PEM. */
export const KEY_PEM: string = createPrivateKey({
  key: Buffer.concat([ED25519_HEAD, Buffer.alloc(32, 'fuzzed key ')]),
  format: 'der',
  type: 'pkcs8',
})
  .export({ type: 'pkcs8', format: 'pem' })
  .toString();

export function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}
