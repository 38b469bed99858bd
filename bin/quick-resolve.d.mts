/** null: for Node to find. */
export function quickly(
  specifier: string,
  parentUrl: string | undefined,
  conditions: readonly string[],
): { url: string; format: string; shortCircuit: true } | null;
