import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let made: { key: string; cert: string } | undefined;

/** A key and a self-signed certificate for 127.0.0.1, made once a process with the `openssl` command. */
export function certificate(): { key: string; cert: string } {
  made ??= make();
  return made;
}

function make(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'nevermind-'));
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const how = [
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
    ];
    execFileSync('openssl', ['req', ...how, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert], {
      stdio: 'pipe',
    });
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  } catch (error) {
    throw new Error('These specs need the `openssl` command to make a certificate; install the package openssl.', {
      cause: error,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
