// Small pieces of text for people: durations, ages, short ids, and a server's line made safe for a terminal.

/** Milliseconds as seconds: `0.4 s`, `12 s`, `3 min 5 s`. */
export function seconds(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(ms < 95 ? 2 : 1)} s`;
  const whole = Math.round(ms / 1000);
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** How long ago, in the largest unit that fits: `12 s ago`, `3 h ago`, `5 d ago`. */
export function ago(thenMs: number, nowMs: number): string {
  const s = Math.max(0, Math.round((nowMs - thenMs) / 1000));
  if (s < 60) return `${s} s ago`;
  if (s < 3_600) return `${Math.floor(s / 60)} min ago`;
  return s < 172_800 ? `${Math.floor(s / 3_600)} h ago` : `${Math.floor(s / 86_400)} d ago`;
}

/** The first digits of an object id or digest, enough for people. */
export function short(id: string | null | undefined): string {
  return id ? id.replace(/^sha256:/, '').slice(0, 8) : '-';
}

/** A server's or an app's line for a terminal: colours stay, every other control character goes. */
export function safeLine(text: string): string {
  return text.replace(/\u001b(?!\[[0-9;]{0,20}m)|[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f-\u009f]/g, '');
}

/** `3.0 MB`; of 1024 each. */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let [value, at] = [bytes, 0];
  for (; value >= 1024 && at < units.length - 1; at += 1) value /= 1024;
  return at === 0 ? `${value} bytes` : `${value.toFixed(1)} ${units[at]}`;
}
