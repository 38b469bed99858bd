// The installation's certificates in the builds of what Lockstep writes: mounted for each step and named to whatever fetches in it, in a variable
// of the step alone. Nothing of them is in the image, and the same text without them is what `lockstep dockerfile` prints.
import { certificatesId } from '../../domain/build-inputs.ts';

const file = `/run/secrets/${certificatesId}`;
/** Of OpenSSL, Go and uv; of pip; of requests; of curl; of Node and npm; of git. */
const names = [
  'SSL_CERT_FILE',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
  'GIT_SSL_CAINFO',
];

/** @param text as `writeDockerfile` and `writeGate` make it: a RUN is one line of the shell */
export function withCertificates(text: string): string {
  const mount = `--mount=type=secret,id=${certificatesId},target=${file},mode=0444`;
  const settings = names.map((name) => `${name}=${file}`).join(' ');
  return text.replace(/^RUN ((?:--\S+ )*)/gm, (_, flags: string) => `RUN ${flags}${mount} export ${settings}; `);
}
