// New broadcast: each choice shows its own fields, the audience is counted as it is chosen, and a draft outlives a reload.
"use strict";

(() => {
  const KEY = "carillon-draft";
  const sends = document.querySelector("[data-sends]");
  sends?.addEventListener("submit", () => sessionStorage.removeItem(KEY));

  const form = document.querySelector("[data-compose]");
  if (!form) return;
  const again = () => { form.action = form.dataset.again; form.submit(); };

  // What is typed is kept in this tab until it is sent.
  const SECRET = new Set(["csrf_token", "people_file"]);
  const typed = () => [...new FormData(form)].filter(([name, value]) => !SECRET.has(name) && typeof value === "string");
  const keep = () => sessionStorage.setItem(KEY, JSON.stringify(typed()));
  const bring = (entries) => {
    for (const [name, value] of entries) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      form.append(field);
    }
  };
  const restore = () => {
    const entries = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    if (!entries.some(([name, value]) => value && /^(template|own_title|own_message)$/.test(name))) return false;
    for (const field of form.querySelectorAll("[name]")) if (field.name !== "csrf_token") field.disabled = true;
    bring([...entries.filter(([name]) => name !== "restored"), ["restored", "1"]]);
    again();
    return true;
  };
  const note = document.querySelector("[data-restored]");
  if (form.dataset.filled === undefined && restore()) return;
  keep();
  if (form.dataset.broughtBack !== undefined) {
    note.firstElementChild.textContent = "Your draft is back.";
    note.hidden = false;
  }
  document.querySelector("[data-afresh]")?.addEventListener("click", () => {
    sessionStorage.removeItem(KEY);
    location.assign(form.dataset.again);
  });
  form.addEventListener("input", keep);
  form.addEventListener("change", keep);

  document.getElementById("template").addEventListener("change", again);

  const chosen = (name) => form.querySelector(`input[name='${name}']:checked`)?.value;
  const show = (attribute, value) => {
    for (const part of form.querySelectorAll(`[data-${attribute}]`)) part.hidden = part.dataset[attribute] !== value;
  };
  for (const one of form.querySelectorAll("input[name='what']")) {
    one.addEventListener("change", () => {
      show("what", chosen("what"));
      const variables = form.querySelector("[data-variables]");
      if (variables) again(); // the other text's variables are other ones
    });
  }

  const variables = form.querySelector("[data-variables]");
  const json = form.querySelector("[data-json]");
  const value = (field) => {
    const kind = form.elements[`kind-${field.name.slice(4)}`]?.value;
    const plain = { number: /^-?\d+(\.\d+)?$/, boolean: /^(true|false)$/, json: /./, auto: /^-?(0|[1-9]\d*)(\.\d*[1-9])?$/ }[kind];
    if (!plain?.test(field.value)) return field.value;
    try { return JSON.parse(field.value); } catch { return field.value; }
  };
  form.querySelector("[data-as-json]")?.addEventListener("change", (event) => {
    const on = event.target.checked;
    json.hidden = !on;
    variables.hidden = on;
    const text = form.elements.json;
    if (on && !text.value.trim()) {
      const fields = [...variables.querySelectorAll("[name^='var-']")].filter((one) => one.value !== "");
      text.value = JSON.stringify(Object.fromEntries(fields.map((one) => [one.name.slice(4), value(one)])), null, 2);
    }
  });

  const out = form.querySelector("[data-count]");
  let running;
  const count = async () => {
    const data = new FormData(form);
    const audience = data.get("audience");
    show("audience", audience);
    out.hidden = true;
    const known = (data.get("template") || data.get("what") === "own") && !["upload", "source"].includes(audience);
    if (!known || (audience === "segment" && !data.get("segment"))) return;
    const query = new URLSearchParams([...data].filter(([name]) => ["template", "what", "own_slug", "audience", "segment", "exclude"].includes(name)));
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch(`${form.dataset.countUrl}?${query}`, { signal: running.signal, headers: { Accept: "application/json" } });
      const found = await answer.json();
      out.textContent = "count" in found ? `${found.count.toLocaleString("en-US")} ${found.count === 1 ? "person" : "people"} now` : found.error;
      out.hidden = false;
    } catch (error) { if (error.name !== "AbortError") out.hidden = true; }
  };
  for (const one of form.querySelectorAll("input[name='audience'], select[name='segment'], input[name='exclude']")) one.addEventListener("change", count);
  count();

  // A large audience takes a while.
  form.addEventListener("submit", () => { form.querySelector("[data-busy]").hidden = false; });
  window.addEventListener("pageshow", () => { form.querySelector("[data-busy]").hidden = true; });
})();
