/** Of this package, as its package.json says (version.test.ts). */
export const VERSION = '0.1.0';
