// Lets commands in an image find what the checks bring: packages that the image lacks, in its own folder of packages.
// bring_node.mjs BIN
import { mergeModules } from './node_in_image.mjs';

for (const note of mergeModules('/lockstep/gate/modules', process.cwd())) console.error(note);
