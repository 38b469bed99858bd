// Control's first act, before anything of the home is touched: another one may serve it, or be frozen in the middle of a deploy.
import { errorRegistry, isFailure } from '../domain/errors.ts';
import { holdAlone } from '../store/hold-alone.ts';

/** Ends this process, with the reason in its log, when another control has the database. @throws disk-full, disk-failed */
export function holdOrEnd(lock: string, say: (line: object) => void): Disposable {
  try {
    return holdAlone(lock);
  } catch (error) {
    if (!isFailure(error, 'home-in-use')) throw error;
    say({ level: 'error', code: error.code, message: error.message, advice: error.advice });
    process.exit(errorRegistry[error.code].exit);
  }
}
