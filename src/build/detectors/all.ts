// The list of detectors. A new kind of application is a new file and a line here.
import type { Detector } from './detection.ts';
import { djangoDetector } from './django.ts';
import { flaskDetector } from './flask.ts';
import { asgiDetector, fastapiDetector, wsgiDetector } from './generic.ts';
import { goDetector } from './go.ts';
import { mkdocsDetector } from './mkdocs.ts';
import { nodeDetector } from './node.ts';
import { procfileDetector } from './procfile.ts';
import { pythonFallbackDetector } from './python-fallback.ts';
import { staticDetector } from './static.ts';

export const detectors: readonly Detector[] = [
  procfileDetector,
  djangoDetector,
  flaskDetector,
  fastapiDetector,
  asgiDetector,
  wsgiDetector,
  nodeDetector,
  goDetector,
  pythonFallbackDetector,
  staticDetector,
  mkdocsDetector,
];
