/** The gates of `npm run check`, in the order in which they run: each is the npm script `check:<name>`. */
export const gates = ['types', 'lint', 'format', 'layers', 'house', 'packages', 'unused', 'api', 'docs', 'examples'];
