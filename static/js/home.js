// Keeps the start page fresh while somebody looks at it; nothing moves but what has changed.
// Where a broadcast began or ended the list of those under way is another one: then the page is loaded anew, unless the
// keyboard stands in it.
"use strict";

(() => {
  const EVERY = 15000;
  const source = document.querySelector("[data-charts]");
  const under = (page) => [...page.querySelectorAll("[data-watch]")].map((one) => one.dataset.watch).join();
  const renew = async () => {
    if (document.hidden) return;
    try {
      const fresh = await window.carillonParts.renew();
      if (fresh && under(fresh) !== under(document) && document.activeElement === document.body) { location.reload(); return; }
      const text = fresh?.querySelector("[data-charts]")?.dataset.charts;
      if (text && text !== source.dataset.charts) {
        source.dataset.charts = text;
        window.carillonCharts.show(text);
      }
    } catch { /* the server is away for a moment */ }
  };
  setInterval(renew, EVERY);
  document.addEventListener("visibilitychange", renew);
})();
