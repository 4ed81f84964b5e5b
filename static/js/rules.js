// The matrix of the rules: a cell switches in place; without this script its form does the same with a page.
"use strict";

(() => {
  const table = document.querySelector("[data-matrix]");
  if (!table) return;
  const said = document.querySelector("[data-said]");
  const say = (text, wrong = false) => {
    said.className = `matrix__said ${wrong ? "is-wrong" : "is-right"}`;
    said.textContent = text;
  };

  const put = (row, state) => {
    for (const form of row.querySelectorAll("[data-cell]")) {
      const cell = state.cells[form.dataset.cell];
      const button = form.querySelector("button");
      form.elements.version.value = state.version;
      form.elements.rings.value = cell.state === "off" ? "yes" : "no";
      button.dataset.state = cell.state;
      button.setAttribute("aria-pressed", String(cell.state !== "off"));
      row.querySelector(`[data-words="${form.dataset.cell}"]`).textContent = cell.words;
    }
    row.querySelector("[data-no-rule]").hidden = state.has_rule;
    row.querySelector("[data-settings]").href = state.settings;
  };

  table.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!form.matches("[data-cell]")) return;
    event.preventDefault();
    const row = form.closest("[data-row]");
    if (row.dataset.busy) return; // the next press waits for this one's version
    const button = form.querySelector("button");
    row.dataset.busy = "yes";
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
      const told = await answer.json();
      if (told.cells) put(row, told);
      say(told.said ?? told.error ?? told.detail, !answer.ok);
    } catch {
      say("It could not be saved: the server does not answer. Nothing was changed.", true);
    } finally {
      delete row.dataset.busy;
      button.removeAttribute("aria-busy");
    }
  });

  // Arrow keys lead from switch to switch.
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const button = event.target.closest("button.matrix__switch");
    if (!step || !button) return;
    const rows = [...table.querySelectorAll("[data-row]")].map((row) => [...row.querySelectorAll("button.matrix__switch")]);
    const y = rows.findIndex((row) => row.includes(button));
    const next = rows[y + step[0]]?.[rows[y].indexOf(button) + step[1]];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
})();
