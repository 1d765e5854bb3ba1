// Defines the facts of an X.509 certificate that checks and reports use, without key material.

export interface CertificateFacts {
  /** Distinguished name on one line, most specific part first, e.g. `CN=db.example.com, O=Example`. */
  readonly subject: string;
  readonly issuer: string;
  /** ISO 8601, UTC, to the second. */
  readonly notBefore: string;
  readonly notAfter: string;
  /**
   * As the certificate lists them, e.g. `DNS:db.example.com`, `IP Address:10.0.0.1`. Empty when there is no extension.
   */
  readonly subjectAltNames: readonly string[];
  /** Hexadecimal without separators. */
  readonly serialNumber: string;
  /** SHA-256 of the DER encoding, lower-case hexadecimal. */
  readonly sha256: string;
  readonly publicKey: {
    /** e.g. `rsa`, `ec`, `ed25519`; `unknown` where OpenSSL does not know it. */
    readonly type: string;
    /** Size of the modulus or curve, where it has one. */
    readonly bits?: number | undefined;
    /**
     * SHA-256 of its SubjectPublicKeyInfo (DER), lower-case hexadecimal: the same for a CA that was renewed with its
     * key.
     */
    readonly sha256?: string | undefined;
  };
  /** e.g. `sha256WithRSAEncryption`, where it is known. */
  readonly signatureAlgorithm?: string | undefined;
  readonly selfSigned: boolean;
}
