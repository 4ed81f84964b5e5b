// The page that shows a key once: copying it, and leaving the page's address behind so that a reload makes no second key.
"use strict";

(() => {
  const box = document.querySelector("[data-leave-to]");
  history.replaceState(null, "", box.dataset.leaveTo);
  const button = box.querySelector("[data-copy]");
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("[data-secret]").textContent);
    box.querySelector("[data-copy-word]").textContent = "Copied";
  });
})();
