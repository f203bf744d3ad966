/**
 * Lets Postgres keep every string that JSON can carry.
 *
 * `jsonb` refuses NUL (`\u0000`) and lone surrogates, `text` refuses NUL, and both are legal in JavaScript strings. They
 * are stored as the private-use character U+E000 followed by the four hex digits of the code unit; U+E000 itself is
 * stored the same way, so reading is exact. Text without any of the three is returned as it came, after one scan.
 */

const MARK = '\uE000';
/** What JSON text may hold of the three: escapes as JSON.stringify writes them, and raw characters. */
const JSON_SUSPECT = /\\u(?:0000|[dD][89a-fA-F])|[\uE000\uD800-\uDFFF]/;
/** A pair first, so that only lone halves reach the later branches; `\\.` keeps an escaped backslash from looking like an escape. */
const JSON_TOKEN =
  /\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[\uD800-\uDBFF][\uDC00-\uDFFF]|\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})|\\[^]|([\uE000\uD800-\uDFFF])/g;
const TEXT_SUSPECT = /[\0\uE000\uD800-\uDFFF]/;
const TEXT_TOKEN = /[\uD800-\uDBFF][\uDC00-\uDFFF]|([\0\uE000\uD800-\uDFFF])/g;
/** Only what escaping can have written; U+E000 before anything else is somebody else's text. */
const ESCAPED = /\uE000(0000|e000|d[89a-f][0-9a-f]{2})/g;

/** JSON text → JSON text that jsonb takes. */
export function escapeJson(json: string): string {
  if (!JSON_SUSPECT.test(json)) return json;
  return json.replace(JSON_TOKEN, (token: string, escaped: string | undefined, raw: string | undefined) => {
    if (escaped !== undefined) return MARK + escaped.toLowerCase();
    return raw === undefined ? token : mark(raw);
  });
}

/** The reverse of {@link escapeJson}; text that was never escaped comes back as it is. */
export function unescapeJson(json: string): string {
  if (!json.includes(MARK)) return json;
  return json.replace(ESCAPED, (_, hex: string) => (hex === 'e000' ? MARK : `\\u${hex}`));
}

/** A string → a string that a text column takes. */
export function escapeText(text: string): string {
  if (!TEXT_SUSPECT.test(text)) return text;
  return text.replace(TEXT_TOKEN, (token: string, raw: string | undefined) => (raw === undefined ? token : mark(raw)));
}

/** The reverse of {@link escapeText}. */
export function unescapeText(text: string): string {
  if (!text.includes(MARK)) return text;
  return text.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/**
 * JSON text that was stored as a string inside JSON has been unescaped one level too far: a NUL stands raw in it.
 * This makes it JSON text again.
 */
export function repairNestedJson(json: string): string {
  return json.includes('\0') ? json.replaceAll('\0', '\\u0000') : json;
}

const TEXT_OID = 25;
const JSONB_OID = 3802;
const JSON_OID = 114;

/** Column readers by type id, for a Postgres client that reads BullMQ's tables. */
export const unescapingParsers: Readonly<Record<number, (text: string) => unknown>> = {
  [TEXT_OID]: unescapeText,
  [JSON_OID]: parseJson,
  [JSONB_OID]: parseJson,
};

function parseJson(text: string): unknown {
  return JSON.parse(unescapeJson(text));
}

function mark(codeUnit: string): string {
  return MARK + codeUnit.charCodeAt(0).toString(16).padStart(4, '0');
}
