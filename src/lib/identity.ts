/** As whom a process runs, or whose a file is, by the numbers that the kernel knows. */
export type Identity = { uid: number; gid: number };
