// Single keys as shortcuts: those of the menu (data-key), / for the page's search, ? for the list of them all.
"use strict";

(() => {
  const PATIENCE = 1500; // between the first key of a pair and the second
  const dialog = document.querySelector("[data-keys]");
  const opener = document.querySelector("[data-keys-open]");
  if (!dialog?.showModal) return;
  const links = new Map([...document.querySelectorAll("[data-key]")].map((link) => [link.dataset.key, link]));

  const list = dialog.querySelector("[data-keys-list]");
  for (const [keys, link] of links) {
    const term = document.createElement("dt");
    for (const key of keys.split(" ")) {
      const one = document.createElement("kbd");
      one.textContent = key;
      term.append(one, " ");
    }
    const words = document.createElement("dd");
    words.textContent = link.textContent.trim();
    list.append(term, words);
  }
  const show = () => { if (!document.querySelector("dialog[open]")) dialog.showModal(); };
  opener.hidden = false;
  opener.addEventListener("click", show);
  dialog.querySelector("[data-keys-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  const typing = (element) => element.closest("input, select, textarea, [contenteditable], dialog, .cm-editor") !== null;
  let first = "";
  let timer;
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(event.target)) return;
    const keys = first ? `${first} ${event.key}` : event.key;
    first = "";
    clearTimeout(timer);
    if (event.key === "?") { event.preventDefault(); show(); return; }
    if (event.key === "/") {
      const field = document.querySelector("main [type='search'], main form[role='search'] .input");
      if (field) { event.preventDefault(); field.focus(); field.select?.(); }
      return;
    }
    const link = links.get(keys);
    if (link) { event.preventDefault(); link.click(); return; }
    if (event.key === "g") { first = "g"; timer = setTimeout(() => { first = ""; }, PATIENCE); }
  });
})();
