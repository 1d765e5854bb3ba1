// Recognises TLS parameters that ask for less than verify-full, in the spellings of drivers of every language.

/** A name as it is stored, with its value. */
export type Parameter = readonly [name: string, value: string];

const SSL_MODES = ['disable', 'allow', 'prefer', 'no-verify', 'require', 'verify-ca', 'verify-full'];
const OFF = ['false', '0', 'off', 'no', 'disable', 'disabled'];
const ON = ['true', '1', 'on', 'yes'];

/** What no driver knows is not shown: it may be a password that a missing separator put there. */
export function showSslMode(value: string): string {
  return SSL_MODES.includes(value.toLowerCase()) ? value : '(unknown value)';
}

/** `sslmode`, in lower case, and what asks for less than verify-full, each as `name=value`. */
export function weakSettings(parameters: readonly Parameter[]): {
  readonly sslmode: string | undefined;
  readonly weakParameters: readonly string[];
} {
  const sslmode = parameters.findLast(([name]) => isSslMode(name))?.[1].replace(/^Verify(CA|Full)$/i, 'verify-$1');
  return {
    sslmode: sslmode === undefined || sslmode === '' ? undefined : showSslMode(sslmode).toLowerCase(),
    weakParameters: [...new Set(parameters.flatMap(weakness))],
  };
}

/** Without what separates words, in lower case: `sslMode`, `ssl_mode` and `SSL Mode` are one. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[\s_-]/g, '');
}

function isSslMode(name: string): boolean {
  return /^(?:pg|db|postgres|postgresql|database)?sslmode$/.test(plain(name));
}

/**
 * Settings of libpq, node-postgres, JDBC, R2DBC, Prisma, asyncpg, Npgsql and ODBC that ask for less than verify-full.
 */
export function weakness([name, value]: Parameter): readonly string[] {
  const setting = value.toLowerCase();
  const weak = [`${name}=${value}`];
  if (isSslMode(name)) {
    return ['verify-full', 'verifyfull', ''].includes(setting) ? [] : [`${name}=${showSslMode(value)}`];
  }
  switch (plain(name)) {
    case 'ssl':
    case 'tls':
    case 'usessl':
    case 'requiressl':
    case 'sslenabled':
    case 'pgssl':
    case 'dbssl':
      return setting !== 'verify-full' && [...OFF, ...SSL_MODES].includes(setting) ? weak : [];
    case 'rejectunauthorized':
    case 'sslrejectunauthorized':
    case 'dbsslrejectunauthorized':
    case 'sslverify':
    case 'verifyssl':
      return OFF.includes(setting) ? weak : [];
    case 'trustservercertificate':
      return ON.includes(setting) ? weak : [];
    case 'sslfactory':
      return /^[\w.]*NonValidatingFactory$/.test(value) ? weak : [];
    case 'sslaccept':
      return setting === 'accept_invalid_certs' ? weak : [];
    default:
      return [];
  }
}
