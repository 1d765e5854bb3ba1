// The checks that say of a client that it has connected insecurely.

/**
 * Ids of the checks that name somebody who has to change something before TLS is enforced. Left out of the checks of
 * sessions are `below-preferred-tls-session`, for TLS that the policy accepts, and `replica-not-covered`.
 */
export const INSECURE_CLIENT_CHECKS = [
  'plaintext-session',
  'loopback-plaintext-session',
  'deprecated-tls-session',
  'weak-cipher-session',
  'missing-client-certificate',
] as const;
