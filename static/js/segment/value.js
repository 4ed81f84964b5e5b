// The control of a rule's value, by its shape: text, number, day, two of them, a list, yes or no, or a length of time.
import { UNITS, suggestions } from "./fields.js";
import { setSpan, spanOf } from "./rules.js";
import { el, labelled, picker } from "./dom.js";

export function valueControl(shape, rule, kind, choice, builder) {
  const touch = () => builder.touch();
  const set = (value) => { rule.value = value; touch(); };
  if (shape === "yesno") return [labelled("Value", picker([["true", "yes"], ["false", "no"]], String(rule.value), (value) => set(value === "true")), builder.name("value"))];
  if (shape === "span") return span(rule, kind, choice, builder);
  if (shape === "list" || shape === "numberlist") return [list(shape, rule, set, builder)];
  if (["texts", "numbers", "days"].includes(shape)) {
    return ["From", "To"].map((word, place) => single(word, shape.slice(0, -1), rule.value[place], (value) => {
      set(rule.value.with ? rule.value.with(place, value) : rule.value.map((one, at) => (at === place ? value : one)));
    }, builder));
  }
  return [single("Value", shape, rule.value, set, builder, suggestions(rule.field, kind, builder.known))];
}

function single(word, shape, value, set, builder, offered = []) {
  const input = el("input", { className: "input", type: { number: "number", day: "date" }[shape] ?? "text", value: value ?? "", autocomplete: "off", data: { value: "" } });
  if (shape === "number") input.step = "any";
  input.addEventListener("input", () => set(shape === "number" && input.value !== "" ? Number(input.value) : input.value));
  const field = labelled(word, input, builder.name("value"));
  if (shape === "text" && offered.length) {
    const id = builder.name("offered");
    input.setAttribute("list", id);
    field.append(el("datalist", { id }, ...offered.map((one) => el("option", { value: one }))));
  }
  return field;
}

function list(shape, rule, set, builder) {
  const area = el("textarea", { className: "input", rows: Math.min(8, Math.max(2, rule.value.length + 1)), value: rule.value.join("\n"), spellcheck: false, data: { value: "" } });
  area.addEventListener("input", () => {
    const lines = area.value.split("\n").map((one) => one.trim()).filter(Boolean);
    set(shape === "list" ? lines : lines.map((one) => (Number.isFinite(Number(one)) ? Number(one) : one)));
  });
  return labelled("Values, one a line", area, builder.name("value"));
}

function span(rule, kind, choice, builder) {
  let [number, unit] = spanOf(rule);
  const set = () => { setSpan(rule, kind, choice, number, unit); builder.touch(); };
  const input = el("input", { className: "input", type: "number", min: 1, max: 99999, step: 1, value: number, data: { value: "" } });
  input.addEventListener("input", () => { const found = Math.floor(Number(input.value)); if (found >= 1 && found <= 99999) { number = found; set(); } });
  const units = kind === "date" ? UNITS.filter(([name]) => name !== "h" || unit === "h") : UNITS;
  return [labelled("How many", input, builder.name("value")), labelled("Of what", picker(units, unit, (value) => { unit = value; set(); }), builder.name("unit"))];
}
