// What standards ask for that a check gives evidence of: for auditors, who search by the number of a requirement.

interface Requirement {
  readonly standard: string;
  /** As the standard numbers it. */
  readonly id: string;
}

const PCI_DSS = 'PCI DSS v4.0.1';
const SOC_2 = 'SOC 2';
const NIST_800_53 = 'NIST SP 800-53 Rev. 5';
const ISO_27001 = 'ISO/IEC 27001:2022';

/** Every check is about strong cryptography in transit, or about whether that could be seen. */
const IN_TRANSIT: readonly Requirement[] = [
  { standard: PCI_DSS, id: '4.2.1' },
  { standard: SOC_2, id: 'CC6.7' },
  { standard: NIST_800_53, id: 'SC-8' },
  { standard: ISO_27001, id: 'A.8.24' },
];

/** Valid, unexpired certificates, and an inventory of those in use. */
const CERTIFICATES: readonly Requirement[] = [
  { standard: PCI_DSS, id: '4.2.1.1' },
  { standard: NIST_800_53, id: 'SC-17' },
];

/** Protocols and cipher suites in use, and that they are strong ones. */
const CRYPTOGRAPHY: readonly Requirement[] = [
  { standard: PCI_DSS, id: '12.3.3' },
  { standard: NIST_800_53, id: 'SC-13' },
];

/** Credentials that nobody on the way can read. */
const AUTHENTICATION: readonly Requirement[] = [
  { standard: PCI_DSS, id: '8.3.2' },
  { standard: SOC_2, id: 'CC6.1' },
  { standard: NIST_800_53, id: 'IA-5' },
];

const BESIDES: ReadonlyMap<string, readonly Requirement[]> = new Map([
  ['server-certificate-expiring', CERTIFICATES],
  ['weak-server-certificate', [...CERTIFICATES, ...CRYPTOGRAPHY]],
  ['ca-bundle-expiring', CERTIFICATES],
  ['client-certificate-expiring', CERTIFICATES],
  ['deprecated-tls-session', CRYPTOGRAPHY],
  ['deprecated-tls-allowed', CRYPTOGRAPHY],
  ['below-preferred-tls-session', CRYPTOGRAPHY],
  ['weak-cipher-session', CRYPTOGRAPHY],
  ['weak-ciphers-allowed', CRYPTOGRAPHY],
  ['missing-client-certificate', AUTHENTICATION],
  ['weak-password-authentication', AUTHENTICATION],
]);

/** @param check - The check's id. */
function requirementsOf(check: string): readonly Requirement[] {
  return [...IN_TRANSIT, ...(BESIDES.get(check) ?? [])];
}

/** `PCI DSS v4.0.1 4.2.1` */
export function requirementTexts(check: string): string[] {
  return requirementsOf(check).map(({ standard, id }) => `${standard} ${id}`);
}

/** `PCI DSS v4.0.1`, each once. */
export function standardsOf(check: string): string[] {
  return [...new Set(requirementsOf(check).map(({ standard }) => standard))];
}
