// New broadcast: another template brings its own fields, and the audience is counted as it is chosen.
"use strict";

(() => {
  const form = document.querySelector("[data-compose]");
  if (!form) return;

  form.elements.template.addEventListener("change", () => {
    form.action = form.dataset.again;
    form.submit();
  });

  const variables = form.querySelector("[data-variables]");
  const json = form.querySelector("[data-json]");
  form.querySelector("[data-as-json]")?.addEventListener("change", (event) => {
    const on = event.target.checked;
    json.hidden = !on;
    variables.hidden = on;
    const text = form.elements.json;
    if (on && !text.value.trim()) {
      const values = [...variables.querySelectorAll("input")].map((one) => [one.name.replace(/^var-/, ""), one.value]);
      text.value = JSON.stringify(Object.fromEntries(values), null, 2);
    }
  });

  const out = form.querySelector("[data-count]");
  const segment = form.querySelector("[data-segment]");
  let running;
  const count = async () => {
    const data = new FormData(form);
    if (segment) segment.hidden = data.get("audience") !== "segment";
    out.hidden = true;
    if (!data.get("template") || (data.get("audience") === "segment" && !data.get("segment"))) return;
    const query = new URLSearchParams({ template: data.get("template"), audience: data.get("audience"), segment: data.get("segment") ?? "" });
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch(`${form.dataset.countUrl}?${query}`, { signal: running.signal, headers: { Accept: "application/json" } });
      const found = await answer.json();
      out.textContent = "count" in found ? `${found.count.toLocaleString("en-US")} ${found.count === 1 ? "person" : "people"} now` : found.error;
      out.hidden = false;
    } catch (error) { if (error.name !== "AbortError") out.hidden = true; }
  };
  for (const one of form.querySelectorAll("input[name='audience'], select[name='segment']")) one.addEventListener("change", count);
  count();
})();
