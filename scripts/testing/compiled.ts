// Loaded before each test file: what Node compiled of the tree is kept for the next file, which loads most of the same modules. For these
// processes alone: it stands in no environment, so that what a test starts finds its own cache, or none.
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import '../../bin/quick-resolve.mjs';

enableCompileCache(join(tmpdir(), `lockstep-test-files-compiled-${process.getuid?.() ?? 0}`));
