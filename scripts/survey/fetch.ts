// Takes a project's source distribution by the ordinary client of its language, once, and makes a repository of it.
import {
  chmodSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Stage } from '../../test/support/stage.ts';
import { appName, type Project } from './projects.ts';

const limitSeconds = 300;

/** The folder of the repository, with everything committed on main. `kept`: where what was fetched stays. */
export async function fetchProject(stage: Stage, project: Project, kept: string): Promise<string> {
  const source = join(kept, `${appName(project)}-${project.version}`);
  if (!existsSync(source)) {
    mkdirSync(kept, { recursive: true });
    const down = mkdtempSync(join(kept, '.down-'));
    try {
      renameSync(await (project.kind === 'go' ? fromGo : fromArchive)(stage, project, down), source);
    } finally {
      rmSync(down, { recursive: true, force: true });
    }
  }
  const work = join(stage.folder, appName(project));
  cpSync(source, work, { recursive: true });
  await must(stage, ['git', 'init', '-q', '-b', 'main', work], stage.folder);
  // Everything, also what its own .gitignore would leave out: that is what was published.
  await must(stage, ['git', 'add', '-A', '-f'], work);
  await stage.commit(work, `${project.name} ${project.version}`);
  return work;
}

async function fromArchive(stage: Stage, { kind, name, version }: Project, down: string): Promise<string> {
  const pip = ['python3', '-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', ':all:', `${name}==${version}`];
  await must(stage, kind === 'python' ? pip : ['npm', 'pack', '--silent', `${name}@${version}`], down);
  const [archive] = readdirSync(down).filter((one) => /\.(?:tar\.gz|tgz)$/.test(one));
  if (archive === undefined) throw new Error('the client brought no archive');
  await must(stage, ['tar', '-xzf', archive], down);
  const [top] = readdirSync(down, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const work = join(down, top!.name);
  // What the packing made and no repository holds.
  for (const made of globSync(['*.egg-info', 'src/*.egg-info', 'PKG-INFO'], { cwd: work }))
    rmSync(join(work, made), { recursive: true, force: true });
  return work;
}

async function fromGo(stage: Stage, { name, version }: Project, down: string): Promise<string> {
  const { Dir } = JSON.parse(await must(stage, ['go', 'mod', 'download', '-json', `${name}@${version}`], down)) as {
    Dir: string;
  };
  const work = join(down, 'work');
  cpSync(Dir, work, { recursive: true });
  // The module cache is read-only.
  await must(stage, ['chmod', '-R', 'u+w', work], down);
  chmodSync(work, 0o755);
  return work;
}

async function must(stage: Stage, argv: string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await stage.run(['timeout', String(limitSeconds), ...argv], { cwd });
  if (code !== 0) throw new Error(`${argv.slice(0, 4).join(' ')} ended with ${code}: ${stderr.slice(-500)}`);
  return stdout;
}
