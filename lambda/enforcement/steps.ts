// Writes the steps that switch plaintext off on each platform, with the checks before, after, and the way back.

import { hbaLine } from '../analysis/pg-hba/line.ts';
import { rulesOf } from '../analysis/pg-hba/rules-of.ts';
import { displayText } from '../model/display.ts';
import { DEFAULT_PORT, endpointName, hostAndPort } from '../model/endpoint.ts';
import { type ProviderId, providerName, providerOfName } from '../model/hosting.ts';
import { shellQuote } from '../model/shell-word.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { type HbaPlan, planRules } from './hba/change.ts';
import { fileEdits } from './hba/edit.ts';
import { planStage, type StagePlan } from './hba/stage.ts';
import { rdsPlatform, rdsSteps } from './rds.ts';
import { endpointOf, refusesPlaintext } from './refuses-plaintext.ts';
import type { PlanStep } from './schema.ts';
import { LAST_STAGE, STAGE_1 } from './wording.ts';

export interface Steps {
  readonly platform: string;
  /** Why the steps can't be given exactly; undefined where they can. */
  readonly doubt?: string | undefined;
  readonly steps: readonly PlanStep[];
}

const LEFTOVERS = `SELECT s.pid, a.usename, a.datname, a.application_name, a.client_addr
  FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
 WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND NOT a.client_addr <<= '127.0.0.0/8' AND a.client_addr <> '::1'`;
/** pg_stat_gssapi came with PostgreSQL 12. */
const NOT_BY_GSSAPI = `
   AND NOT EXISTS (SELECT FROM pg_stat_gssapi g WHERE g.pid = s.pid AND g.encrypted)`;

export interface SeenClients {
  /** Whether a session was seen that GSSAPI encrypts. */
  readonly gssSeen: boolean;
  /** Roles to which plaintext may be closed before the others, by their names. */
  readonly done?: ReadonlySet<string> | undefined;
}

/** What to do on the server, by what is known of it. */
export function stepsFor(snapshot: Snapshot, seen: SeenClients): Steps {
  if (snapshot.target.kind === 'pgbouncer') return pgbouncer(snapshot);
  const name = endpointOf(snapshot);
  const provider = providerOfName(name);
  return provider === undefined ? selfManaged(snapshot, seen) : managed(provider, name, snapshot);
}

function selfManaged(snapshot: Snapshot, { gssSeen, done }: SeenClients): Steps {
  const platform = 'self-managed';
  const hba = rulesOf(snapshot);
  const after = verifyAndEnd(snapshot);
  if (!hba.known) {
    const doubt = `the rules of pg_hba.conf are not known: ${hba.reason}`;
    return { platform, doubt, steps: [...BY_HAND, ...after] };
  }
  if (hba.value.changedSinceLoad === true) {
    const doubt = 'pg_hba.conf was changed after the server loaded it: reload it and audit again';
    return { platform, doubt, steps: [] };
  }
  const plan = planRules(hba.value, { gssSeen });
  const tlsOff = snapshot.settings.known && snapshot.settings.value.values.ssl === 'off';
  if (plan.status === 'closed') {
    const isRefused = refusesPlaintext(snapshot) === true;
    const doubt = isRefused ? undefined : 'the rules refuse plaintext, and the wire probe got in with it';
    return { platform, doubt, steps: after };
  }
  if (plan.status === 'unknown') {
    const doubt = displayText(plan.reason, 400);
    return { platform, doubt, steps: [...BY_HAND, ...after] };
  }
  const files = plan.changes.flatMap(({ rule }) => rule.fileName ?? []);
  if (files.some((file) => displayText(file, 4_096) !== file)) {
    const doubt = 'the name of a file of rules has characters that can not be shown';
    return { platform, doubt, steps: [...BY_HAND, ...after] };
  }
  const { major } = hba.value;
  const all = [...(tlsOff ? [TLS_ON] : []), CHECK_BEFORE, ...editSteps(plan, major, snapshot.takenAt), ...after];
  const stage = tlsOff || done === undefined || done.size === 0 ? undefined : planStage(hba.value, done, gssSeen);
  if (stage === undefined) return { platform, steps: all };
  const last = all.map((step) => ({ ...step, title: `${LAST_STAGE}${step.title}` }));
  return { platform, steps: [...stageSteps(stage, major, snapshot.takenAt), ...last] };
}

const MOST_SHOWN = 20;

