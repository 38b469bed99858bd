// FastAPI and its like, then any WSGI or ASGI callable: the same search for other constructors.
import { findCallables, losers } from './callables.ts';
import type { Detector } from './detection.ts';

function callableDetector(name: string, server: 'wsgi' | 'asgi', rank: number, className: string): Detector {
  return {
    name,
    looksFor: `an object of ${className.replaceAll('\\', '').replaceAll('|', ', ')}`,
    async detect(view) {
      const candidates = await findCallables(view, className);
      const winner = candidates[0];
      if (winner === undefined) return null;
      return {
        name,
        rank,
        why: winner.says,
        web: { server, target: winner.target, chdir: null },
        alternatives: losers(candidates, winner.target),
        notes: [],
      };
    },
  };
}

export const fastapiDetector = callableDetector('FastAPI', 'asgi', 75, 'FastAPI');
export const asgiDetector = callableDetector('ASGI', 'asgi', 60, 'Starlette|Litestar|get_asgi_application|Sanic');
export const wsgiDetector = callableDetector('WSGI', 'wsgi', 55, 'Bottle|get_wsgi_application|make_wsgi_app|App|API');
