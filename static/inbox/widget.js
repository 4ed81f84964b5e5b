// <carillon-inbox server="https://bell.example.org" token-url="/my/inbox-token/"></carillon-inbox>
//
// A bell with a badge, the list behind it, and a toast for what comes in. The README lists its attributes, properties, events, CSS
// variables and parts. No inline style and no innerHTML: a strict policy needs only script-src and connect-src.
import { InboxClient, emit } from "./client.js";
import CSS from "./widget.css";

const STRINGS = {
  title: "Notifications", bell: "Notifications, {count} unread", readAll: "Mark all read", archive: "Archive", inbox: "Inbox",
  close: "Close", read: "Mark as read", unread: "Mark as unread", archiveOne: "Archive", unarchive: "Move back to the inbox",
  remove: "Delete", older: "Show older", empty: "Nothing here yet", emptyArchive: "The archive is empty",
  connecting: "Connecting…", reconnecting: "Connection lost. Trying again…", offline: "You are offline",
  refused: "This inbox cannot be opened ({reason})", missed: "{count} new while you were away", fresh: "New: {title}", unreadMark: "Unread",
};
const BOX = "M4 8v11h16V8M3 4h18v4H3Z";
const ICONS = {
  bell: "M12 22a2.2 2.2 0 002.2-2h-4.4A2.2 2.2 0 0012 22Zm7-6v-5a7 7 0 00-5.5-6.8V3.5a1.5 1.5 0 00-3 0v.7A7 7 0 005 11v5l-2 2v1h18v-1Z",
  read: "m5 12.5 4.5 4.5L19 7.5", unread: "M12 8.5a3.5 3.5 0 100 7 3.5 3.5 0 000-7Z", archive: `${BOX}M10 12h4`,
  unarchive: `${BOX}m9 13v-6m-3 3 3-3 3 3`, delete: "M5 7h14M10 11v6m4-6v6M7 7l1 13h8l1-13M9 7V4h6v3", close: "m6 6 12 12M18 6 6 18",
};

