// How an app finds a volume, wherever it runs: on the machine, in a container, in an image that Lockstep wrote.

/** `data` -> LOCKSTEP_VOLUME_DATA */
export const volumeVariable = (name: string): string =>
  `LOCKSTEP_VOLUME_${name.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`;
