// Elements, made of text and properties only: nothing that comes from data is ever read as HTML.

export function el(tag, { data = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

export function labelled(text, input, id, css = "") {
  input.id = id;
  const label = el("label", { className: "field__label", htmlFor: id, textContent: text });
  return el("div", { className: `field ${css}`.trim() }, label, input);
}

// A select of [value, label] pairs, or of [heading, pairs].
export function picker(pairs, value, chosen, { groups = false, data = {} } = {}) {
  const option = ([name, label]) => el("option", { value: name, textContent: label, selected: name === value });
  const made = el("select", { className: "input", data });
  made.append(...(groups ? pairs.map(([label, some]) => el("optgroup", { label }, ...some.map(option))) : pairs.map(option)));
  made.addEventListener("change", () => chosen(made.value));
  return made;
}
