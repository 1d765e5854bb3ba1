// Lists the requirements of compliance standards that findings are evidence for.

export interface Requirement {
  readonly standard: string;
  /** As the standard numbers it. */
  readonly id: string;
}

const PCI_DSS = 'PCI DSS v4.0.1';
const SOC_2 = 'SOC 2';
const NIST_800_53 = 'NIST SP 800-53 Rev. 5';
const ISO_27001 = 'ISO/IEC 27001:2022';

/** Of every check: strong cryptography in transit, or whether it could be verified. */
export const IN_TRANSIT: readonly Requirement[] = [
  { standard: PCI_DSS, id: '4.2.1' },
  { standard: SOC_2, id: 'CC6.7' },
  { standard: NIST_800_53, id: 'SC-8' },
  { standard: ISO_27001, id: 'A.8.24' },
];

/** Valid, unexpired certificates, and an inventory of those in use. */
export const CERTIFICATES: readonly Requirement[] = [
  { standard: PCI_DSS, id: '4.2.1.1' },
  { standard: NIST_800_53, id: 'SC-17' },
];

/** Strong protocols and cipher suites, and an inventory of those in use. */
export const CRYPTOGRAPHY: readonly Requirement[] = [
  { standard: PCI_DSS, id: '12.3.3' },
  { standard: NIST_800_53, id: 'SC-13' },
];

/** Credentials that cannot be read in transit. */
export const AUTHENTICATION: readonly Requirement[] = [
  { standard: PCI_DSS, id: '8.3.2' },
  { standard: SOC_2, id: 'CC6.1' },
  { standard: NIST_800_53, id: 'IA-5' },
];
