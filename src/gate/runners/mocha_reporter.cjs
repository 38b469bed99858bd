// A reporter of mocha that prints a line a test and keeps every case with its place.
const { writeFileSync } = require('node:fs');

module.exports = class Cases {
  constructor(runner) {
    const cases = [];
    const keep = (outcome) => (test, error) => {
      process.stdout.write(`${outcome} ${test.fullTitle()}\n`);
      const message = error ? `${error.message}\n${error.stack}` : '';
      cases.push({ name: test.fullTitle(), file: test.file ?? null, line: null, outcome, message });
    };
    runner.on('pass', keep('passed'));
    runner.on('fail', keep('failed'));
    runner.on('pending', keep('skipped'));
    runner.once('end', () => writeFileSync(process.env.LOCKSTEP_CASES, JSON.stringify({ cases })));
  }
};
