// A network for each app: its containers reach one another and the outside, and no other app's. Found by its labels and not by a name, which
// somebody else may have taken; made once, when it is first needed. The engine's own pool of addresses ends at about thirty networks: from then on
// they come from a range that nobody else routes (198.18.0.0/15), sixteen addresses at a time.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AppId, NodeId } from '../../../domain/ids.ts';
import type { Engine } from '../../engine/engine.ts';
import { labelFilter, labelName, labelsOf } from '../../engine/labels.ts';
import { EngineRefusal } from '../../engine/stream.ts';

const listMs = 5000;

/** Somebody else may take addresses in the same moment. */
const mostTries = 20;

type Listed = {
  Id?: unknown;
  Labels?: Record<string, string> | null;
  IPAM?: { Config?: { Subnet?: string }[] | null };
};

export class AppNetworks {
  readonly #engine: Engine;
  readonly #node: NodeId;
  readonly #known = new Map<AppId, Promise<string>>();

  constructor(engine: Engine, node: NodeId) {
    this.#engine = engine;
    this.#node = node;
  }

  /** The engine's id of the app's network. @throws engine-away, EngineRefusal */
  of(app: AppId): Promise<string> {
    const known = this.#known.get(app) ?? this.#findOrMake(app);
    this.#known.set(app, known);
    known.catch(() => this.#known.delete(app));
    return known;
  }

  /** It is not what it was: looked for again when it is asked for. */
  forget(app: AppId): void {
    this.#known.delete(app);
  }

  /** Nothing may run in it any more. */
  async remove(app: AppId): Promise<void> {
    this.#known.delete(app);
    for (const { Id } of await this.#list({ app }))
      await this.#engine.ask('DELETE', `/networks/${Id}`, { fine: [404] });
  }

  /** Apps that have one. */
  async apps(): Promise<{ id: string; app: string; subnets: readonly string[] }[]> {
    const all = await this.#list({});
    return all.flatMap(({ Id, Labels, IPAM }) => {
      const app = Labels?.[labelName('app')];
      return app === undefined ? [] : [{ id: String(Id), app, subnets: subnetsOf(IPAM) }];
    });
  }

  async #findOrMake(app: AppId): Promise<string> {
    const [there] = await this.#list({ app });
    return there === undefined ? this.#make(app) : String(there.Id);
  }

  async #make(app: AppId): Promise<string> {
    const body = {
      Name: `lockstep-${app}-${randomBytes(3).toString('hex')}`,
      Driver: 'bridge',
      CheckDuplicate: true,
      Labels: labelsOf({ node: this.#node, app }),
    };
    try {
      return await this.#ask(body);
    } catch (error) {
      if (!(error instanceof EngineRefusal) || !/address pool/i.test(error.message)) throw error;
    }
    const taken = [...(await this.#subnets()), ...routesOf(readFileSync('/proc/net/route', 'latin1'))];
    for (const subnet of freeSubnets(taken).take(mostTries)) {
      try {
        return await this.#ask({ ...body, IPAM: { Config: [{ Subnet: subnet }] } });
      } catch (error) {
        if (!(error instanceof EngineRefusal) || !/overlap/i.test(error.message)) throw error;
      }
    }
    throw new EngineRefusal(500, 'no addresses are left for another network');
  }

  async #ask(body: object): Promise<string> {
    const { body: made } = await this.#engine.ask('POST', '/networks/create', { json: body });
    return String((made as { Id?: unknown } | null)?.Id);
  }

  async #list(owner: { app?: AppId }): Promise<Listed[]> {
    const filters = labelFilter({ node: this.#node, ...owner });
    const { body } = await this.#engine.ask('GET', `/networks?filters=${encodeURIComponent(filters)}`, {
      timeoutMs: listMs,
    });
    return Array.isArray(body) ? (body as Listed[]) : [];
  }

  async #subnets(): Promise<string[]> {
    const { body } = await this.#engine.ask('GET', '/networks');
    const all = Array.isArray(body) ? (body as Listed[]) : [];
    return all.flatMap(({ IPAM }) => subnetsOf(IPAM));
  }
}

const subnetsOf = (ipam: Listed['IPAM']): string[] => (ipam?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []);

/** What this machine routes anywhere, as subnets; the way to everywhere else left out. */
export function routesOf(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const [, hex, , , , , , mask] = line.split('\t');
    if (!/^[0-9A-F]{8}$/.test(hex ?? '') || hex === '00000000' || !/^[0-9A-F]{8}$/.test(mask ?? '')) return [];
    const bits = [...Buffer.from(mask!, 'hex')].reduce(
      (sum, byte) => sum + byte.toString(2).replaceAll('0', '').length,
      0,
    );
    return [`${[...Buffer.from(hex!, 'hex')].reverse().join('.')}/${bits}`];
  });
}

/** 198.18.0.0 */
const firstAddress = 198 * 2 ** 24 + 18 * 2 ** 16;
const [rangeBits, netBits] = [15, 28];

/** Of the range, those that overlap with none of these. */
export function* freeSubnets(taken: readonly string[]): Generator<string> {
  const ranges = taken.map(rangeOf).filter((one) => one !== null);
  const size = 2 ** (32 - netBits);
  for (let at = firstAddress; at < firstAddress + 2 ** (32 - rangeBits); at += size) {
    if (ranges.some(([from, to]) => at < to && from < at + size)) continue;
    yield `${[24, 16, 8, 0].map((shift) => (at >>> shift) & 255).join('.')}/${netBits}`;
  }
}

function rangeOf(subnet: string): [number, number] | null {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(subnet);
  if (match === null) return null;
  const [a, b, c, d, bits] = match.slice(1).map(Number) as [number, number, number, number, number];
  const from = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  return [from, from + 2 ** (32 - bits)];
}
