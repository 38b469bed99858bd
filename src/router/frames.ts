// Where one frame of a WebSocket ends and the next begins (RFC 6455 5.2), without keeping any of it: a frame of ours may only
// stand between two of theirs. And the one frame that we ever write.

export type Frames = {
  /** Follows a piece. @returns how many of its bytes come before the first end of a frame, that end included; -1: none ends in it */
  take(piece: Buffer): number;
  /** Nothing of a frame has been seen since the last one ended. */
  readonly isBetween: boolean;
};

/** Two bytes, up to eight of a long length, four of a mask. */
const longestHead = 14;

export function followFrames(): Frames {
  const head = Buffer.alloc(longestHead);
  let headBytes = 0;
  let bodyLeft = 0;
  const headLength = (): number => {
    if (headBytes < 2) return 2;
    const short = head[1]! & 127;
    return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (head[1]! & 128 ? 4 : 0);
  };
  const bodyLength = (): number => {
    const short = head[1]! & 127;
    if (short === 126) return head.readUInt16BE(2);
    return short === 127 ? Number(head.readBigUInt64BE(2)) : short;
  };
  return {
    take(piece) {
      let firstEnd = -1;
      for (let at = 0; at < piece.length; ) {
        if (bodyLeft > 0) {
          const step = Math.min(bodyLeft, piece.length - at);
          bodyLeft -= step;
          at += step;
        } else {
          head[headBytes] = piece[at]!;
          headBytes += 1;
          at += 1;
          if (headBytes < headLength()) continue;
          bodyLeft = bodyLength();
        }
        if (bodyLeft > 0) continue;
        headBytes = 0;
        if (firstEnd < 0) firstEnd = at;
      }
      return firstEnd;
    },
    get isBetween() {
      return bodyLeft === 0 && headBytes === 0;
    },
  };
}

/** A server's closing frame with status 1012, "service restart": the client may come back, and finds the new release. */
export const restartFrame: Buffer = (() => {
  const reason = Buffer.from('a newer release serves');
  return Buffer.concat([Buffer.from([0x88, reason.length + 2, 1012 >> 8, 1012 & 255]), reason]);
})();
