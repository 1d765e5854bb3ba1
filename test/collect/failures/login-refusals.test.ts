// Refused logins in the words of servers, poolers and providers, in every language whose catalogue was at hand.

import { describe, expect, test } from 'vitest';
import { loginFailure } from '../../../lambda/collect/failures/failures.ts';
import type { Endpoint } from '../../../lambda/model/endpoint.ts';
import type { Failure, FailureCause } from '../../../lambda/model/failure.ts';

interface Said {
  readonly code: string;
  readonly message: string;
  readonly routine?: string;
  readonly file?: string;
  readonly detail?: string;
  readonly where?: string;
}

function failureFor(said: Said, verifiedName = 'db.example.com'): Failure & { readonly transient: boolean } {
  const endpoint: Endpoint = { host: verifiedName, port: 5432, verifiedName, sslNegotiation: 'postgres' };
  const error = Object.assign(new Error(said.message), { severity: 'FATAL', ...said });
  const { failure, transient } = loginFailure(error, endpoint, 'tls_auditor', 'orders');
  return { ...failure, transient };
}

/** From postgres-15.mo of Debian's postgresql-15 (src/backend/po of PostgreSQL 15). */
const LANGUAGES = {
  en: {
    rejected:
      'pg_hba.conf rejects connection for host "10.0.0.9", user "tls_auditor", database "orders", SSL encryption',
    missing: 'no pg_hba.conf entry for host "10.0.0.9", user "tls_auditor", database "orders", SSL encryption',
    plaintext: 'no pg_hba.conf entry for host "10.0.0.9", user "tls_auditor", database "orders", no encryption',
    certificate: 'connection requires a valid client certificate',
    wrongCertificate: 'certificate authentication failed for user "tls_auditor"',
    pam: 'PAM authentication failed for user "tls_auditor"',
  },
  de: {
    rejected:
      'pg_hba.conf lehnt Verbindung ab für Host »10.0.0.9«, Benutzer »tls_auditor«, Datenbank »orders«, SSL-Verschlüsselung',
    missing:
      'kein pg_hba.conf-Eintrag für Host »10.0.0.9«, Benutzer »tls_auditor«, Datenbank »orders«, SSL-Verschlüsselung',
    plaintext:
      'kein pg_hba.conf-Eintrag für Host »10.0.0.9«, Benutzer »tls_auditor«, Datenbank »orders«, keine Verschlüsselung',
    certificate: 'Verbindung erfordert ein gültiges Client-Zertifikat',
    wrongCertificate: 'Zertifikatauthentifizierung für Benutzer »tls_auditor« fehlgeschlagen',
    pam: 'PAM-Authentifizierung für Benutzer »tls_auditor« fehlgeschlagen',
  },
  es: {
    rejected:
      'pg_hba.conf rechaza la conexión para el servidor «10.0.0.9», usuario «tls_auditor», base de datos «orders», cifrado SSL',
    missing:
      'no hay una línea en pg_hba.conf para «10.0.0.9», usuario «tls_auditor», base de datos «orders», cifrado SSL',
    plaintext:
      'no hay una línea en pg_hba.conf para «10.0.0.9», usuario «tls_auditor», base de datos «orders», sin cifrado',
    certificate: 'la conexión requiere un certificado de cliente válido',
    wrongCertificate: 'la autentificación por certificado falló para el usuario «tls_auditor»',
    pam: 'la autentificación PAM falló para el usuario «tls_auditor»',
  },
  fr: {
    rejected:
      "pg_hba.conf rejette la connexion pour l'hôte « 10.0.0.9 », utilisateur « tls_auditor », base\nde données « orders », chiffrement SSL",
    missing:
      "aucune entrée dans pg_hba.conf pour l'hôte « 10.0.0.9 », utilisateur « tls_auditor »,\nbase de données « orders », chiffrement SSL",
    plaintext:
      "aucune entrée dans pg_hba.conf pour l'hôte « 10.0.0.9 », utilisateur « tls_auditor »,\nbase de données « orders », aucun chiffrement",
    certificate: 'la connexion requiert un certificat client valide',
    wrongCertificate: "authentification par le certificat échouée pour l'utilisateur « tls_auditor »",
    pam: "authentification PAM échouée pour l'utilisateur « tls_auditor »",
  },
  ja: {
    rejected:
      'pg_hba.conf の設定でホスト "10.0.0.9"、ユーザー "tls_auditor"、データベース "orders", SSL暗号化の接続を拒否しました',
    missing:
      'pg_hba.conf にホスト"10.0.0.9"、ユーザー"tls_auditor"、データベース"orders", SSL暗号化用のエントリがありません',
    plaintext:
      'pg_hba.conf にホスト"10.0.0.9"、ユーザー"tls_auditor"、データベース"orders", 暗号化なし用のエントリがありません',
    certificate: 'この接続には有効なクライアント証明が必要です',
    wrongCertificate: 'ユーザー"tls_auditor"の証明書認証に失敗しました',
    pam: 'ユーザー"tls_auditor"のPAM認証に失敗しました',
  },
  ko: {
    rejected:
      '호스트 "10.0.0.9", 사용자 "tls_auditor", 데이터베이스 "orders",  SSL 암호화 연결이 pg_hba.conf 파일 설정에 따라 거부됩니다',
    missing:
      '호스트 "10.0.0.9", 사용자 "tls_auditor", 데이터베이스 "orders", SSL 암호화 연결에 대한 설정이 pg_hba.conf 파일에 없습니다.',
    plaintext:
      '호스트 "10.0.0.9", 사용자 "tls_auditor", 데이터베이스 "orders", 암호화 안함 연결에 대한 설정이 pg_hba.conf 파일에 없습니다.',
    certificate: '연결에 유효한 클라이언트 인증서가 필요함',
    wrongCertificate: '사용자 "tls_auditor"의 인증서 인증을 실패했습니다',
    pam: '사용자 "tls_auditor"의 PAM 인증을 실패했습니다.',
  },
  ru: {
    rejected:
      'pg_hba.conf отвергает подключение: компьютер "10.0.0.9", пользователь "tls_auditor", база данных "orders", Шифрование SSL',
    missing:
      'в pg_hba.conf нет записи для компьютера "10.0.0.9", пользователя "tls_auditor", базы "orders", Шифрование SSL',
    plaintext:
      'в pg_hba.conf нет записи для компьютера "10.0.0.9", пользователя "tls_auditor", базы "orders", без шифрования',
    certificate: 'для подключения требуется годный сертификат клиента',
    wrongCertificate: 'пользователь "tls_auditor" не прошёл проверку подлинности (по сертификату)',
    pam: 'пользователь "tls_auditor" не прошёл проверку подлинности (PAM)',
  },
  zh: {
    rejected: 'pg_hba.conf 记录拒绝来自主机"10.0.0.9", 用户"tls_auditor", 数据库"orders", SSL encryption的复制连接',
    missing: '没有用于主机 "10.0.0.9", 用户 "tls_auditor", 数据库 "orders", SSL encryption 的 pg_hba.conf 记录',
    plaintext: '没有用于主机 "10.0.0.9", 用户 "tls_auditor", 数据库 "orders", no encryption 的 pg_hba.conf 记录',
    certificate: '连接中需要一个有效的客户端认证',
    wrongCertificate: '用户 "tls_auditor" 的认证失败',
    pam: '用户 "tls_auditor" 认证 PAM 失败',
  },
} as const;

