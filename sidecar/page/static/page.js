// Keeps the status page as it is on the server: what has changed is fetched anew and put in its place.
(() => {
  "use strict";
  const LEAST_MS_BETWEEN = 1000;
  const badge = document.querySelector("health-badge");
  const title = document.title.replace(/^.*? · /, "");
  let refreshing = false;
  let again = false;
  let offset = 0; // of the sidecar's clock to this one's, ms

  function ago(moment, now) {
    const passed = Math.max(0, (now - moment) / 1000);
    for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
      if (passed >= size) return `${Math.floor(passed / size)} ${unit} ago`;
    }
    return `${Math.floor(passed)} s ago`;
  }

  function tick(root) {
    const now = Date.now() + offset;
    for (const time of root.querySelectorAll("time")) {
      const text = ago(Date.parse(time.dateTime), now);
      if (time.textContent !== text) time.textContent = text;
    }
  }

  // Only what differs is replaced, so that focus, selection and scrolling stay where they are.
  function renew(old, fresh) {
    if (old.outerHTML === fresh.outerHTML) return;
    const olds = [...old.querySelectorAll("[data-piece]")];
    const news = [...fresh.querySelectorAll("[data-piece]")];
    const same = olds.length > 0 && olds.length === news.length && olds.every((piece, at) => piece.id === news[at].id);
    if (!same) {
      keepFocus(() => old.replaceWith(document.adoptNode(fresh)));
      return;
    }
    olds.forEach((piece, at) => piece.outerHTML !== news[at].outerHTML && piece.replaceWith(document.adoptNode(news[at])));
    const heading = old.querySelector("h2");
    const other = fresh.querySelector("h2");
    if (heading && other && heading.outerHTML !== other.outerHTML) heading.replaceWith(document.adoptNode(other));
  }

  function keepFocus(change) {
    const id = document.activeElement?.id;
    change();
    if (id && document.activeElement?.id !== id) document.getElementById(id)?.focus({ preventScroll: true });
  }

  async function refresh() {
    if (refreshing) {
      again = true;
      return;
    }
    refreshing = true;
    try {
      const answer = await fetch("./", { headers: { Accept: "text/html" }, cache: "no-store" });
      if (!answer.ok) return;
      const served = Date.parse(answer.headers.get("Date") ?? "");
      // The header has whole seconds: only a clock that is really wrong is corrected.
      offset = Math.abs(served - Date.now()) > 2000 ? served - Date.now() : 0;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      tick(fresh);
      tick(document);
      const olds = [...document.querySelector("main").querySelectorAll("section[data-piece]")];
      const news = [...fresh.querySelector("main").querySelectorAll("section[data-piece]")];
      if (olds.map((piece) => piece.id).join() === news.map((piece) => piece.id).join()) {
        olds.forEach((piece, at) => renew(piece, news[at]));
      } else {
        keepFocus(() => document.querySelector("main").replaceWith(document.adoptNode(fresh.querySelector("main"))));
      }
      document.title = fresh.title;
      document.getElementById("icon").href = fresh.getElementById("icon").getAttribute("href");
    } catch {
      // The badge says so.
    } finally {
      setTimeout(() => {
        refreshing = false;
        if (again) {
          again = false;
          refresh();
        }
      }, LEAST_MS_BETWEEN);
    }
  }

  badge.addEventListener("health-change", () => {
    document.body.classList.remove("lost");
    if (!document.hidden) refresh();
    else document.title = `${badge.word} · ${title}`;
  });
  badge.addEventListener("health-lost", (event) => {
    document.body.classList.add("lost");
    const headline = document.getElementById("headline");
    headline.className = "headline unknown";
    headline.querySelector("h1").textContent = event.detail.word;
    headline.querySelector(".summary").textContent = "The sidecar does not answer. Below is what it said last.";
    document.title = `No data · ${title}`;
    const [outline, sign] = event.detail.mark;
    headline.querySelector(".outline").setAttribute("d", outline);
    headline.querySelector(".sign").setAttribute("d", sign);
  });
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setInterval(() => document.hidden || tick(document), 1000);
})();
