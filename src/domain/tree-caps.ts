// How large a tree may be that is placed on a server: control refuses one before it is sent, the agent trusts nobody and counts again.
export type TreeCaps = { entries: number; totalBytes: number; pathBytes: number };

export const defaultTreeCaps: TreeCaps = { entries: 100_000, totalBytes: 1024 ** 3, pathBytes: 1024 };