const page = document;
let sheet;
const make = (tag, attributes = {}, ...inside) => {
  const node = page.createElement(tag);
  if (tag === "button") node.type = tag;
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node && name !== "part") node[name] = value;
    else node.setAttribute(name, value);
    if (name === "part") node.className = value; // unless another one follows
  }
  node.append(...inside.filter(Boolean));
  return node;
};
const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text; // what is the same is not read out again
};
const icon = (name) => {
  const [svg, path] = ["svg", "path"].map((tag) => page.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.ariaHidden = true;
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
};

export class CarillonInbox extends HTMLElement {
  strings = {};
  #rows = new Map();
  #badge;
  #bell;
  #heading;
  #readAll;
  #turn;
  #news;
  #list;
  #empty;
  #more;
  #panel;
  #toast;
  #live;
  #toasting;
  #ended;
  #minute;
  #count;
  #missed = 0;

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    const [server, token, url] = ["server", "token", "token-url"].map((name) => this.getAttribute(name));
    const ask = async () => (await (await fetch(url, { headers: { accept: "application/json" } })).json()).token;
    const getToken = this.getToken ?? (url && ask);
    this.client = new InboxClient({ server: server || new URL(import.meta.url).origin, token, getToken });
    this.client.addEventListener("change", () => this.#draw());
    this.client.addEventListener("notification", ({ detail }) => this.#came(detail));
    this.client.connect();
    this.#minute = setInterval(() => this.#draw(), 60000);
    this.#ended = new AbortController();
    page.addEventListener("pointerdown", (event) => event.composedPath().includes(this) || this.toggle(false, false), this.#ended);
    this.#draw();
  }

  disconnectedCallback() {
    this.client.close();
    clearInterval(this.#minute);
    this.#ended.abort();
  }

  /** Open or close the list. */
  toggle(open = this.#panel.hidden, refocus = true) {
    if (open !== this.#panel.hidden) return;
    this.#panel.hidden = !open;
    this.#panel.classList.toggle("start", this.getBoundingClientRect().right < 410); // to the side where there is room
    this.#bell.ariaExpanded = open;
    if (open) this.#toast.hidden = !(this.#missed = 0);
    if (open) this.#heading.focus();
    else if (refocus) this.#bell.focus();
  }

  #say(name, values = {}) {
    const given = { ...STRINGS, ...JSON.parse(this.getAttribute("strings") || "{}"), ...this.strings }[name];
    return given.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  }

  #button(part, label, act, ...inside) {
    const text = this.#say(label);
    const shown = inside.length ? inside : [text];
    return make("button", { part, onclick: act, ...(inside.length && { ariaLabel: text, title: text }) }, ...shown);
  }

  #build() {
    const root = this.attachShadow({ mode: "open" });
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    this.#badge = make("span", { part: "badge", ariaHidden: true });
    this.#bell = make("button", { part: "bell", ariaHasPopup: "dialog", ariaExpanded: false, onclick: () => this.toggle() }, icon("bell"), this.#badge);
    this.#heading = make("h2", { tabIndex: -1 });
    this.#readAll = this.#button("plain", "readAll", () => this.client.mark("read"));
    this.#turn = this.#button("plain", "archive", () => this.client.show(!this.client.archived));
    const close = this.#button("close", "close", () => this.toggle(false), icon("close"));
    this.#news = make("p", { part: "state", role: "status" });
    this.#list = make("ul", { part: "list", onkeydown: (event) => this.#key(event) });
    this.#empty = make("p", { part: "empty" });
    this.#more = this.#button("older", "older", () => this.client.older());
    const scroll = make("div", { className: "scroll" }, this.#list, this.#empty, this.#more);
    this.#panel = make("div", { part: "panel", role: "dialog", hidden: true }, make("header", { part: "header" }, this.#heading, this.#readAll, this.#turn, close), this.#news, scroll);
    this.#toast = make("div", { part: "toast", hidden: true });
    this.#live = make("div", { className: "sr", role: "log", ariaLive: "polite" });
    root.append(this.#bell, this.#panel, this.#toast, this.#live);
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.toggle(false));
  }

  #draw() {
    const { items, unread, more, state, reason, archived } = this.client;
    if (this.#count !== unread) emit(this, "carillon-unread", { count: (this.#count = unread) });
    write(this.#badge, unread > 99 ? "99+" : `${unread}`);
    this.#badge.hidden = !unread;
    this.#bell.ariaLabel = this.#say("bell", { count: unread });
    write(this.#heading, (this.#panel.ariaLabel = this.#say(archived ? "archive" : "title")));
    write(this.#turn, this.#say(archived ? "inbox" : "archive"));
    this.#readAll.hidden = archived || !unread;
    this.#news.hidden = state === "online";
    write(this.#news, this.#news.hidden ? "" : this.#say(state, { reason }));
    this.#more.hidden = !more;
    this.#empty.hidden = items.length > 0 || state === "connecting";
    write(this.#empty, this.#say(archived ? "emptyArchive" : "empty"));
    this.#drawRows(items, archived);
  }

  #drawRows(items, archived) {
    const shown = new Set(items.map((item) => item.id));
    const held = [...this.#list.children].indexOf(this.#focused?.closest("li"));
    for (const [id, row] of this.#rows) if (!shown.has(id)) row.remove(), this.#rows.delete(id);
    items.forEach((item, place) => {
      if (!this.#rows.has(item.id)) this.#rows.set(item.id, this.#row(item));
      const row = this.#rows.get(item.id);
      row.update(item, archived);
      if (this.#list.children[place] !== row) this.#list.insertBefore(row, this.#list.children[place] ?? null);
    });
    // What had the focus is gone: the next one takes it, so that the keyboard never falls out of the list.
    if (held >= 0 && !this.#focused) (this.#list.children[Math.min(held, items.length - 1)]?.firstChild ?? this.#heading).focus();
  }

  #row({ id }) {
    const [mark, dot, head, text] = ["sr", "dot", "head", "text"].map((part) => make("span", { part: `item-${part}`, className: part }));
    const time = make("time", { part: "item-time" });
    const open = make("button", { part: "item-open", className: "open" }, dot, head, text, time);
    const acts = make("div", { part: "actions", className: "acts" });
    const row = make("li", { part: "item" }, open, acts);
    row.update = (item, archived) => {
      const read = item.is_read;
      const date = new Date(item.created_at);
      row.className = read ? "" : "new";
      row.setAttribute("part", read ? "item" : "item unread");
      write(mark, read ? "" : this.#say("unreadMark"));
      head.replaceChildren(mark, read ? "" : " ", item.title);
      write(text, item.message);
      time.dateTime = item.created_at;
      write(time, this.#ago(date));
      time.title = date.toLocaleString(this.#lang);
      open.onclick = () => this.#open(item);
      const key = `${read} ${archived}`;
      if (row.key === key) return;
      row.key = key;
      const held = [...acts.children].indexOf(this.#focused);
      const act = (name, label = name) => this.#button("act", label, () => this.client.mark(name, [id]), icon(name));
      acts.replaceChildren(act(read ? "unread" : "read"), archived ? act("unarchive") : act("archive", "archiveOne"), act("delete", "remove"));
      if (held >= 0) acts.children[held].focus();
    };
    return row;
  }

  get #focused() {
    return this.shadowRoot.activeElement;
  }

  #open(item) {
    if (!item.is_read) this.client.mark("read", [item.id]);
    emit(this, "carillon-open", { item });
  }

  #came({ item, missed }) {
    const title = missed ? this.#say("missed", { count: ++this.#missed }) : item.title;
    if (!missed) this.#missed = 0;
    this.#live.textContent = missed ? title : this.#say("fresh", { title });
    if (!this.#panel.hidden) return;
    const lines = [make("span", { className: "head", textContent: title })];
    if (!missed) lines.push(make("span", { className: "text", textContent: item.message }));
    const open = make("button", { className: "open", onclick: () => (this.toggle(true), missed || this.#open(item)) }, ...lines);
    this.#toast.replaceChildren(open, this.#button("close", "close", () => (this.#toast.hidden = true), icon("close")));
    this.#toast.hidden = false;
    clearTimeout(this.#toasting);
    this.#toasting = setTimeout(() => (this.#toast.hidden = !this.#toast.matches(":hover, :focus-within")), 7000);
  }

  #key(event) {
    const row = this.#focused?.closest("li");
    const step = { ArrowDown: row?.nextSibling, ArrowUp: row?.previousSibling, Home: this.#list.firstChild, End: this.#list.lastChild };
    if (event.key === "Delete" && row) row.lastChild.lastChild.click();
    else if (!(event.key in step)) return;
    event.preventDefault();
    step[event.key]?.firstChild.focus();
  }

  get #lang() {
    return this.lang || page.documentElement.lang || navigator.language;
  }

  #ago(date) {
    let past = (date - Date.now()) / 1000;
    for (const [unit, size] of Object.entries({ second: 60, minute: 60, hour: 24, day: 7, week: 4.35, month: 12, year: Infinity })) {
      if (Math.abs(past) < size) return new Intl.RelativeTimeFormat(this.#lang, { numeric: "auto" }).format(Math.trunc(past), unit);
      past /= size;
    }
  }
}

customElements.define("carillon-inbox", CarillonInbox);
