// A Python program that starts its own server.
import { readSource } from '../tree-view.ts';
import type { Detector } from './detection.ts';

export const pythonFallbackDetector: Detector = {
  name: 'Python',
  looksFor: 'a main.py, app.py, server.py or run.py that starts a server',
  async detect(view) {
    for (const path of ['main.py', 'app.py', 'server.py', 'run.py']) {
      const text = await readSource(view, path);
      if (text === null || !/serve_forever|make_server|HTTPServer|\.run\(|run_app\(|\.listen\(/.test(text)) continue;
      return {
        name: 'Python',
        rank: 20,
        why: `${path} starts a server`,
        web: { server: 'script', argv: [path] },
        alternatives: [],
        notes: /\bPORT\b/.test(text) ? [] : [`${path} does not read PORT; it must listen on the port in that variable`],
      };
    }
    return null;
  },
};
