/* Added by Lockstep. Pages of documentation are served without an origin of their own, and no script is of the same origin as
   they: so a worker is made of a text that fetches its script, and resolves what that asks for against the script's own place. */
if (self.origin === 'null' && self.Worker) {
  const Native = self.Worker;
  const inWorker = (at) => {
    const here = (url) => new URL(url, at).href;
    const { importScripts: load, fetch: get } = self;
    const { open } = XMLHttpRequest.prototype;
    self.importScripts = (...urls) => load(...urls.map(here));
    XMLHttpRequest.prototype.open = function (method, url, ...rest) {
      return open.call(this, method, here(url), ...rest);
    };
    self.fetch = (asked, options) => get(typeof asked === 'string' ? here(asked) : asked, options);
    load(at);
  };
  self.Worker = class extends Native {
    constructor(url, options) {
      const at = JSON.stringify(new URL(url, document.baseURI).href);
      super(URL.createObjectURL(new Blob([`(${inWorker})(${at})`], { type: 'text/javascript' })), options);
    }
  };
}
