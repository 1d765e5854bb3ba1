// Evaluates whether a pooler accepts TLS versions below the policy's minimum from clients.

import { displayText } from '../../model/display.ts';
import { clientTls } from './client-side.ts';
import { isLoopbackOnly, LOOPBACK_ONLY, RELOAD, readSetting, type SettingsEvaluation } from './settings.ts';
import { protocolsFrom, readProtocols, tooOld } from './tls-protocols.ts';

/** `deprecated-tls-allowed` */
export const evaluateClientProtocols: SettingsEvaluation = (pooler, policy, snapshot) => {
  if (!clientTls(pooler)) return { status: 'not-applicable', reason: 'clients speak no TLS; reported by tls-disabled' };
  const setting = readSetting(pooler, 'client_tls_protocols');
  if (!setting.known) return { status: 'unknown', reason: setting.reason };
  const versions = readProtocols(setting.value);
  if (!versions.known) return { status: 'unknown', reason: `client_tls_protocols: ${versions.reason}` };
  const { minTlsVersion } = policy;
  const old = tooOld(versions.value, minTlsVersion);
  if (old.length === 0) return { status: 'pass' };
  if (isLoopbackOnly(pooler, policy, snapshot)) return LOOPBACK_ONLY;
  return {
    status: 'fail',
    problems: [
      {
        severity: 'medium',
        title: `The pooler accepts TLS versions below ${minTlsVersion} from clients`,
        subject: 'client_tls_protocols',
        evidence: {
          client_tls_protocols: displayText(setting.value, 100),
          allows: old.join(', '),
          shouldBe: `${minTlsVersion} or newer`,
        },
        remedy: `See that no client is left below it (deprecated-tls-session), then in pgbouncer.ini: client_tls_protocols = ${protocolsFrom(minTlsVersion)}; ${RELOAD}.`,
      },
    ],
  };
};
