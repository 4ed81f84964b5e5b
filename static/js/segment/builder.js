// The visual builder: draws a definition as nested groups of native controls, and changes it in place.
import { ATTRIBUTE, KIND_WORDS, OPERATORS, PERSON, REACH, control, kindOf } from "./fields.js";
import { choiceOf, choose, freshRule, isGroup, isOpen, isPlainGroup, isPlainRule } from "./rules.js";
import { valueControl } from "./value.js";
import { el, labelled, picker } from "./dom.js";

const DEEPEST = 8;

export class Builder {
  // `place` is filled; `changed()` is told of every change; `say(text)` reaches who cannot see.
  constructor(place, known, changed, say) {
    Object.assign(this, { place, known, changed, say, fresh: new WeakSet(), names: 0, tree: null });
  }

  // Shows a definition; false where it cannot be drawn.
  show(tree) {
    if (!isPlainGroup(tree)) return false;
    this.tree = tree;
    this.draw();
    return true;
  }

  draw(focus) {
    this.place.replaceChildren(this.group(this.tree, "", 1));
    if (focus) this.place.querySelector(focus)?.focus();
  }

  touch(focus) {
    this.changed();
    if (focus !== undefined) this.draw(focus);
  }

  // The first condition made here whose value is still to be given, as its address in the definition.
  open(node = this.tree, path = "") {
    if (!isGroup(node)) return this.fresh.has(node) && isOpen(node) ? path : null;
    for (const [index, rule] of node.rules.entries()) {
      const found = this.open(rule, `${path}/rules/${index}`);
      if (found !== null) return found;
    }
    return null;
  }

