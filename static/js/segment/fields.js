// The fields of a rule, the operators of each kind of value, and what control a value has. Words only: nothing of the page.

export const PERSON = [
  ["id", "Id", "text"], ["name", "Name", "text"], ["email", "E-mail address", "text"], ["phone", "Phone number", "text"],
  ["country", "Country", "text"], ["locale", "Language", "text"], ["timezone", "Time zone", "text"], ["created_at", "Known since", "moment"],
];
export const REACH = [
  ["has_email", "Has an e-mail address", "flag"], ["has_phone", "Has a phone number", "flag"],
  ["has_device", "Has a device for push", "flag"], ["subscribed_to", "Subscribed to", "type"],
];
export const ATTRIBUTE = "attributes.";
export const KIND_WORDS = [["text", "text"], ["number", "a number"], ["boolean", "yes or no"], ["date", "a date"]];

const EQUAL = [["=", "is"], ["!=", "is not"]];
const AMONG = [["in", "is one of"], ["notIn", "is none of"]];
const FILLED = [["notNull", "is filled in"], ["null", "is empty"]];
const TEXT = [
  ...EQUAL, ...AMONG, ["contains", "contains"], ["doesNotContain", "does not contain"], ["beginsWith", "begins with"],
  ["doesNotBeginWith", "does not begin with"], ["endsWith", "ends with"], ["doesNotEndWith", "does not end with"], ...FILLED,
];
const NUMBER = [
  ["=", "is"], ["!=", "is not"], [">", "is more than"], [">=", "is at least"], ["<", "is less than"], ["<=", "is at most"],
  ["between", "is between"], ["notBetween", "is not between"], ...AMONG, ...FILLED,
];
const DAYS = [
  ["=", "is on"], ["!=", "is not on"], ["<", "is before"], ["<=", "is on or before"], [">", "is after"], [">=", "is on or after"],
  ["between", "is between"], ["notBetween", "is not between"],
];
const LAST = ["last", "is in the last"];
const AGO = ["ago", "is longer ago than"];
const NEXT = ["next", "is in the next"];
export const OPERATORS = {
  text: TEXT, number: NUMBER, boolean: [...EQUAL, ...FILLED], flag: [["=", "is"]], type: EQUAL,
  moment: [LAST, AGO, ...DAYS], date: [LAST, AGO, NEXT, ...DAYS, ...FILLED],
};
export const UNITS = [["h", "hours"], ["d", "days"], ["w", "weeks"]];

// What stands to the right of an operator.
export function control(kind, choice) {
  if (choice === "null" || choice === "notNull") return "none";
  if (["last", "ago", "next"].includes(choice)) return "span";
  if (kind === "boolean" || kind === "flag") return "yesno";
  const shape = kind === "number" ? "number" : kind === "moment" || kind === "date" ? "day" : "text";
  if (choice === "between" || choice === "notBetween") return `${shape}s`;
  if (choice === "in" || choice === "notIn") return kind === "number" ? "numberlist" : "list";
  return shape;
}

// The kind of a rule's field: known from the data, else told by the rule itself.
export function kindOf(rule, known) {
  const fixed = [...PERSON, ...REACH].find(([name]) => name === rule.field);
  if (fixed) return fixed[2];
  if (rule.type === "date") return "date";
  const value = Array.isArray(rule.value) ? rule.value[0] : rule.value;
  if (typeof value === "number") return "number";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "string" && value !== "") return "text";
  const found = known.attributes.find((one) => ATTRIBUTE + one.name === rule.field);
  return found && found.kind !== "mixed" ? found.kind : "text";
}

// The kind to begin with when somebody chooses a field.
export function firstKind(field, known) {
  const found = known.attributes.find((one) => ATTRIBUTE + one.name === field);
  return found ? (found.kind === "mixed" ? "text" : found.kind) : kindOf({ field }, known);
}

export function suggestions(field, kind, known) {
  if (kind === "type") return known.types;
  return known.values[field] ?? known.attributes.find((one) => ATTRIBUTE + one.name === field)?.values ?? [];
}
