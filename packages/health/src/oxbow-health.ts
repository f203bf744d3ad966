#!/usr/bin/env node
/**
 * `oxbow-health livez --socket /tmp/health.sock`: asks a process that listens (`health.listen`) and ends with 0 when it answers 200, else with 1, also when it
 * does not answer in time, which is what a blocked event loop looks like; with 2 when it was called wrongly. Loads nothing but sockets: an exec probe starts
 * it every few seconds.
 */
import { connect, type NetConnectOpts } from 'node:net';

const USAGE =
  'usage: oxbow-health startupz|livez|readyz|healthz [--socket <path> | --port <number> [--host <name>]] [--timeout <ms>] [--verbose]\n';
const PROBES = ['startupz', 'livez', 'readyz', 'healthz'];

interface Order {
  readonly probe: string;
  readonly to: NetConnectOpts;
  readonly timeoutMs: number;
  readonly verbose: boolean;
}

function parse([probe = '', ...args]: readonly string[]): Order | undefined {
  const values = new Map<string, string>();
  let verbose = false;
  for (let at = 0; at < args.length; at++) {
    const name = args[at] ?? '';
    if (name === '--verbose') verbose = true;
    else if (['--socket', '--port', '--host', '--timeout'].includes(name) && args[at + 1] !== undefined) values.set(name, args[++at] ?? '');
    else return undefined;
  }
  const [path, port, timeoutMs] = [values.get('--socket'), Number(values.get('--port') ?? 9465), Number(values.get('--timeout') ?? 3000)];
  if (!PROBES.includes(probe) || !(timeoutMs > 0) || !(port > 0)) return undefined;
  return { probe, to: path === undefined ? { port, host: values.get('--host') ?? '127.0.0.1' } : { path }, timeoutMs, verbose };
}

function ask({ probe, to, timeoutMs, verbose }: Order): void {
  const socket = connect(to);
  let answer = '';
  const end = (code: number, text: string): void => {
    process.exitCode = code;
    process.stdout.write(`${text}\n`);
    socket.destroy();
    clearTimeout(timer);
  };
  const timer = setTimeout(() => end(1, `no answer within ${timeoutMs} ms`), timeoutMs);
  socket.setEncoding('utf8');
  socket.on('error', (error) => end(1, error.message));
  socket.on('data', (text: string) => (answer += text));
  socket.on('end', () => {
    const [head = '', body = ''] = answer.split(/\r\n\r\n(.*)/su);
    end(head.startsWith('HTTP/1.1 200 ') ? 0 : 1, body);
  });
  // 1.0: the answer is not chunked, and the connection ends with it.
  socket.write(`GET /${probe}${verbose ? '?verbose' : ''} HTTP/1.0\r\nHost: localhost\r\n\r\n`);
}

const order = parse(process.argv.slice(2));
if (order === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else ask(order);
