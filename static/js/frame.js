// The frame of every page: navigation on small screens, light and dark, toasts, forms that are sent once.
"use strict";

(() => {
  const root = document.documentElement;
  const body = document.body;

  const opener = document.querySelector("[data-nav-open]");
  const tower = document.getElementById("tower");
  const setNav = (open) => {
    body.classList.toggle("nav-open", open);
    opener?.setAttribute("aria-expanded", String(open));
    if (open) tower.querySelector("a").focus();
  };
  opener?.addEventListener("click", () => setNav(!body.classList.contains("nav-open")));
  document.querySelector("[data-nav-close]")?.addEventListener("click", () => { setNav(false); opener.focus(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && body.classList.contains("nav-open")) { setNav(false); opener.focus(); }
  });

  // The wish is kept in the profile, so that the server writes it into the page and nothing flashes.
  const button = document.querySelector("[data-theme-toggle]");
  const themes = ["auto", "light", "dark"];
  let saving = Promise.resolve();
  const current = () => root.dataset.theme ?? "auto";
  const say = () => {
    const words = `Colours: ${{ auto: "as the system", light: "light", dark: "dark" }[current()]}`;
    button?.setAttribute("aria-label", words);
    if (button) button.title = words;
  };
  button?.addEventListener("click", () => {
    const next = themes[(themes.indexOf(current()) + 1) % themes.length];
    if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
    document.cookie = `theme=${next}; path=/; max-age=${next === "auto" ? 0 : 31536000}; samesite=lax`; // for the page before one signs in
    const token = document.querySelector("meta[name='csrf-token']")?.content;
    const body = new URLSearchParams({ theme: next === "auto" ? "" : next });
    const keep = { method: "POST", body, headers: { "X-CSRFToken": token }, keepalive: true };
    saving = saving.then(() => fetch(button.dataset.themeToggle, keep)).catch(() => {}); // in turn: the last wish is the one kept
    say();
  });
  say();

  const shelf = document.querySelector("[data-toasts]");
  const toast = (text) => {
    const one = document.createElement("div");
    one.className = "toast";
    const words = document.createElement("span");
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "toast__close";
    close.setAttribute("aria-label", "Dismiss");
    close.textContent = "×";
    close.addEventListener("click", () => one.remove());
    one.append(words, close);
    shelf.append(one);
    let timer = setTimeout(() => one.remove(), 7000);
    one.addEventListener("pointerenter", () => clearTimeout(timer));
    one.addEventListener("focusin", () => clearTimeout(timer));
    one.addEventListener("pointerleave", () => { timer = setTimeout(() => one.remove(), 3000); });
  };
  for (const template of document.querySelectorAll("template[data-toast]")) toast(template.content.textContent);

  // A form that starts something is sent once; the server would find the second press anyway.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-once]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    form.querySelector("button").setAttribute("aria-disabled", "true");
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-once][data-sent]")) {
      delete form.dataset.sent;
      form.querySelector("button").removeAttribute("aria-disabled");
    }
  });

  // Leaving a form with unsaved text asks.
  for (const form of document.querySelectorAll("form[data-guard]")) {
    let dirty = false;
    form.addEventListener("input", () => { dirty = true; });
    form.addEventListener("submit", () => { dirty = false; });
    window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
  }

  // The first field that is wrong gets the focus.
  document.querySelector("[aria-invalid='true']")?.focus();

  // Empty filters stay out of the address.
  for (const form of document.querySelectorAll("form[data-filters]")) {
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    });
    window.addEventListener("pageshow", () => { for (const field of form.elements) field.disabled = false; });
  }
})();
