import { afterEach, describe, expect, it, vi } from 'vitest';
import { createApp } from './app.ts';
import { silent } from './testing/with-app.ts';

const create = (url?: string): void => void createApp({ name: 'url', logger: silent, ...(url === undefined ? {} : { url }) });

describe('the URL of an app', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is required in production', () => {
    vi.stubEnv('NODE_ENV', 'production');
    vi.stubEnv('OXBOW_URL', undefined);
    expect(() => create()).toThrow(expect.objectContaining({ code: 'url_required' }) as Error);
    vi.stubEnv('OXBOW_URL', '');
    expect(() => create()).toThrow(expect.objectContaining({ code: 'url_required' }) as Error);
  });

  it('may name the embedded engine in production, in so many words', () => {
    vi.stubEnv('NODE_ENV', 'production');
    expect(() => create('embedded:')).not.toThrow();
    vi.stubEnv('OXBOW_URL', 'redis://127.0.0.1:1');
    expect(() => create()).not.toThrow();
  });

  it('comes from OXBOW_URL, else it is embedded', () => {
    vi.stubEnv('NODE_ENV', 'test');
    vi.stubEnv('OXBOW_URL', 'nonsense://x');
    expect(() => create()).toThrow(expect.objectContaining({ code: 'invalid_url' }) as Error);
    vi.stubEnv('OXBOW_URL', undefined);
    expect(() => create()).not.toThrow();
  });

  it.each(['postgres://', 'redis+cluster://', 'redis+sentinel://h', 'http://h', 'h', '', 'redis://'])(
    'is refused when it names no engine: %s',
    (url) => {
      expect(() => create(url)).toThrow(expect.objectContaining({ code: 'invalid_url' }) as Error);
    },
  );
});
