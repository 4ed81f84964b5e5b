// The seconds in which a broadcast can be taken back: counted down from what the server says is left, whatever the clock here shows.
"use strict";

(() => {
  const EVERY = 200;
  let seen = null;
  let whole = 1;
  let ends = 0;
  const tick = () => {
    const box = document.querySelector("[data-undo-left]");
    if (!box) { seen = null; return; }
    if (box !== seen) { // new on the page, or written anew by the server
      seen = box;
      whole = Number(box.dataset.undoLeft) * 1000;
      ends = performance.now() + whole;
    }
    const left = Math.max(0, ends - performance.now());
    const count = box.querySelector("[data-undo-count]");
    const words = String(Math.ceil(left / 1000));
    if (count.textContent !== words) count.textContent = words;
    box.querySelector("[data-undo-bar]").setAttribute("width", String((100 * left) / whole));
    box.classList.toggle("grace--over", left === 0);
  };
  tick();
  setInterval(tick, EVERY);
  document.querySelector("[data-undo]")?.focus({ preventScroll: true });
})();
