// The segment form: the part that belongs to the kind, the visual builder beside its JSON, and what the rules mean just now.
import { Builder } from "./segment/builder.js";
import { ask, showChange, showLook, showOverlap } from "./segment/panel.js";

const QUIET = 300; // milliseconds without a change before the server is asked
const part = (name) => document.querySelector(`[data-${name}]`);
const field = part("definition");
const urls = part("segment-form").dataset;
const form = field.form;

const kindNow = () => document.querySelector("input[name='kind']:checked")?.value;
const pick = () => { for (const one of document.querySelectorAll("[data-kind]")) one.hidden = one.dataset.kind !== kindNow(); };

const place = { figure: part("figure"), words: part("words"), note: part("note"), some: part("some") };
const problem = part("problem");
const status = part("said");
let timer, running, overlapping;

const builder = new Builder(part("builder"), JSON.parse(urls.known), () => {
  field.value = builder.tree.rules.length ? JSON.stringify(builder.tree, null, 2) : "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
}, (text) => { status.textContent = text; });

// Both views show the same definition; the JSON one can say more.
const tabs = [...document.querySelectorAll("[data-view]")];
const read = () => { try { return field.value.trim() ? JSON.parse(field.value) : { combinator: "and", rules: [] }; } catch { return null; } };
function show(view) {
  const drawn = view !== "rules" || builder.show(read());
  const now = drawn ? view : "json";
  part("json").hidden = now !== "json";
  part("builder").hidden = now !== "rules";
  for (const one of tabs) one.setAttribute("aria-pressed", String(one.dataset.view === now));
  part("undrawn").hidden = drawn;
}
for (const one of tabs) one.addEventListener("click", () => show(one.dataset.view));

function tell(text, pointer) {
  problem.textContent = builder.blame(pointer, text) && !part("builder").hidden ? "" : text;
  problem.hidden = !problem.textContent;
}

function blank(text) {
  place.figure.textContent = "–";
  place.words.textContent = text;
  place.note.textContent = "";
  place.some.replaceChildren();
}

async function refresh() {
  running?.abort();
  const mine = running = new AbortController();
  await look(mine.signal);
  if (!mine.signal.aborted) delete document.body.dataset.looking;
}

async function look(signal) {
  if (kindNow() !== "rule") return;
  const definition = read();
  if (!field.value.trim()) { tell(""); blank("Add a condition to see who matches"); return; }
  if (definition === null) { tell("This is not JSON yet."); blank("No rule to count"); return; }
  if (!part("builder").hidden && builder.open() !== null) { tell(""); blank("Give the empty value to see who matches"); return; }
  try {
    const found = await ask(urls.look, { definition }, signal);
    if ("counts" in found) { tell(""); showLook(place, found); await compare(definition, signal); }
    else { tell(found.error ?? found.detail, found.field); blank("No rule to count"); }
  } catch (error) {
    if (error.name === "AbortError") return;
    blank("The count is not known just now");
  }
}

async function compare(definition, signal) {
  if (!urls.change) return;
  const found = await ask(urls.change, { definition }, signal);
  if ("counts" in found) showChange(part("change-out"), found);
}

async function recent() {
  overlapping?.abort();
  overlapping = new AbortController();
  const out = part("overlap-out");
  out.textContent = "Looking…";
  try {
    const body = { definition: kindNow() === "rule" ? read() : null, days: Number(part("days").value) };
    const found = await ask(urls.overlap, body, overlapping.signal);
    if ("counts" in found) showOverlap(out, found); else out.textContent = found.error ?? found.detail;
  } catch (error) { if (error.name !== "AbortError") out.textContent = "This is not known just now."; }
}

for (const one of document.querySelectorAll("input[name='kind']")) one.addEventListener("change", () => { pick(); refresh(); });
field.addEventListener("input", () => {
  document.body.dataset.looking = "yes";
  clearTimeout(timer);
  timer = setTimeout(refresh, QUIET);
});
part("overlap-ask").addEventListener("click", recent);
form.addEventListener("submit", (event) => {
  const open = kindNow() === "rule" && !part("builder").hidden ? builder.open() : null;
  if (open === null) return;
  event.preventDefault();
  builder.blame(open, "Give a value, or remove this condition.", true);
});
pick();
show("rules");
for (const one of document.querySelectorAll("[data-with-script]")) one.hidden = false;
refresh();
