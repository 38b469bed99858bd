// A request without a body as text, for a kept connection. What could begin another line is refused here too, although the
// parser in front of the router lets none of it through.
const notInPath = /[^\x21-\xff]/;
const notInValue = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * @param headers names and values by turns; names come from a parser or are ours
 * @throws when the path or a value has a character that no request may have
 */
export function requestText(method: string, path: string, headers: readonly string[]): string {
  if (notInPath.test(path)) throw new Error('a character in the path that no request may have');
  let text = `${method} ${path} HTTP/1.1\r\n`;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value = headers[at + 1]!;
    if (notInValue.test(value)) throw new Error('a character in a header that no request may have');
    text += `${headers[at]}: ${value}\r\n`;
  }
  return `${text}Connection: keep-alive\r\n\r\n`;
}
