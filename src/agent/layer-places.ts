// What lies where in a layer and beside it, for whoever runs something with one.
import { join } from 'node:path';

/** Where the programs of a layer are: a venv's, and those of installed packages. */
export const layerPath = (layer: string): string[] => [join(layer, 'bin'), join(layer, 'node_modules', '.bin')];

/** Beside a layer, written when it is whole. */
export const layerMarker = (layer: string): string => `${layer}.complete`;
