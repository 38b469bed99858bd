// Runs Go's own tools and writes what they say as reports: gofmt, vet, tests with coverage, and the definitions that docs.go
// lists. Exit 0 means that all was asked, whatever was found; 125 that there is no Go to ask. gofmt ends with 0 and vet -json
// does, too, whatever they find: only what they print counts.
// Usage: go.mjs fmt|vet|test|docs|lint --go GO --spec spec.json --reports FOLDER [--linter PROGRAM|own]
//   spec: { files, modules: [{ folder, path, isInWork, only: { packages, run } }] }, `only` for a second run of what failed
// Each has a part of its own (go_fmt.mjs, go_vet.mjs, …), of which a job has the one that it asks.
const parts = { fmt: 'go_fmt', vet: 'go_vet', test: 'go_tests', docs: 'go_docs', lint: 'go_lint' };
const { ask } = await import(`./${parts[process.argv[2]]}.mjs`);
await ask();
