// What the widget is made of: elements, icons, and words in the page's language.
export const page = document;
const BOX = "M4 8v11h16V8M3 4h18v4H3Z";
const ICONS = {
  bell: "M12 22a2.2 2.2 0 002.2-2h-4.4A2.2 2.2 0 0012 22Zm7-6v-5a7 7 0 00-5.5-6.8V3.5a1.5 1.5 0 00-3 0v.7A7 7 0 005 11v5l-2 2v1h18v-1Z",
  read: "m5 12.5 4.5 4.5L19 7.5", unread: "M12 8.5a3.5 3.5 0 100 7 3.5 3.5 0 000-7Z", archive: `${BOX}M10 12h4`,
  unarchive: `${BOX}m9 13v-6m-3 3 3-3 3 3`, delete: "M5 7h14M10 11v6m4-6v6M7 7l1 13h8l1-13M9 7V4h6v3", close: "m6 6 12 12M18 6 6 18",
};

/** An element with a part's name, properties and what is inside; its class is the name without "item-". */
export const make = (tag, part, properties, ...inside) => {
  const node = Object.assign(page.createElement(tag), properties);
  node.part = part;
  node.className = part.replace("item-", "");
  if (tag === "button") node.type = tag;
  node.append(...inside);
  return node;
};

/** Change a text, and only where it is another one: what stays the same is not read out again. */
export const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

export const icon = (name) => {
  const [svg, path] = ["svg", "path"].map((tag) => page.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.ariaHidden = true;
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
};

/** say(name, values): one of these words; button(part, name, onclick, sign): a button called so, or with a sign that says it. */
export const speak = (words) => {
  const say = (name, values = {}) => words[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  const button = (part, name, onclick, sign) => {
    const text = say(name);
    return make("button", part, { onclick, ...(sign && { ariaLabel: text, title: text }) }, sign ? icon(sign) : text);
  };
  return [say, button];
};

/** The language to tell times in; undefined, the browser's own, where the page names none or nonsense. */
export const locale = (host) => {
  try {
    return Intl.getCanonicalLocales((host.lang || page.documentElement.lang).replace("_", "-"))[0];
  } catch {}
};
