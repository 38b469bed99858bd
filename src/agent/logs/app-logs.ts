// The logs of all apps, each opened when it is first written or read, and kept open from then on.
import type { LogLine } from '../../domain/agent.ts';
import type { AppId, InstanceId } from '../../domain/ids.ts';
import type { HomeFolders } from '../folders.ts';
import { AppLog } from './app-log.ts';

export class AppLogs {
  readonly #folders: HomeFolders;
  readonly #logs = new Map<AppId, Promise<AppLog>>();

  constructor(folders: HomeFolders) {
    this.#folders = folders;
  }

  of(appId: AppId): Promise<AppLog> {
    let log = this.#logs.get(appId);
    if (log === undefined) {
      log = AppLog.open(this.#folders.logs(appId));
      this.#logs.set(appId, log);
      log.catch(() => this.#logs.delete(appId));
    }
    return log;
  }

  async tail(appId: AppId, count: number, instanceId: InstanceId | null): Promise<LogLine[]> {
    return (await this.of(appId)).tail(count, instanceId);
  }

  async *follow(
    appId: AppId,
    count: number,
    instanceId: InstanceId | null,
    signal: AbortSignal,
  ): AsyncGenerator<LogLine, void, void> {
    const log = await this.of(appId);
    for await (const line of log.follow(signal, count)) {
      if (instanceId === null || line.instanceId === instanceId) yield line;
    }
  }

  forget(appId: AppId): void {
    this.#logs.delete(appId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const log of this.#logs.values()) await (await log)[Symbol.asyncDispose]();
  }
}
