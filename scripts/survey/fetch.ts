// Takes a project's source distribution by the ordinary client of its language and makes a repository of it.
import { cpSync, globSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from '../../test/support/stage.ts';
import type { Project } from './projects.ts';

/** The folder of the repository, with everything committed on main. */
export async function fetchProject(stage: Stage, project: Project, app: string): Promise<string> {
  const down = join(stage.folder, `down-${app}`);
  const work = join(stage.folder, app);
  mkdirSync(down);
  if (project.kind === 'go') await fromGo(stage, project, down, work);
  else {
    const argv =
      project.kind === 'python'
        ? [
            'python3',
            '-m',
            'pip',
            'download',
            '-q',
            '--no-deps',
            '--no-binary',
            ':all:',
            `${project.name}==${project.version}`,
          ]
        : ['npm', 'pack', '--silent', `${project.name}@${project.version}`];
    await must(stage, argv, down);
    const [archive] = readdirSync(down).filter((name) => /\.(?:tar\.gz|tgz)$/.test(name));
    if (archive === undefined) throw new Error('the client brought no archive');
    await must(stage, ['tar', '-xzf', archive], down);
    const [top] = readdirSync(down, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    cpSync(join(down, top!.name), work, { recursive: true });
  }
  rmSync(down, { recursive: true, force: true });
  // What the packing made and no repository holds.
  for (const made of globSync(['*.egg-info', 'src/*.egg-info', 'PKG-INFO'], { cwd: work }))
    rmSync(join(work, made), { recursive: true, force: true });
  await must(stage, ['git', 'init', '-q', '-b', 'main', work], stage.folder);
  await stage.commit(work, `${project.name} ${project.version}`);
  return work;
}

async function fromGo(stage: Stage, { name, version }: Project, down: string, work: string): Promise<void> {
  const said = await must(stage, ['go', 'mod', 'download', '-json', `${name}@${version}`], down);
  const { Dir } = JSON.parse(said) as { Dir: string };
  cpSync(Dir, work, { recursive: true });
  await must(stage, ['chmod', '-R', 'u+w', work], down);
}

async function must(stage: Stage, argv: string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await stage.run(argv, { cwd });
  if (code !== 0) throw new Error(`${argv.slice(0, 3).join(' ')} ended with ${code}: ${stderr.slice(-500)}`);
  return stdout;
}
