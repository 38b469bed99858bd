// The one table in force. `swap` replaces it whole and wakes whoever holds a request until it changes.
import { fail } from '../domain/errors.ts';
import type { RouteSnapshot } from '../domain/route.ts';
import { type RouteTable, routeTable } from './match.ts';

export type Routes = {
  /** null before the first snapshot. */
  readonly table: RouteTable | null;
  readonly generation: number;
  swap(snapshot: RouteSnapshot): void;
  /** @throws conflict when `snapshot` is older than the one in force, or another one of the same generation */
  assertNotOlder(snapshot: RouteSnapshot): void;
  /** Calls back once at the next swap; returns how to take it back. */
  onceChanged(call: () => void): () => void;
};

export function createRoutes(first: RouteSnapshot | null): Routes {
  let table = first === null ? null : routeTable(first);
  const waiting = new Set<() => void>();
  const assertNotOlder = (snapshot: RouteSnapshot) => {
    if (table === null || snapshot.generation > table.snapshot.generation) return;
    if (JSON.stringify(snapshot) === JSON.stringify(table.snapshot)) return;
    throw fail('conflict', `Generation ${snapshot.generation} is not newer than ${table.snapshot.generation}`);
  };
  return {
    get table() {
      return table;
    },
    get generation() {
      return table?.snapshot.generation ?? 0;
    },
    assertNotOlder,
    swap(snapshot) {
      assertNotOlder(snapshot);
      table = routeTable(snapshot, table);
      const calls = [...waiting];
      waiting.clear();
      for (const call of calls) call();
    },
    onceChanged(call) {
      waiting.add(call);
      return () => waiting.delete(call);
    },
  };
}
