// <health-badge src="https://sidecar.example"></health-badge>: a sidecar's health in any page.
//
// Without `src` it shows the sidecar that served this file. `label` names what the badge is about. Fires
// "health-change" {document, word} and "health-lost" {since, word, mark}; both bubble.
(() => {
  "use strict";
  const SERVED = {}; // Words and shapes: filled in by the sidecar as it serves this file.
  const HERE = new URL("..", document.currentScript?.src || location.href).href;
  const SILENCE_MS = 8000; // The sidecar says something every 3 s.
  const GRACE_MS = 1500; // A restart this short is not worth a change of colour.
  const RETRY_MS = 3000;
  const HIDDEN_POLL_MS = 15000;
  const MARK_OF = { healthy: "up", degraded: "degraded", unhealthy: "down" };
  const URGENCY = ["down", "degraded", "unknown", "up"];

  const style = new CSSStyleSheet();
  style.replaceSync(`
:host { display: inline-block; font: 14px/1.4 system-ui, -apple-system, "Segoe UI", sans-serif; text-align: start;
  --ink: light-dark(#1b2128, #e4e8ec); --soft: light-dark(#57606a, #9aa4af); --canvas: light-dark(#fff, #171c23);
  --line: light-dark(#dce1e6, #323a44); --sign: light-dark(#fff, #0f1318); --accent: light-dark(#0a5cc2, #6cb0ff); }
:host([hidden]) { display: none; }
.up { --state: light-dark(#1a7f37, #4ac26b); } .degraded { --state: light-dark(#8f5f00, #e0a82e); }
.down { --state: light-dark(#c62a33, #ff7b72); } .unknown { --state: light-dark(#59636e, #98a2ad); }
button { all: unset; box-sizing: border-box; display: inline-flex; align-items: center; gap: .45em; min-height: 2em;
  padding: .15em .7em .15em .55em; border: 1px solid var(--state); border-radius: 1em; cursor: pointer; color: var(--ink);
  background: color-mix(in srgb, var(--state) 12%, var(--canvas)); font-weight: 600; font-variant-numeric: tabular-nums; }
button:focus-visible, [popover]:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg { flex: none; width: 1.1em; height: 1.1em; } .outline { fill: var(--state); }
.sign { fill: none; stroke: var(--sign); stroke-width: 2; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[popover] { position: fixed; inset: auto; margin: 0; box-sizing: border-box; width: min(27rem, 100vw - 16px);
  max-height: min(32rem, 80vh); overflow: auto; padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 10px;
  background: var(--canvas); color: var(--ink); box-shadow: 0 8px 28px rgb(0 0 0 / .18); overflow-wrap: anywhere; }
p { margin: 0; } time { color: var(--soft); }
ul { margin: .5rem 0 0; padding: 0; list-style: none; }
li { display: grid; grid-template-columns: auto 1fr auto; gap: 0 .55rem; padding: .4rem 0; border-top: 1px solid var(--line); }
li svg { margin-top: .2em; } .numbers { text-align: end; color: var(--soft); font-variant-numeric: tabular-nums; }
.said { grid-column: 2 / -1; color: var(--soft); } .name { font-weight: 600; }
.state { color: var(--state); font-weight: 600; } .lost ul { color: var(--soft); filter: grayscale(1); }
@media (forced-colors: active) { .outline { fill: CanvasText; } .sign { stroke: Canvas; } }`);

  // What would turn the text around it about, too.
  const visible = (text) => String(text).replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

  function make(tag, className, ...content) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    // Text is appended as text: nothing from the document is ever markup.
    element.append(...content.map((part) => (part instanceof Node ? part : visible(part))));
    return element;
  }

  function icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    svg.append(...["outline", "sign"].map((part, at) => {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("class", part);
      path.setAttribute("d", SERVED.marks[name][at]);
      return path;
    }));
    return svg;
  }

  function seconds(value) {
    if (value == null) return "–";
    if (value < 0.0995) return value < 0.0005 ? "< 1 ms" : `${(value * 1000).toFixed(0)} ms`;
    return value < 9.95 ? `${+value.toPrecision(2)} s` : `${value.toFixed(0)} s`;
  }

  function ago(text) {
    const passed = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (passed >= size) return `${Math.floor(passed / size)} ${unit} ago`;
    }
    return `${Math.floor(passed)} s ago`;
  }

  function cut(summary) {
    const findings = summary.split("; ");
    return findings.length > 3 ? `${findings.slice(0, 3).join("; ")}; and ${findings.length - 3} more` : summary;
  }

  function why(row) {
    if (row.kind == null) return SERVED.words.onlyCalled;
    if (row.stale) return SERVED.words.stale;
    if (row.last_checked_at == null) return SERVED.words.notChecked;
    return row.reason == null ? "" : SERVED.words.reasons[row.reason] ?? row.reason;
  }

  // One connection to a sidecar, for all badges of a page that show it.
  class Feed {
    static #all = new Map();
    static of(url) {
      if (!Feed.#all.has(url)) Feed.#all.set(url, new Feed(url));
      return Feed.#all.get(url);
    }
    document = null;
    lost = false;
    heardAt = null;
    #badges = new Set();
    #source = null;
    #silence = null;
    #loseAt = null;
    #timer = null;

    constructor(url) {
      this.url = url;
      document.addEventListener("visibilitychange", () => this.#connect());
    }
    add(badge) {
      this.#badges.add(badge);
      if (this.#badges.size === 1) this.#connect();
      else badge.show(this);
    }
    remove(badge) {
      this.#badges.delete(badge);
      if (this.#badges.size === 0) this.#disconnect();
    }
    #disconnect() {
      this.#source?.close();
      this.#source = null;
      clearTimeout(this.#timer);
    }
    #connect() {
      this.#disconnect();
      if (this.#badges.size === 0) return;
      // A browser has six connections to a host: pages that nobody sees leave them to those that are seen.
      if (document.hidden) return void this.#poll(HIDDEN_POLL_MS);
      const source = (this.#source = new EventSource(new URL("events", this.url)));
      source.addEventListener("document", (event) => this.#take(JSON.parse(event.data)));
      source.addEventListener("change", (event) => this.#take(this.#changed(JSON.parse(event.data))));
      source.addEventListener("heartbeat", () => (this.lost ? this.#take(this.document) : this.#heard()));
      source.onerror = () => {
        this.#loseWithin(GRACE_MS);
        // Refused: as many listen as may, or a proxy stands between. Then it is asked now and then.
        if (source.readyState === EventSource.CLOSED) this.#poll(RETRY_MS * (1 + Math.random()));
      };
      this.#loseWithin(SILENCE_MS);
    }
    async #poll(nextMs) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#connect(), nextMs);
      try {
        const answer = await fetch(new URL("api/health/status", this.url), { signal: AbortSignal.timeout(SILENCE_MS) });
        this.#take(await answer.json());
        this.#loseAfter(nextMs + SILENCE_MS);
      } catch {
        this.#lose();
      }
    }

    #changed(change) {
      const rows = { ...this.document.dependencies, ...change.dependencies };
      for (const name of Object.keys(rows)) if (rows[name] === null) delete rows[name];
      return { ...this.document, ...change, dependencies: rows };
    }
    #take(document) {
      Object.assign(this, { document, lost: false });
      this.#heard();
      this.#tell();
    }
    #heard() {
      this.heardAt = new Date();
      this.#loseAfter(SILENCE_MS);
    }
    #loseAfter(ms) {
      clearTimeout(this.#silence);
      this.#loseAt = Date.now() + ms;
      this.#silence = setTimeout(() => this.#lose(), ms);
    }
    #loseWithin(ms) {
      // Each failed attempt to connect must not buy the last answer more time.
      if (this.#loseAt === null || Date.now() + ms < this.#loseAt) this.#loseAfter(ms);
    }
    #lose() {
      this.#loseAt = null;
      if (this.#source) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#connect(), RETRY_MS * (0.5 + Math.random()));
      }
      if (this.lost) return;
      this.lost = true;
      this.#tell();
    }
    #tell() {
      for (const badge of this.#badges) badge.show(this);
    }
  }

  class HealthBadge extends HTMLElement {
    static observedAttributes = ["src", "label"];
    #feed = null;
    #tick = null;
    #inside = false;
    #button = make("button", "unknown");
    #panel = make("div", "unknown");
    #live = make("span", "unseen");
    word = "";

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open", delegatesFocus: true });
      root.adoptedStyleSheets = [style];
      root.append(this.#button, this.#panel, this.#live);
      this.#button.type = "button";
      this.#live.role = "status";
      this.#panel.popover = "auto";
      this.#panel.tabIndex = -1;
      this.#panel.autofocus = true;
      Object.assign(this.#panel, { role: "dialog", ariaLabel: "Health of every dependency" });
      this.#button.popoverTargetElement = this.#panel;
      this.#button.ariaHasPopup = "dialog";
      this.#button.ariaExpanded = "false";
      this.#panel.addEventListener("beforetoggle", () => (this.#inside = this.#panel.contains(root.activeElement)));
      this.#panel.addEventListener("toggle", (event) => this.#toggled(event.newState === "open"));
      this.#label("unknown", "Connecting…");
    }
    connectedCallback() {
      this.#feed = Feed.of(new URL(this.getAttribute("src") || HERE, location.href).href.replace(/\/?$/, "/"));
      this.#feed.add(this);
      this.#tick = setInterval(() => this.#count(), 1000);
    }
    disconnectedCallback() {
      clearInterval(this.#tick);
      this.#feed?.remove(this);
    }
    attributeChangedCallback() {
      if (!this.isConnected) return;
      this.disconnectedCallback();
      this.connectedCallback();
    }

    show(feed) {
      if (feed.document === null && !feed.lost) return;
      const since = feed.heardAt ? ` since ${feed.heardAt.toLocaleTimeString(undefined, { hourCycle: "h23" })}` : "";
      const word = feed.lost ? `No data${since}` : SERVED.words.statuses[feed.document.status] ?? feed.document.status;
      const mark = feed.lost ? "unknown" : MARK_OF[feed.document.status] ?? "unknown";
      const summary = feed.lost ? "The sidecar does not answer." : cut(feed.document.summary);
      this.#label(mark, word);
      // Only what is news is announced, not each check that found what the one before did.
      const news = `${word}. ${summary}`;
      if (this.#live.textContent !== news) this.#live.textContent = news;
      this.#panel.className = feed.lost ? "lost" : "";
      if (this.#panel.matches(":popover-open")) this.#fill();
      const detail = feed.lost ? { since: feed.heardAt, word, mark: SERVED.marks.unknown } : { document: feed.document, word };
      this.dispatchEvent(new CustomEvent(feed.lost ? "health-lost" : "health-change", { bubbles: true, composed: true, detail }));
    }

    #label(mark, word) {
      const label = this.getAttribute("label");
      this.word = word;
      this.#button.className = mark;
      this.#button.replaceChildren(icon(mark), make("span", "", label ? `${label}: ` : make("span", "unseen", "Health: "),
        make("span", "word", word)));
    }
    #toggled(open) {
      this.#button.setAttribute("aria-expanded", String(open));
      // Chromium gives the focus back by itself, but not to a button in a shadow.
      if (!open) return void (this.#inside && this.#button.focus());
      this.#fill();
      const button = this.#button.getBoundingClientRect();
      const panel = this.#panel.getBoundingClientRect();
      const below = button.bottom + 6 + panel.height <= innerHeight || button.top < panel.height;
      this.#panel.style.top = `${below ? button.bottom + 6 : button.top - 6 - panel.height}px`;
      this.#panel.style.left = `${Math.max(8, Math.min(button.right - panel.width, innerWidth - panel.width - 8))}px`;
    }
    #fill() {
      const { document, lost } = this.#feed;
      const list = make("ul", "");
      const rows = Object.entries(document?.dependencies ?? {});
      rows.sort(([a, one], [b, other]) => URGENCY.indexOf(one.status) - URGENCY.indexOf(other.status) || (a < b ? -1 : 1));
      for (const [name, row] of rows) list.append(this.#row(name, row));
      const past = "The sidecar does not answer. This is what it said last.";
      this.#panel.replaceChildren(make("p", "", lost ? past : cut(document?.summary ?? "Connecting…")), list);
    }
    #row(name, row) {
      const mark = URGENCY.includes(row.status) ? row.status : "unknown";
      const tripped = row.breaker && row.breaker.state !== "closed";
      const breaker = tripped && `breaker ${SERVED.words.breakers[row.breaker.state] ?? row.breaker.state}`;
      const said = [why(row), breaker].filter(Boolean).join(" · ");
      const state = make("span", "state", SERVED.words.states[row.status] ?? row.status);
      const title = make("span", "", make("bdi", "name", name), " ", state);
      const numbers = make("span", "numbers", seconds(row.latency_seconds));
      if (row.last_checked_at) {
        const time = make("time", "", ago(row.last_checked_at));
        time.dateTime = row.last_checked_at;
        numbers.append(" · ", time);
      }
      return make("li", mark, icon(mark), title, numbers, ...(said ? [make("span", "said", said)] : []));
    }
    #count() {
      for (const time of this.#panel.querySelectorAll("time")) time.textContent = ago(time.dateTime);
    }
  }

  // A page may load this file twice.
  if (!customElements.get("health-badge")) customElements.define("health-badge", HealthBadge);
})();
