// Every route that there is. The OpenAPI document, the rights matrix of the tests and the server are made from this list.
import type { Route } from './route.ts';
import { appRoutes } from './routes/apps.ts';
import { buildSecretRoutes } from './routes/build-secrets.ts';
import { changeRoutes } from './routes/changes.ts';
import { configRoutes } from './routes/config.ts';
import { doctorRoutes } from './routes/doctor.ts';
import { hookRoutes } from './routes/hooks.ts';
import { imageRoutes } from './routes/images.ts';
import { liveRoutes } from './routes/live.ts';
import { mergeRoutes } from './routes/merges.ts';
import { ownImageRoutes } from './routes/own-images.ts';
import { platformRoutes } from './routes/platform.ts';
import { publishedRoutes } from './routes/published.ts';
import { recordRoutes } from './routes/records.ts';
import { releaseRoutes } from './routes/releases.ts';
import { runRoutes } from './routes/runs.ts';
import { tokenRoutes } from './routes/tokens.ts';

export const routes: readonly Route[] = [
  ...platformRoutes,
  ...appRoutes,
  ...liveRoutes,
  ...doctorRoutes,
  ...releaseRoutes,
  ...changeRoutes,
  ...mergeRoutes,
  ...publishedRoutes,
  ...configRoutes,
  ...buildSecretRoutes,
  ...recordRoutes,
  ...runRoutes,
  ...tokenRoutes,
  ...imageRoutes,
  ...hookRoutes,
  ...ownImageRoutes,
];