  // Puts what is wrong beside the condition at `pointer`; true where there is one.
  blame(pointer, text, focus = false) {
    for (const one of this.place.querySelectorAll(".rule__error")) one.remove();
    for (const one of this.place.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
    if (!pointer) return false;
    const rules = [...this.place.querySelectorAll("[data-rule]")];
    const rule = rules.find((one) => pointer === one.dataset.rule || pointer.startsWith(`${one.dataset.rule}/`));
    if (!rule) return false;
    const id = this.name("error");
    rule.append(el("p", { className: "field__error rule__error", id, textContent: text }));
    const inputs = rule.querySelectorAll("[data-value], [data-name]");
    for (const one of inputs) { one.setAttribute("aria-invalid", "true"); one.setAttribute("aria-describedby", id); }
    if (focus) (inputs[0] ?? rule.querySelector("select")).focus();
    return true;
  }

  name(word) { this.names += 1; return `rule-${word}-${this.names}`; }

  group(node, path, depth) {
    const word = node.combinator;
    const join = picker([["and", "all of these"], ["or", "any of these"]], word, (value) => {
      node.combinator = value;
      this.touch(`[data-join="${path}"]`);
    }, { data: { join: path } });
    const turned = el("input", { type: "checkbox", checked: Boolean(node.not) });
    turned.addEventListener("change", () => { if (turned.checked) node.not = true; else delete node.not; this.touch(); });
    const head = el("div", { className: "rules__head" },
      labelled(depth === 1 ? "People who match" : "Who match", join, this.name("join"), "rules__join"),
      el("label", { className: "check rules__not" }, turned, el("span", { textContent: "the opposite: people who do not match" })));
    const list = el("ul", { className: "rules__list" }, ...node.rules.map((rule, index) => {
      const here = `${path}/rules/${index}`;
      const parts = index ? [el("span", { className: "rules__word", textContent: word })] : [];
      return el("li", {}, ...parts, this.node(rule, here, depth, node, index));
    }));
    const foot = el("div", { className: "rules__foot" }, this.button("Add a condition", () => {
      const rule = freshRule("country", this.known);
      this.fresh.add(rule);
      node.rules.push(rule);
      this.touch(`[data-rule="${path}/rules/${node.rules.length - 1}"] select`);
    }, { add: path }));
    if (depth < DEEPEST) foot.append(this.button("Add a group", () => {
      const rule = freshRule("country", this.known);
      this.fresh.add(rule);
      node.rules.push({ combinator: word === "and" ? "or" : "and", rules: [rule] });
      this.touch(`[data-join="${path}/rules/${node.rules.length - 1}"]`);
    }));
    const empty = node.rules.length ? [] : [el("p", { className: "field__hint", textContent: "No condition yet: add the first one." })];
    return el("fieldset", { className: "rules" },
      el("legend", { className: "visually-hidden", textContent: depth === 1 ? "Conditions" : `Group at level ${depth}` }), head, ...empty, list, foot);
  }

  node(rule, path, depth, parent, index) {
    const remove = this.button("×", () => {
      parent.rules.splice(index, 1);
      this.say(isGroup(rule) ? "Group removed." : "Condition removed.");
      const above = path.replace(/\/rules\/\d+$/, "");
      this.touch(parent.rules.length ? `[data-rule="${above}/rules/${Math.max(0, index - 1)}"] select, [data-add="${above}"]` : `[data-add="${above}"]`);
    }, {}, `Remove ${isGroup(rule) ? "this group" : `the condition on ${rule?.field ?? "it"}`}`);
    remove.classList.add("button--quiet", "rule__remove");
    if (isPlainGroup(rule)) return el("div", { className: "rules__inner" }, this.group(rule, path, depth + 1), remove);
    if (!isGroup(rule) && isPlainRule(rule, this.known)) return this.rule(rule, path, remove);
    return el("div", { className: "rule", data: { rule: path } },
      el("p", { className: "small", textContent: "Written as JSON; it is kept as it is. Change it in the JSON view." }),
      el("code", { className: "rule__json", textContent: JSON.stringify(rule) }), remove);
  }

  rule(rule, path, remove) {
    const kind = kindOf(rule, this.known);
    const choice = choiceOf(rule, kind);
    const here = `[data-rule="${path}"]`;
    const parts = [labelled("Field", this.fields(rule, here), this.name("field"))];
    const found = this.known.attributes.find((one) => ATTRIBUTE + one.name === rule.field);
    if (rule.field.startsWith(ATTRIBUTE) && (!found || found.kind === "mixed")) parts.push(...this.ownName(rule, kind, here, !found));
    parts.push(labelled("Comparison", picker(OPERATORS[kind], choice, (value) => {
      choose(rule, kind, value);
      this.touch(`${here} [data-operator]`);
    }, { data: { operator: "" } }), this.name("operator")));
    const shape = control(kind, choice);
    if (shape !== "none") parts.push(...valueControl(shape, rule, kind, choice, this));
    return el("div", { className: "rule", data: { rule: path } }, ...parts, remove);
  }

  fields(rule, here) {
    const groups = [["About the person", PERSON], ["How they are reached", REACH]];
    const own = this.known.attributes.map((one) => [ATTRIBUTE + one.name, one.name]);
    if (rule.field.startsWith(ATTRIBUTE) && rule.field !== ATTRIBUTE && !own.some(([name]) => name === rule.field)) {
      own.push([rule.field, rule.field.slice(ATTRIBUTE.length)]);
    }
    own.push([ATTRIBUTE, "Another attribute…"]);
    return picker([...groups, ["Attributes", own]], rule.field, (value) => {
      const next = freshRule(value, this.known);
      this.replace(rule, next);
      this.touch(value === ATTRIBUTE ? `${here} [data-name]` : `${here} select`);
    }, { groups: true });
  }

  // The name and the kind of an attribute that the data does not tell.
  ownName(rule, kind, here, named) {
    const kinds = labelled("It holds", picker(KIND_WORDS, kind, (value) => {
      this.replace(rule, freshRule(rule.field, this.known, value));
      this.touch(`${here} [data-kind-of]`);
    }, { data: { kindOf: "" } }), this.name("kind"));
    if (!named) return [kinds];
    const input = el("input", { className: "input", value: rule.field.slice(ATTRIBUTE.length), spellcheck: false, autocomplete: "off", data: { name: "" } });
    input.addEventListener("input", () => { rule.field = ATTRIBUTE + input.value.trim(); this.touch(); });
    return [labelled("Attribute", input, this.name("attribute")), kinds];
  }

  replace(rule, next) {
    for (const key of Object.keys(rule)) if (!["id", "path", "disabled"].includes(key)) delete rule[key];
    Object.assign(rule, next);
    this.fresh.add(rule);
  }

  button(text, act, data = {}, label = "") {
    const made = el("button", { type: "button", className: "button button--small", textContent: text, data });
    if (label) made.setAttribute("aria-label", label);
    made.addEventListener("click", act);
    return made;
  }
}