function stageSteps({ changes, roles, tried }: StagePlan, major: number, takenAt: string): readonly PlanStep[] {
  const edits = fileEdits(changes, major, takenAt);
  const lines = changes.map(({ rule, loopback }) => {
    const kept = loopback.length === 0 ? '' : ', under copies of it that keep loopback as it is';
    return `line ${rule.lineNumber} (${displayText(hbaLine(rule), 200)})${kept}`;
  });
  const more = roles.length > MOST_SHOWN ? ` and ${roles.length - MOST_SHOWN} more` : '';
  const named = `${roles
    .slice(0, MOST_SHOWN)
    .map((role) => displayText(role))
    .join(', ')}${more}`;
  return [
    staged(CHECK_BEFORE),
    staged({
      runIn: 'server shell',
      title: `Refuse plaintext over the network to the roles whose clients all came over TLS in the whole window: ${named}. If pg_hba.conf is as it was at ${takenAt} (else audit and plan again; GNU sed), hostnossl lines that refuse them come above ${lines.join('; ')}. ${tried} kinds of connections were tried with the old rules and the new ones: all else stays as it is`,
      commands: edits.map(({ command }) => command),
      rollback: [...edits.map(({ rollback }) => rollback), RELOAD],
    }),
    staged(CHECK_AND_LOAD),
  ];
}

function staged(step: PlanStep): PlanStep {
  return { ...step, title: `${STAGE_1}${step.title}` };
}

const TLS_ON: PlanStep = {
  runIn: 'psql',
  title: 'Switch TLS on, with a certificate for the name that clients use: hostssl lines match nothing until then',
  commands: ["ALTER SYSTEM SET ssl = 'on';", 'SELECT pg_reload_conf();', 'SHOW ssl;'],
  rollback: ['ALTER SYSTEM RESET ssl;', 'SELECT pg_reload_conf();'],
  needsReboot: false,
};

const CHECK_BEFORE: PlanStep = {
  runIn: 'psql',
  title: 'Check before: the first must return no row, the second "on"',
  commands: ['SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL;', 'SHOW ssl;'],
  rollback: [],
};

const CHECK_AND_LOAD: PlanStep = {
  runIn: 'psql',
  title: 'Check the file, which must return no row, then load it. New connections go by it; a mistake changes nothing',
  commands: ['SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL;', 'SELECT pg_reload_conf();'],
  rollback: [],
  needsReboot: false,
};

function editSteps(
  { changes, tried }: Extract<HbaPlan, { status: 'open' }>,
  major: number,
  takenAt: string,
): readonly PlanStep[] {
  const edits = fileEdits(changes, major, takenAt);
  const ofStandbys = changes.filter(({ rule }) => rule.databases.includes('replication'));
  const standbys = ofStandbys.map(({ rule }) => rule.lineNumber).join(', ');
  const shown = changes.map(({ rule, becomes, loopback }) => {
    const kept = loopback.length === 0 ? '' : ', with copies above it that keep loopback as it is';
    const now = becomes === 'off' ? 'becomes a comment' : `begins with ${becomes}`;
    return `line ${rule.lineNumber} (${displayText(hbaLine(rule), 200)}) ${now}${kept}`;
  });
  return [
    ...(ofStandbys.length === 0 ? [] : [standbysFirst(standbys)]),
    {
      runIn: 'server shell',
      title: `Change pg_hba.conf on the server, if it is as it was at ${takenAt} (else audit and plan again; GNU sed): ${shown.join('; ')}. ${tried} kinds of connections were tried with the old rules and the new ones: loopback, sockets and TLS logins stay as they are`,
      commands: edits.map(({ command }) => command),
      // Loaded from here too: the ways back are taken from the last step to the first.
      rollback: [...edits.map(({ rollback }) => rollback), RELOAD],
    },
    CHECK_AND_LOAD,
  ];
}

/** Their sessions stay open for months: what they do at the next reconnect no log shows before. */
function standbysFirst(lines: string): PlanStep {
  return {
    runIn: 'psql',
    title: `See to standbys and backups, which come through line ${lines}: from then on they need TLS too. These must be encrypted; give primary_conninfo, and the commands of backups, sslmode=verify-full and sslrootcert first`,
    commands: [
      'SELECT r.pid, r.usename, r.application_name, r.client_addr, s.ssl FROM pg_stat_replication r JOIN pg_stat_ssl s USING (pid);',
    ],
    rollback: [],
  };
}

const RELOAD = "psql -XAtc 'SELECT pg_reload_conf()' postgres";

/** Why it is by hand stands among the reasons. */
const BY_HAND: readonly PlanStep[] = [
  {
    runIn: 'psql',
    title:
      'Change pg_hba.conf by hand, and keep a copy of it: in each line for network addresses, the first word from host to hostssl; above a line that means loopback too, keep a copy of it as it was for 127.0.0.0/8 and one for ::1/128. On a service, use its own switch instead. Then check the file, which must return no row, and load it',
    commands: ['SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL;', 'SELECT pg_reload_conf();'],
    rollback: ['SELECT pg_reload_conf();'],
    needsReboot: false,
  },
];

const VERIFY = 'Verify after: the probe must say that plaintext is refused, so no finding "plaintext-accepted"';

function verify({ name, host, port = DEFAULT_PORT, kind }: Snapshot['target']): PlanStep {
  // As the target of --url is called, which is in no configuration.
  if (host !== undefined && name === endpointName(host, port)) {
    const url = shellQuote(`postgres://<user>@${hostAndPort(host, port)}/<database>`);
    const console = kind === 'pgbouncer' ? ' --kind=pgbouncer' : '';
    const command = `npx pg-tls-auditor audit --url=${url}${console} --ca='<CA file>' --probe`;
    return { runIn: 'shell', title: VERIFY, commands: [command], rollback: [] };
  }
  return {
    runIn: 'shell',
    title: `${VERIFY}. Set "probe": true for the target in the configuration`,
    commands: [`npx pg-tls-auditor audit --target=${shellQuote(name)}`],
    rollback: [],
  };
}

