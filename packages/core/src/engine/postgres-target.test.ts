import { describe, expect, it } from 'vitest';
import { OxbowError } from '../errors.ts';
import { postgresTarget, schemaOf } from './postgres-target.ts';

const target = (url: string, app = 'shop') => postgresTarget({ app, url, tls: undefined, connectTimeoutMs: 1000 });

describe('the schema of an app', () => {
  it('is its name, where an identifier can hold it', () => {
    expect(schemaOf('shop_2')).toBe('oxbow_shop_2');
    expect(schemaOf('Shop')).toBe('oxbow_Shop');
  });

  it('is different for different apps, and always an identifier that Postgres keeps whole', () => {
    const long = 'a'.repeat(127);
    const apps = ['a-b', 'a.b', 'a_b', 'A-b', `${long}1`, `${long}2`, long, '-', '.', '_', 'ab'.repeat(29)];
    const schemas = apps.map(schemaOf);
    expect(new Set(schemas).size).toBe(apps.length);
    for (const schema of schemas) expect(schema).toMatch(/^oxbow_[A-Za-z0-9_]*(?:\$[0-9a-f]{16})?$/u);
    for (const schema of schemas) expect(schema.length).toBeLessThanOrEqual(63);
  });
});

describe('a Postgres URL', () => {
  it('gives a label without user and password', () => {
    expect(target('postgres://u:s3cret@host/db?sslmode=require').label).toBe('postgres://host:5432/db');
    expect(target('postgresql://u:s3cret@host:6543').label).toBe('postgresql://host:6543');
  });

  it('keeps its own options beside the schema and the keep-alive of the server', () => {
    const options = new URL(target('postgres://host/db?options=-c%20work_mem%3D8MB').connectionString).searchParams.getAll('options');
    expect(options).toEqual([expect.stringMatching(/^-c work_mem=8MB -c search_path="oxbow_shop" .*-c tcp_user_timeout=10000$/u)]);
  });

  it('says how many connections there may be', () => {
    expect(target('postgres://host/db').poolSize).toBe(10);
    expect(target('postgres://host/db?pool=3').poolSize).toBe(3);
    for (const size of ['0', '-1', 'x', '1.5', '100000']) {
      expect(() => target(`postgres://host/db?pool=${size}`)).toThrow(expect.objectContaining({ code: 'invalid_url' }) as Error);
    }
  });

  it.each(['postgres://', 'postgres:///db', 'postgres://u:s3cret@:1:1/x', 'postgres:host'])(
    'is refused without its password: %s',
    (url) => {
      let thrown: unknown;
      try {
        target(url);
      } catch (error) {
        thrown = error;
      }
      expect(OxbowError.is(thrown) && thrown.code).toBe('invalid_url');
      expect(`${(thrown as Error).message} ${String((thrown as Error).cause)}`).not.toContain('s3cret');
    },
  );
});
