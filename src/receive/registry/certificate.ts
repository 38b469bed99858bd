// A certificate for a key of our own, signed by itself, as small as X.509 allows. The registry takes the keys that it trusts only in this form;
// Node reads certificates and makes none. It names nobody, is shown to nobody but the registry, and is good for nothing else.
import { createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';

const [integer, bitString, octets, oid, utf8, boolean, time] = [0x02, 0x03, 0x04, 0x06, 0x0c, 0x01, 0x18];
const [sequence, set] = [0x30, 0x31];

/** Object identifiers, as they are coded. */
const ecdsaWithSha256 = '2a8648ce3d040302';
const commonName = '550403';
const basicConstraints = '551d13';
const keyUsage = '551d0f';

/** DER; from an hour before `nowMs` on, for twenty years. @param privateKey of the curve P-256 */
export function selfSigned(privateKey: KeyObject, name: string, nowMs: number): Buffer {
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const algorithm = der(sequence, der(oid, Buffer.from(ecdsaWithSha256, 'hex')));
  const who = der(
    sequence,
    der(set, der(sequence, der(oid, Buffer.from(commonName, 'hex')), der(utf8, Buffer.from(name)))),
  );
  const hour = 3_600_000;
  const valid = der(sequence, moment(nowMs - hour), moment(nowMs + 20 * 365.25 * 24 * hour));
  // Positive, and its first byte never 0.
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x3f) | 0x40;
  const extensions = der(
    sequence,
    extension(basicConstraints, der(sequence, der(boolean, Buffer.from([0xff])))),
    // Signatures, and certificates.
    extension(keyUsage, der(bitString, Buffer.from([2, 0x84]))),
  );
  const version3 = der(0xa0, der(integer, Buffer.from([2])));
  const body = der(
    ...([
      sequence,
      version3,
      der(integer, serial),
      algorithm,
      who,
      valid,
      who,
      publicKey,
      der(0xa3, extensions),
    ] as const),
  );
  const signature = der(bitString, Buffer.from([0]), sign('sha256', body, { key: privateKey, dsaEncoding: 'der' }));
  return der(sequence, body, algorithm, signature);
}

export const pemOf = (certificate: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replace(/.{64}(?=.)/g, '$&\n')}\n-----END CERTIFICATE-----\n`;

const extension = (id: string, value: Buffer): Buffer =>
  der(sequence, der(oid, Buffer.from(id, 'hex')), der(boolean, Buffer.from([0xff])), der(octets, value));

const moment = (ms: number): Buffer =>
  der(time, Buffer.from(`${new Date(ms).toISOString().replace(/\..*$|[-:T]/g, '')}Z`));

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
