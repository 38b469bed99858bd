// A request's path as the log has it: so long and no longer, and without the secret that the address of a hook may hold.
const mostCharacters = 200;

export const loggedPath = (url: string | undefined): string =>
  (url ?? '').replace(/lsh_[\w-]*/g, 'lsh_…').slice(0, mostCharacters);
