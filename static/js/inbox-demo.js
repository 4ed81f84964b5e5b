// The widget's demo page: ringing without leaving the page, and saying which message was opened.
"use strict";

(() => {
  const form = document.querySelector("[data-ring]");
  if (!form) return;
  const said = form.querySelector("[data-rung]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { accept: "application/json" } });
    said.textContent = answer.ok ? "Rung." : (await answer.json()).detail || "That did not work.";
  });
  for (const device of document.querySelectorAll(".device")) {
    device.addEventListener("carillon-open", ({ detail }) => {
      device.querySelector("[data-opened]").textContent = `Opened: ${detail.item.title}`;
    });
  }
})();
