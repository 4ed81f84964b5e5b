// Between a rule as it is stored and the choice an operator sees; and what of a definition the builder can show at all.
import { ATTRIBUTE, OPERATORS, PERSON, REACH, control, firstKind, kindOf } from "./fields.js";

const AGE = /^([+-])(\d{1,5})([hdw])$/;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const GROUP_KEYS = new Set(["combinator", "not", "rules", "id", "path", "disabled"]);
const FIELDS = new Set([...PERSON, ...REACH].map(([name]) => name));
const age = (value) => (typeof value === "string" ? AGE.exec(value) : null);
const isZero = (value) => Number(age(value)?.[2] ?? NaN) === 0;

export const isGroup = (node) => Array.isArray(node?.rules);

// Whether a group is one that the builder draws; its rules are asked one by one.
export const isPlainGroup = (node) => isGroup(node) && ["and", "or"].includes(node.combinator)
  && ["undefined", "boolean"].includes(typeof node.not) && Object.keys(node).every((key) => GROUP_KEYS.has(key));

// What the operator's list shows for a rule: an operator, or one of last, ago and next, which stand for ages like -30d.
export function choiceOf(rule, kind) {
  const dated = kind === "moment" || kind === "date";
  if (!dated) return rule.operator;
  if ([">", ">="].includes(rule.operator) && age(rule.value)?.[1] === "-" && kind === "moment") return "last";
  if (["<", "<="].includes(rule.operator) && age(rule.value)?.[1] === "-") return "ago";
  if (rule.operator === "between" && Array.isArray(rule.value) && rule.value.length === 2) {
    const [from, to] = rule.value;
    if (age(from)?.[1] === "-" && isZero(to)) return "last";
    if (isZero(from) && age(to)?.[1] === "+") return "next";
  }
  return rule.operator;
}

// Whether the builder can show a rule without losing anything of it.
export function isPlainRule(rule, known) {
  if (typeof rule?.field !== "string" || !(FIELDS.has(rule.field) || rule.field.startsWith(ATTRIBUTE))) return false;
  if (rule.valueSource !== undefined && rule.valueSource !== "value") return false;
  const kind = kindOf(rule, known);
  const choice = choiceOf(rule, kind);
  if (!OPERATORS[kind].some(([name]) => name === choice)) return false;
  return fits(rule.value, control(kind, choice));
}

function fits(value, shape) {
  const all = (test, count) => Array.isArray(value) && (count ? value.length === count : value.length > 0) && value.every(test);
  const isText = (one) => typeof one === "string";
  const isNumber = (one) => typeof one === "number";
  const isDay = (one) => one === "" || (isText(one) && DAY.test(one));
  return {
    none: () => true, span: () => true, yesno: () => typeof value === "boolean", text: () => isText(value),
    number: () => isNumber(value) || value === "", day: () => isDay(value),
    numbers: () => all((one) => isNumber(one) || one === "", 2), days: () => all(isDay, 2), texts: () => all(isText, 2),
    list: () => all((one) => isText(one) && !one.includes("\n")) || (Array.isArray(value) && !value.length),
    numberlist: () => all(isNumber) || (Array.isArray(value) && !value.length),
  }[shape]();
}

// The number and the unit of an age.
export function spanOf(rule) {
  const parts = (Array.isArray(rule.value) ? rule.value : [rule.value]).map(age).filter((one) => one && Number(one[2]));
  return parts.length ? [Number(parts[0][2]), parts[0][3]] : [30, "d"];
}

export function setSpan(rule, kind, choice, number, unit) {
  const back = `-${number}${unit}`;
  if (choice === "ago") Object.assign(rule, { operator: rule.operator === "<=" ? "<=" : "<", value: back });
  else if (choice === "next") Object.assign(rule, { operator: "between", value: ["+0d", `+${number}${unit}`] });
  else if (kind === "moment") Object.assign(rule, { operator: rule.operator === ">" ? ">" : ">=", value: back });
  else Object.assign(rule, { operator: "between", value: [back, "+0d"] });
}

// A rule for a field, with an operator of its kind and a value still to be given.
export function freshRule(field, known, wanted) {
  const kind = wanted ?? firstKind(field, known);
  const rule = { field, operator: "=", value: "" };
  if (kind === "date") rule.type = "date";
  choose(rule, kind, OPERATORS[kind][0][0]);
  return rule;
}

// Another operator: the value is kept where it still fits.
export function choose(rule, kind, choice) {
  const before = rule.value;
  const shape = control(kind, choice);
  if (shape === "span") { setSpan(rule, kind, choice, ...spanOf(rule)); return; }
  rule.operator = choice;
  if (shape === "none") { rule.value = null; return; }
  if (fits(before, shape) && before !== "") return;
  const one = Array.isArray(before) ? before[0] ?? "" : before ?? "";
  rule.value = {
    yesno: true, number: typeof one === "number" ? one : 0, numbers: [typeof one === "number" ? one : 0, ""], day: "", days: ["", ""],
    texts: [String(one), ""], text: typeof one === "string" && !AGE.test(one) ? one : "",
    list: typeof one === "string" && one !== "" ? [one] : [], numberlist: [typeof one === "number" ? one : 0],
  }[shape];
}

// Whether a value is still to be given.
export function isOpen(rule) {
  if (rule.operator === "null" || rule.operator === "notNull") return false;
  if (rule.field === ATTRIBUTE) return true;
  return Array.isArray(rule.value) ? !rule.value.length || rule.value.includes("") : rule.value === "" || rule.value === undefined;
}
