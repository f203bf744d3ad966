/** A server's URL; empty where there is none, and its tests are left out. */
export function fromEnvironment(variable: string): string {
  const url = process.env[variable] ?? '';
  const { CI = '' } = process.env;
  if (url === '' && CI !== '' && CI !== 'false') throw new Error(`${variable} is not set: in CI nothing is left out. npm test sets it.`);
  return url;
}
