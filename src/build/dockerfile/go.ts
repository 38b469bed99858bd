// A Go app: its modules, then its programs, built of the tree into bin/; what serves has neither the compiler nor the modules.
import { goBase, plainBase } from './bases.ts';
import { copyFiles, env, run } from './lines.ts';
import { appFolder, cacheFolder, type Writer } from './stages.ts';

const certificates = '/etc/ssl/certs/ca-certificates.crt';

export const writeGo: Writer = async ({ plan, cache }) => {
  const recipe = plan.gateLayer;
  const modules = recipe?.installer.tool === 'go-mod' ? recipe.installer.modules : [];
  const place = (word: string): string => word.replace('{interpreter}', 'go').replaceAll('{layer}', appFolder);
  const build = [
    `FROM ${goBase} AS build`,
    ...env({ GOMODCACHE: `${cacheFolder}/mod`, GOCACHE: `${cacheFolder}/build`, GOFLAGS: '-trimpath -buildvcs=false' }),
    `WORKDIR ${appFolder}`,
    ...copyFiles(recipe?.inputs ?? []),
    ...modules.map((folder) => run(['go', 'mod', 'download', ...(folder === '' ? [] : ['-C', folder])], cache)),
    'COPY . .',
    ...(plan.built?.steps ?? []).map(({ argv }) => run(argv.map(place), cache)),
  ];
  return {
    stages: [build],
    base: plainBase,
    takes: [`COPY --from=build ${certificates} ${certificates}`, `COPY --from=build ${appFolder} ${appFolder}`],
    layer: null,
    path: [],
    env: { HOST: '0.0.0.0' },
  };
};