function verifyAndEnd({ target, server }: Snapshot): readonly PlanStep[] {
  const isOld = server.known && /^1[01]\b/.test(server.value.version);
  return [
    verify(target),
    {
      runIn: 'psql',
      title:
        'End what is left: sessions that were open stay unencrypted. These are listed; end each, when its client can bear it, with SELECT pg_terminate_backend(pid);',
      commands: [`${LEFTOVERS}${isOld ? '' : NOT_BY_GSSAPI};`],
      rollback: [],
    },
  ];
}

function managed(provider: ProviderId, name: string, snapshot: Snapshot): Steps {
  const platform = (provider === 'rds' ? rdsPlatform(snapshot) : undefined) ?? providerName(provider);
  return { platform, steps: [...switchOn(provider, name, snapshot), ...verifyAndEnd(snapshot)] };
}

function switchOn(provider: ProviderId, name: string, snapshot: Snapshot): readonly PlanStep[] {
  switch (provider) {
    case 'rds':
      return rdsSteps(name, snapshot);
    case 'cloudSql':
      return [
        {
          runIn: 'shell',
          title:
            'See the mode: TRUSTED_CLIENT_CERTIFICATE_REQUIRED and ENCRYPTED_ONLY refuse plaintext already, and the first is stricter: then leave it',
          commands: ["gcloud sql instances describe <instance> --format='value(settings.ipConfiguration.sslMode)'"],
          rollback: [],
        },
        {
          runIn: 'shell',
          title: 'Accept encrypted connections only; it holds for new ones',
          commands: ['gcloud sql instances patch <instance> --ssl-mode=ENCRYPTED_ONLY'],
          rollback: ['gcloud sql instances patch <instance> --ssl-mode=ALLOW_UNENCRYPTED_AND_ENCRYPTED'],
          needsReboot: false,
        },
      ];
    case 'azure':
      return [
        {
          runIn: 'shell',
          title: 'Require secure transport; it holds for new connections',
          commands: [azure(name, 'on')],
          rollback: [azure(name, 'off')],
          needsReboot: false,
        },
      ];
    case 'supabase':
      return [
        {
          runIn: 'shell',
          title:
            'Enforce SSL, here or in the project (Database, Settings). The database restarts, also for the way back',
          commands: [supabase(name, 'enable')],
          rollback: [supabase(name, 'disable')],
          needsReboot: true,
        },
      ];
    case 'neon':
      return [
        {
          runIn: 'shell',
          title: 'Nothing to switch: Neon accepts no connection without TLS',
          commands: [],
          rollback: [],
          needsReboot: false,
        },
      ];
  }
}

function supabase(name: string, what: 'enable' | 'disable'): string {
  const ref = /^db\.([a-z0-9]{10,40})\.supabase\.co$/.exec(name.toLowerCase())?.[1] ?? '<ref>';
  return `npx supabase --experimental ssl-enforcement update --${what}-db-ssl-enforcement --project-ref ${ref}`;
}

function azure(name: string, value: 'on' | 'off'): string {
  const server = /^([a-z0-9-]{3,63})\./.exec(name.toLowerCase())?.[1] ?? '<server>';
  return `az postgres flexible-server parameter set --resource-group <group> --server-name ${server} --name require_secure_transport --value ${value}`;
}

/** As PgBouncer writes its modes. */
const MODE = /^[a-z-]{1,20}$/;

function pgbouncer({ pooler, target }: Snapshot): Steps {
  const values: Readonly<Record<string, string | undefined>> = pooler?.known ? pooler.value.values : {};
  const mode = values.client_tls_sslmode;
  const before = mode !== undefined && MODE.test(mode) ? mode : '<what it was>';
  return {
    platform: 'PgBouncer',
    steps: [
      {
        runIn: 'pgbouncer.ini',
        title:
          'In pgbouncer.ini: clients must use TLS, over loopback too; Unix sockets need none. It needs a key and a certificate for the name that clients use (client_tls_key_file, client_tls_cert_file)',
        commands: ['client_tls_sslmode = require'],
        rollback: [`client_tls_sslmode = ${before}`],
      },
      {
        runIn: 'pgbouncer console',
        title: 'Then, in its console: it holds for new connections. Before PgBouncer 1.16 it takes a restart instead',
        commands: ['RELOAD;', 'SHOW CONFIG;'],
        rollback: ['RELOAD;'],
      },
      {
        runIn: 'pgbouncer console',
        title:
          'Verify after, and see which clients are still without TLS: they stay until they go, or PgBouncer restarts',
        commands: ['SHOW CLIENTS;'],
        rollback: [],
      },
      verify(target),
    ],
  };
}
