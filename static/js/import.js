// An import at work: its bar moves, and the page opens anew when the worker is through.
"use strict";

(() => {
  const place = document.querySelector("[data-import]");
  const bar = place.querySelector("[data-bar]");
  const words = place.querySelector("[data-far]");
  const look = async () => {
    try {
      const answer = await fetch(place.dataset.import, { headers: { Accept: "application/json" } });
      const found = await answer.json();
      if (found.ended) { window.location.reload(); return; }
      if (found.total) bar.max = found.total;
      bar.value = found.read;
      if (words.textContent !== found.words) words.textContent = found.words;
    } catch { words.textContent = "No answer just now; looking again."; }
    setTimeout(look, 1000);
  };
  setTimeout(look, 500);
})();