describe.each(Object.entries(LANGUAGES))('a server that speaks %s', (_language, texts) => {
  const says = (message: string, routine: string): Failure =>
    failureFor({ code: '28000', message, routine, file: 'auth.c' });

  test('and rejects by a rule', () => {
    const { cause, message, remedy } = says(texts.rejected, 'ClientAuthentication');
    expect(cause).toBe('login-refused');
    expect(message).toMatch(/has a rule that rejects tls_auditor/);
    expect(remedy).toMatch(/above the rule with the method reject/);
  });

  test('and has no rule', () => {
    const { cause, message, remedy } = says(texts.missing, 'ClientAuthentication');
    expect(cause).toBe('login-refused');
    expect(message).toMatch(/has no rule that lets tls_auditor in/);
    expect(remedy).toMatch(/^hostssl orders tls_auditor <the auditor's network> scram-sha-256$/m);
  });

  test('and sees no TLS: something in between ends it, and no rule without TLS is advised', () => {
    const { message, remedy } = says(texts.plaintext, 'ClientAuthentication');
    expect(message).toMatch(/ends TLS and goes on to the server without it/);
    expect(remedy).not.toMatch(/pg_hba\.conf|hostn?o?ssl|^host /m);
  });

  test('and wants a client certificate, or another one', () => {
    const wanted = says(texts.certificate, 'ClientAuthentication');
    const other = says(texts.wrongCertificate, 'auth_failed');
    expect([wanted.cause, other.cause]).toEqual(['client-certificate-required', 'client-certificate-required']);
    expect(wanted.message).toMatch(/wants a client certificate of tls_auditor/);
    expect(other.message).toMatch(/does not take the auditor's client certificate/);
    expect(other.remedy).toMatch(/common name is tls_auditor/);
  });

  test('and asks PAM', () => {
    const { cause, message } = says(texts.pam, 'auth_failed');
    expect(cause).toBe('login-refused');
    expect(message).toMatch(/asks for the login of tls_auditor by PAM, and refuses it/);
  });
});

/** The functions are the same in PostgreSQL 10 to 18, whatever the language. */
describe('by the function that raised it, without a word of English', () => {
  test.each<[what: string, said: Said, cause: FailureCause, message: RegExp]>([
    [
      'no such role or none with LOGIN',
      { code: '28000', message: '…', routine: 'InitializeSessionUserId' },
      'login-refused',
      /has no role tls_auditor, or one without the right/,
    ],
    [
      'the limit of the role',
      { code: '53300', message: '…', routine: 'InitializeSessionUserId' },
      'too-many-connections',
      /for the role tls_auditor/,
    ],
    [
      'the limit of the database',
      { code: '53300', message: '…', routine: 'CheckMyDatabase' },
      'too-many-connections',
      /for the database orders/,
    ],
    [
      'reserved slots',
      { code: '53300', message: '…', routine: 'InitPostgres' },
      'too-many-connections',
      /keeps for administrators/,
    ],
    [
      'all slots',
      { code: '53300', message: '…', routine: 'InitProcess' },
      'too-many-connections',
      /has no free connection: /,
    ],
    [
      'CONNECT',
      { code: '42501', message: 'keine Berechtigung für Datenbank »orders«', routine: 'CheckMyDatabase' },
      'database-refused',
      /does not let tls_auditor connect/,
    ],
    [
      'a closed database',
      {
        code: '55000',
        message: 'Datenbank »orders« akzeptiert gegenwärtig keine Verbindungen',
        routine: 'CheckMyDatabase',
      },
      'database-refused',
      /accepts no connections to the database orders/,
    ],
    [
      'a library',
      { code: '58P01', message: '…', file: 'dfmgr.c', routine: 'internal_load_library' },
      'login-code-failed',
      /cannot load a library/,
    ],
    [
      'a trigger',
      { code: '22012', message: 'Division durch Null', where: 'PL/pgSQL-Funktion deny()' },
      'login-code-failed',
      /such as a login trigger/,
    ],
    [
      'a standby without sessions',
      {
        code: '57P03',
        message: 'Datenbanksystem nimmt keine Verbindungen an',
        detail: 'Hot-Standby-Modus ist deaktiviert.',
      },
      'server-not-ready',
      /is a standby that accepts no sessions/,
    ],
    [
      'a standby that is not consistent yet',
      { code: '57P03', message: '…', detail: 'Konsistenter Wiederherstellungszustand wurde noch nicht erreicht.' },
      'server-not-ready',
      /is not ready/,
    ],
    ['a full disk', { code: '53100', message: '…' }, 'server-out-of-resources', /out of disk space/],
    ['no memory', { code: '53200', message: '…' }, 'server-out-of-resources', /out of memory/],
    ['another resource', { code: '53400', message: '…' }, 'server-out-of-resources', /out of resources/],
    ['an I/O error', { code: '58030', message: '…' }, 'server-fault', /cannot read or write its own files/],
    ['damaged data', { code: 'XX001', message: '…' }, 'server-fault', /cannot read or write its own files/],
    ['a dropped database', { code: '57P04', message: '…' }, 'database-missing', /dropped the database/],
    [
      'another protocol',
      { code: '0A000', message: 'unsupported frontend protocol 3.0: server supports 1.0 to 2.0' },
      'login-failed',
      /does not support/,
    ],
    [
      'OAuth (PostgreSQL 18)',
      { code: '28000', message: 'OAuth bearer authentication failed for user "tls_auditor"', routine: 'auth_failed' },
      'login-refused',
      /by OAuth, and refuses it/,
    ],
    [
      'LDAP',
      {
        code: '28000',
        message: 'LDAP-Authentifizierung für Benutzer »tls_auditor« fehlgeschlagen',
        routine: 'auth_failed',
      },
      'login-refused',
      /by LDAP/,
    ],
  ])('%s', (_what, said, cause, message) => {
    const failure = failureFor(said);
    expect(failure.cause).toBe(cause);
    expect(failure.message).toMatch(message);
  });

  test('a standby without sessions is not asked again, every other server that is not ready is', () => {
    const off = { code: '57P03', message: 'not accepting connections', detail: 'Hot standby mode is disabled.' };
    expect(failureFor(off).transient).toBe(false);
    expect(failureFor({ code: '57P03', message: 'starting up' }).transient).toBe(true);
  });
});

const RDS = 'orders.abc123.eu-west-1.rds.amazonaws.com';
const AZURE = 'orders.postgres.database.azure.com';
const CLOUD_SQL = '12ab.us-central1.sql.goog';
const NEON = 'ep-cool-darkness-123456.eu-central-1.aws.neon.tech';

describe('a provider', () => {
  test('Azure’s firewall is named with the command that opens it for the address that was refused, and nothing wider', () => {
    const said = {
      code: '28000',
      message: 'no pg_hba.conf entry for host "203.0.113.7", user "tls_auditor", database "orders", SSL encryption',
      routine: 'ClientAuthentication',
    };
    const { cause, message, remedy } = failureFor(said, AZURE);
    expect(cause).toBe('login-refused');
    expect(message).toMatch(/no firewall rule of Azure/);
    expect(remedy).toMatch(
      /az postgres flexible-server firewall-rule create .*--start-ip-address 203\.0\.113\.7 --end-ip-address 203\.0\.113\.7$/,
    );
    expect(
      failureFor({ ...said, message: said.message.replace('203.0.113.7', '0.0.0.0/0; rm -rf') }, AZURE).remedy,
    ).toMatch(/--start-ip-address <address>/);
    expect(failureFor(said).remedy).not.toMatch(/\baz\b/);
  });

  test('RDS’s PAM is rds_iam, and PAM anywhere else is not', () => {
    const said = { code: '28000', message: 'PAM authentication failed for user "tls_auditor"', routine: 'auth_failed' };
    expect(failureFor(said, RDS)).toMatchObject({
      message: expect.stringMatching(/takes IAM tokens from tls_auditor, which has the role rds_iam/),
      remedy: expect.stringMatching(/rds-db:connect for tls_auditor[\s\S]*\nREVOKE rds_iam FROM tls_auditor;$/),
    });
    expect(failureFor(said).remedy).not.toMatch(/rds_iam/);
  });

  test.each([RDS, CLOUD_SQL])('rules that only the provider writes are not advised to be changed: %s', (host) => {
    const said = {
      code: '28000',
      message:
        'pg_hba.conf rejects connection for host "10.0.0.9", user "tls_auditor", database "rdsadmin", SSL encryption',
      routine: 'ClientAuthentication',
    };
    expect(failureFor(said, host).remedy).not.toMatch(/hostssl|pg_hba/);
  });

  test('Cloud SQL’s client certificates come from gcloud', () => {
    const said = {
      code: '28000',
      message: 'connection requires a valid client certificate',
      routine: 'ClientAuthentication',
    };
    expect(failureFor(said, CLOUD_SQL).remedy).toMatch(/gcloud sql ssl client-certs create/);
  });

  // Sources: neon.com/docs/connect/connection-errors, supabase/supavisor, rds-proxy.troubleshooting of the RDS user
  // guide.
  test.each<[string, string, string, FailureCause, RegExp]>([
    [
      NEON,
      'XX000',
      'Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for SNI support or pass the endpoint ID (first part of the domain name) as a parameter',
      'endpoint-not-found',
      /"host" of the target/,
    ],
    [
      NEON,
      'XX000',
      "The requested endpoint could not be found, or you don't have access to it. Please check the provided ID and try again.",
      'endpoint-not-found',
      /console/,
    ],
    [
      NEON,
      'XX000',
      'Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.',
      'endpoint-disabled',
      /quota or the plan/,
    ],
    [
      NEON,
      '53300',
      'Your project has exceeded the data transfer quota. Upgrade your plan to increase limits.',
      'endpoint-disabled',
      /quota/,
    ],
    [
      NEON,
      'XX000',
      'The endpoint has been disabled. Enable it using Neon API and retry.',
      'endpoint-disabled',
      /enable the endpoint/,
    ],
    [
      NEON,
      'XX000',
      'This IP address 203.0.113.7 is not allowed to connect to this endpoint.',
      'login-refused',
      /list of allowed addresses/,
    ],
    [NEON, 'XX000', "Couldn't connect to compute node", 'server-not-ready', /starting up/],
    [
      'aws-0-eu-central-1.pooler.supabase.com',
      'XX000',
      'Tenant or user not found',
      'endpoint-not-found',
      /<role>\.<project reference>/,
    ],
    [
      'aws-0-eu-central-1.pooler.supabase.com',
      'XX000',
      '(ENOTFOUND) tenant/user postgres.abc not found',
      'endpoint-not-found',
      /project reference/,
    ],
    [
      'aws-0-eu-central-1.pooler.supabase.com',
      'XX000',
      'MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size',
      'too-many-connections',
      /pool size/,
    ],
    [
      'p.proxy-abc.eu-west-1.rds.amazonaws.com',
      '28000',
      'This RDS proxy has no credentials for the role tls_auditor. Check the credentials for this role and try again.',
      'login-refused',
      /behind the proxy/,
    ],
    [
      'p.proxy-abc.eu-west-1.rds.amazonaws.com',
      '28000',
      'The IAM authentication failed for the role tls_auditor. Check the IAM token for this role and try again.',
      'login-refused',
      /behind the proxy/,
    ],
    [
      'p.proxy-abc.eu-west-1.rds.amazonaws.com',
      '28P01',
      'The password that was provided for the role tls_auditor is wrong.',
      'password-rejected',
      /present password/,
    ],
    [
      CLOUD_SQL,
      '28000',
      'Cloud SQL IAM user authentication failed for user "tls_auditor"',
      'login-refused',
      /gcloud sql users create/,
    ],
    [AZURE, '28000', 'Azure AD user token for role[tls_auditor] is expired', 'login-refused', /password-auth Enabled/],
    [
      AZURE,
      '28000',
      'Invalid Username specified. Please check the Username and retry connection. The Username should be in <username@hostname> format.',
      'login-refused',
      /<role>@<server>/,
    ],
    ['pooler.example.com', '08P01', 'no such database: orders', 'database-missing', /"database" of the target/],
    [
      'pooler.example.com',
      '3D000',
      "odyssey: c1e0a0: route for 'orders.tls_auditor' is not found",
      'database-missing',
      /PostgreSQL server itself/,
    ],
    ['pooler.example.com', '08P01', 'no such user: tls_auditor', 'password-rejected', /present password/],
    [
      'pooler.example.com',
      '08P01',
      'no more connections allowed (max_client_conn)',
      'too-many-connections',
      /max_client_conn/,
    ],
    [
      'pooler.example.com',
      '08P01',
      'server login has been failing, cached error: connect failed (server_login_retry)',
      'server-not-ready',
      /pooler's log/,
    ],
    [
      'pooler.example.com',
      '53300',
      'Sorry, too many clients already',
      'too-many-connections',
      /max_connections|max_client_conn/,
    ],
  ])('%s %s: %s', (host, code, message, cause, remedy) => {
    const failure = failureFor({ code, message }, host);
    expect(failure.cause).toBe(cause);
    expect(failure.remedy).toMatch(remedy);
  });

  test('words in the name of a role or database do not count', () => {
    const role = 'password authentication failed for user "AAD_Entra Tenant or user not found"';
    expect(failureFor({ code: '28P01', message: role, routine: 'auth_failed' }).cause).toBe('password-rejected');
    const database = 'database "endpoint is disabled" does not exist';
    expect(failureFor({ code: '3D000', message: database, routine: 'InitPostgres' }).cause).toBe('database-missing');
  });
});
