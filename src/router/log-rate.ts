// A bound on log lines: strangers decide how many requests are refused, and a line must not cost more than the refusal. What
// is left out is counted, and told with the first line of a later second.

/**
 * Passes on at most `perSecond` lines a second.
 * @param write gets the line, and the number left out before it when there were any
 */
export function limitRate<T extends object>(
  perSecond: number,
  now: () => number,
  write: (line: T & { leftOut?: number }) => void,
): (line: T) => void {
  let second = Number.NEGATIVE_INFINITY;
  let passed = 0;
  let leftOut = 0;
  return (line) => {
    const current = Math.floor(now() / 1000);
    if (current !== second) {
      second = current;
      passed = 0;
    }
    if (passed >= perSecond) {
      leftOut += 1;
      return;
    }
    passed += 1;
    write(leftOut > 0 ? { ...line, leftOut } : line);
    leftOut = 0;
  };
}
