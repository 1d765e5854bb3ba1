// Converts a network error to an audit failure: a cause, a sentence and a remedy.

import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure, type Phase } from '../../model/failure.ts';
import { type Refusal, remediesOf } from './refusal.ts';
import { codeOf, fieldsOf } from './system-error.ts';

/** A fault of the network, by its code (`ECONNREFUSED`, …). */
export function networkFailure(error: unknown, endpoint: Endpoint, phase: Phase): AuditFailure {
  const { code, detail } = codeAndDetail(error);
  const suffix = detail === undefined ? '' : ` (${displayText(detail, 200)})`;
  if (code === 'ETIMEDOUT') return timedOut(endpoint, phase);
  const { cause, message, advice, transient } = byCode(code, endpoint, phase);
  return new AuditFailure(
    { cause, phase, message: `${message}${suffix}`, ...remediesOf(advice) },
    { cause: error, transient: transient ?? false },
  );
}

/**
 * The code of an error and its details for the message. For a host with several addresses Node collects one error per
 * address: a missing IPv6 route says nothing about a server on IPv4.
 */
function codeAndDetail(error: unknown): { readonly code: string | undefined; readonly detail: string | undefined } {
  const { errors } = fieldsOf(error);
  const all = Array.isArray(errors) ? (errors as readonly unknown[]) : [];
  const codes = all.map(codeOf);
  const code = codes.find((one) => !NO_ROUTE.includes(one ?? '')) ?? codes[0] ?? codeOf(error);
  if (new Set(codes).size < 2) return { code, detail: code };
  // Names each address with its error: a dead address among good ones must be fixed in DNS.
  const each = all.map((one, index) => {
    const { address } = fieldsOf(one);
    return `${codes[index] ?? 'no code'}${typeof address === 'string' ? ` at ${address}` : ''}`;
  });
  return { code, detail: each.join(', ') };
}

/** What a code means. */
export function byCode(code: string | undefined, endpoint: Endpoint, phase: Phase): Refusal {
  const place = hostPort(endpoint);
  switch (code) {
    case 'ENOTFOUND':
    case 'ENODATA':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
    case 'EAI_ADDRFAMILY':
      return {
        cause: 'host-not-found',
        message: `The host ${displayText(endpoint.host, 255)} has no address`,
        advice: 'check the host name, and that the auditor can resolve it (VPC DNS, private hosted zone)',
      };
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'ESERVFAIL':
    case 'EREFUSED':
    case 'ETIMEOUT':
      return {
        cause: 'host-not-found',
        message: `The DNS server gave no answer for the host ${displayText(endpoint.host, 255)}`,
        advice: "check that the auditor reaches its DNS server, and that this server answers for the host's domain",
        transient: true,
      };
    case 'ECONNREFUSED':
      return {
        cause: 'connection-refused',
        message: `${place} refuses TCP connections`,
        advice: 'check that PostgreSQL runs there and listens on that address (listen_addresses) and port',
      };
    case 'EINVAL':
    case 'EAFNOSUPPORT':
    case 'EPROTONOSUPPORT':
      return {
        cause: 'host-unreachable',
        message: `The auditor's machine cannot connect to an address such as that of ${place}`,
        advice:
          'give the host by an address of the family that the machine has (IPv4 or IPv6); a link-local address (fe80::…) needs its interface, as in fe80::1%eth0',
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
    case 'ENONET':
      return {
        cause: 'host-unreachable',
        message: `There is no route to ${place}`,
        advice: "check the auditor's subnets and route tables, and the server's security group",
      };
    case 'EACCES':
    case 'EPERM':
    case 'ERR_ACCESS_DENIED':
      return {
        cause: 'connection-forbidden',
        message: `The auditor's own machine does not allow a connection to ${place}`,
        advice: "allow it in the machine's firewall, sandbox or security policy (iptables, SELinux, seccomp)",
      };
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
    case 'EAGAIN':
    case 'EAI_MEMORY':
    case 'EAI_SYSTEM':
      return {
        cause: 'auditor-out-of-resources',
        message: `The auditor has no socket or memory left to connect to ${place}`,
        advice: {
          configured: 'lower "concurrency" in the configuration, or raise the limit of open files (ulimit -n)',
          url: 'raise the limit of open files (ulimit -n), or end what else holds them',
        },
        transient: true,
      };
    default:
      return closed(endpoint, phase);
  }
}

/** The connection ended. Before TLS that is also how a server answers that knows direct TLS only. */
function closed(endpoint: Endpoint, phase: Phase): Refusal {
  const place = hostPort(endpoint);
  const advice = 'check the server log at that time; a proxy or firewall in between may have closed the connection';
  return {
    cause: 'connection-reset',
    message: `${place} closed the connection ${WHILE[phase]}`,
    advice:
      phase === 'tls' && endpoint.sslNegotiation === 'postgres'
        ? `${advice}; a port that accepts only direct TLS does the same, and needs "sslNegotiation": "direct"`
        : advice,
    transient: true,
  };
}

const NO_ROUTE: readonly string[] = [
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EHOSTDOWN',
  'ENETDOWN',
  'EAFNOSUPPORT',
  'EINVAL',
];

const WHILE: Readonly<Record<Phase, string>> = {
  secrets: 'while secrets were read',
  tcp: 'while TCP was opened',
  tls: 'during the TLS negotiation',
  login: 'during login',
  query: 'while the audit queries ran',
  waiting: 'before the audit began',
};

/** No answer within the target's deadline. */
export function timedOut(endpoint: Pick<Endpoint, 'host' | 'port'>, phase: Phase): AuditFailure {
  return new AuditFailure({
    cause: 'timed-out',
    phase,
    message: `${hostPort(endpoint)} gave no answer in time ${WHILE[phase]}`,
    remedy: SILENCE[phase] ?? SLOW,
  });
}

const SLOW =
  'check that PostgreSQL itself answers on that port, and its load; raise "timeoutSeconds" of the target if it is only slow';

const SILENCE: Partial<Readonly<Record<Phase, string>>> = {
  tcp: "check the server's security group and network ACLs for the auditor's subnets: dropped packets look like this",
  tls: `${SLOW}; a port that accepts only direct TLS may wait like this too, and needs "sslNegotiation": "direct"`,
};
