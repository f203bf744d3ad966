import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from './fixture-process.ts';

/** Files of a key and of a certificate for localhost that only it vouches for; gone when the test ends. */
export async function certificate(): Promise<{ readonly folder: string; readonly key: string; readonly cert: string }> {
  const folder = await temporaryFolder();
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  await promisify(execFile)(
    'openssl',
    'req -x509 -newkey rsa:2048 -nodes -days 2'.split(' ').concat('-keyout', key, '-out', cert, subject),
  );
  return { folder, key, cert };
}

/** Of a redis-server that speaks TLS at `port` and asks nobody for a certificate. */
export function tlsSettings(port: number, { key, cert }: { readonly key: string; readonly cert: string }): readonly string[] {
  return `--tls-port ${port} --tls-cert-file ${cert} --tls-key-file ${key} --tls-ca-cert-file ${cert} --tls-auth-clients no`.split(' ');
}
