// Keeps the start page fresh while somebody looks at it; nothing moves but what has changed.
"use strict";

(() => {
  const EVERY = 15000;
  const source = document.querySelector("[data-charts]");
  const renew = async () => {
    if (document.hidden) return;
    try {
      const fresh = await window.carillonParts.renew();
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
