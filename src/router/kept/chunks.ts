// A chunked body, decoded as its bytes come in. Strict: CRLF only, sizes of at most 13 hex digits; extensions and trailers are
// bounded and thrown away.
const mostLineBytes = 1024;
const mostTrailerBytes = 16 * 1024;
const [cr, lf, semicolon] = [13, 10, 59];

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'trailer-lf';

export type Chunks = {
  /**
   * Reads from `start`, gives each piece of data to `piece` by its place in `bytes`.
   * @returns where the body ended, or -1: it goes on
   * @throws when it is not a chunked body
   */
  read(bytes: Buffer, start: number, end: number, piece: (from: number, to: number) => void): number;
};

export function createChunks(): Chunks {
  let state: State = 'size';
  let size = 0;
  let digits = 0;
  /** Of the line, or of the trailer's line. */
  let lineBytes = 0;
  let trailerBytes = 0;
  const wrong = () => new Error('not a chunked body');
  return {
    read(bytes, start, end, piece) {
      for (let at = start; at < end; at += 1) {
        const byte = bytes[at]!;
        switch (state) {
          case 'size': {
            const digit = hexOf(byte);
            if (digit >= 0) {
              size = size * 16 + digit;
              digits += 1;
              if (digits > 13) throw wrong();
            } else if (digits > 0 && (byte === semicolon || byte === cr)) {
              state = byte === cr ? 'size-lf' : 'extension';
              lineBytes = 0;
            } else throw wrong();
            break;
          }
          case 'extension':
            lineBytes += 1;
            if (byte === cr) state = 'size-lf';
            else if (byte === lf || lineBytes > mostLineBytes) throw wrong();
            break;
          case 'size-lf':
            if (byte !== lf) throw wrong();
            state = size === 0 ? 'trailer' : 'data';
            lineBytes = 0;
            break;
          case 'data': {
            const to = Math.min(end, at + size);
            piece(at, to);
            size -= to - at;
            at = to - 1;
            if (size === 0) state = 'data-cr';
            break;
          }
          case 'data-cr':
            if (byte !== cr) throw wrong();
            state = 'data-lf';
            break;
          case 'data-lf':
            if (byte !== lf) throw wrong();
            state = 'size';
            digits = 0;
            break;
          case 'trailer':
            trailerBytes += 1;
            if (byte === cr) state = 'trailer-lf';
            else if (byte === lf || trailerBytes > mostTrailerBytes) throw wrong();
            else lineBytes += 1;
            break;
          case 'trailer-lf':
            if (byte !== lf) throw wrong();
            if (lineBytes === 0) return at + 1;
            state = 'trailer';
            lineBytes = 0;
            break;
        }
      }
      return -1;
    },
  };
}

function hexOf(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
