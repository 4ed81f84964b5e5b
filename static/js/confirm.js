// Asks before a form with data-confirm is sent. Without this script the server asks on a page of its own.
"use strict";

(() => {
  const dialog = document.querySelector("[data-confirm-dialog]");
  if (!dialog?.showModal) return;
  const title = dialog.querySelector("[data-confirm-title]");
  const text = dialog.querySelector("[data-confirm-text]");
  const yes = dialog.querySelector("[data-confirm-yes]");
  const no = dialog.querySelector("[data-confirm-no]");
  let asked = null;

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.dataset.confirm || form.dataset.agreed) return;
    event.preventDefault();
    asked = form;
    title.textContent = form.dataset.confirm;
    text.textContent = form.dataset.confirmText ?? "";
    yes.textContent = form.dataset.confirmYes ?? "Yes";
    no.textContent = form.dataset.confirmNo ?? "Cancel";
    dialog.showModal();
    no.focus();
  });

  yes.addEventListener("click", () => {
    const agreed = document.createElement("input");
    agreed.type = "hidden";
    agreed.name = "confirmed";
    agreed.value = "yes";
    asked.append(agreed);
    asked.dataset.agreed = "yes";
    dialog.close();
    asked.requestSubmit();
  });
  no.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
})();
