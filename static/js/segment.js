// The segment form: shows the part that belongs to the kind, and counts a definition while it is written.
"use strict";

(() => {
  const kinds = document.querySelectorAll("input[name='kind']");
  const pick = () => {
    const kind = document.querySelector("input[name='kind']:checked")?.value;
    for (const part of document.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== kind;
  };
  for (const one of kinds) one.addEventListener("change", pick);
  pick();

  const field = document.querySelector("[data-definition]");
  const out = document.querySelector("[data-count]");
  const token = document.querySelector("meta[name='csrf-token']").content;
  let timer, running;
  const say = (text, good = false) => {
    out.textContent = text;
    out.hidden = !text;
    out.className = good ? "live" : "field__hint";
  };
  const count = async () => {
    if (!field.value.trim()) { say(""); return; }
    let definition;
    try { definition = JSON.parse(field.value); } catch (error) { say(`Not JSON yet: ${error.message}`); return; }
    running?.abort();
    running = new AbortController();
    try {
      const answer = await fetch(out.dataset.url, {
        method: "POST", signal: running.signal, body: JSON.stringify(definition),
        headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
      });
      const found = await answer.json();
      const problem = found.error ?? found.detail;
      if (problem) say(found.field ? `${found.field}: ${problem}` : problem);
      else if ("count" in found) say(`${found.count.toLocaleString("en-US")} ${found.count === 1 ? "person matches" : "people match"} now`, true);
    } catch (error) { if (error.name !== "AbortError") say("The count is not known just now."); }
  };
  field.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(count, 350); });
  if (!field.matches("[aria-invalid]")) count();
})();
