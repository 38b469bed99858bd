/** "64 MB", as people are told of limits and of what is near them. */
export const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)} MB`;
