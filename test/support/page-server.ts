// The smallest app of Python that the tests' journeys need: one page, from the standard library, with nothing in it that a check of style,
// docstrings or types would find.

/**
 * Words of Python. `text`: what the page says; `address`: where it listens; `defines`: lines before its functions; `begins`: one before it
 * serves.
 */
export type PageSource = {
  imports: readonly string[];
  defines?: string;
  text: string;
  address: string;
  begins?: string;
};

/** The source of a `server.py`: its page is `text()`, which a test may call; it serves when it is run as a program. */
export function pageServer({ imports, defines, text, address, begins }: PageSource): string {
  return `"""A page."""

${['http.server', ...imports].map((name) => `import ${name}\n`).join('')}
${defines === undefined ? '' : `${defines}\n\n`}
def text() -> str:
    """Return what the page says."""
    return ${text}


class Page(http.server.BaseHTTPRequestHandler):
    """Answers everything alike."""

    def do_GET(self):
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text().encode())

    def log_message(self, *_words):
        """Keep quiet."""


if __name__ == "__main__":
${begins === undefined ? '' : `    ${begins}\n`}    http.server.ThreadingHTTPServer(${address}, Page).serve_forever()
`;
}
