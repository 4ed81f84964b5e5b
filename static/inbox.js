// <carillon-inbox server="https://bell.example.org" token-url="/my/inbox-token/"></carillon-inbox>
//
// A bell with a badge, the list behind it, and a toast for what comes in. The README lists its attributes, properties, events, CSS
// variables and parts. No inline style and no innerHTML: a strict policy needs only script-src and connect-src.
import { InboxClient } from "./inbox-client.js";

const STRINGS = {
  title: "Notifications", bell: "Notifications, {count} unread", readAll: "Mark all read", archive: "Archive", inbox: "Inbox",
  close: "Close", read: "Mark as read", unread: "Mark as unread", archiveOne: "Archive", unarchive: "Move back to the inbox",
  remove: "Delete", older: "Show older", empty: "Nothing here yet", emptyArchive: "The archive is empty",
  connecting: "Connecting…", reconnecting: "Connection lost. Trying again…", offline: "You are offline. This is how things stood.",
  refused: "This inbox cannot be opened ({reason}).", missed: "{count} new while you were away", fresh: "New: {title}", unreadMark: "Unread",
};
const ICONS = {
  bell: "M12 22a2.2 2.2 0 0 0 2.2-2h-4.4A2.2 2.2 0 0 0 12 22Zm7-6v-5a7 7 0 0 0-5.5-6.8V3.5a1.5 1.5 0 0 0-3 0v.7A7 7 0 0 0 5 11v5l-2 2v1h18v-1Z",
  read: "m5 12.5 4.5 4.5L19 7.5", unread: "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7Z", archive: "M4 8v11h16V8M3 4h18v4H3ZM10 12h4",
  unarchive: "M4 8v11h16V8M3 4h18v4H3Zm9 13v-6m-3 3 3-3 3 3", delete: "M5 7h14M10 11v6m4-6v6M7 7l1 13h8l1-13M9 7V4h6v3", close: "m6 6 12 12M18 6 6 18",
};
const CSS = `
:host{--_accent:var(--carillon-accent,light-dark(#0b57d0,#8ab4f8));--_bg:var(--carillon-bg,light-dark(#fff,#1f2125));
--_fg:var(--carillon-fg,light-dark(#1b1c1f,#ececf0));--_muted:var(--carillon-muted,light-dark(#5c5f66,#a9adb6));
--_line:var(--carillon-line,light-dark(#e4e5ea,#383b42));--_hover:var(--carillon-hover,light-dark(#f4f6fb,#292c32));
--_badge:var(--carillon-badge,#c5221f);display:inline-block;position:relative;
font-family:var(--carillon-font,inherit);font-size:15px;font-weight:400;line-height:1.45;color:var(--_fg)}
:host([theme=light]){color-scheme:light}:host([theme=dark]){color-scheme:dark}:host([theme=auto]){color-scheme:light dark}[hidden]{display:none!important}*{box-sizing:border-box}
button{font:inherit;color:inherit;background:none;border:0;padding:8px;border-radius:8px;cursor:pointer}
button:hover{background:var(--_hover)}:focus-visible{outline:2px solid var(--_accent);outline-offset:-2px}
svg{width:20px;height:20px;display:block;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
.bell{position:relative;padding:10px;border-radius:50%}.bell svg{width:24px;height:24px;fill:currentColor;stroke:none}
.badge{position:absolute;inset:2px 0 auto auto;min-width:19px;padding:0 5px;border-radius:10px;background:var(--_badge);color:#fff;
font:600 11px/19px system-ui,sans-serif;text-align:center}
.panel,.toast{background:var(--_bg);border:1px solid var(--_line);border-radius:var(--carillon-radius,14px);
box-shadow:0 12px 40px #0003;z-index:var(--carillon-layer,1000)}
.panel{position:absolute;inset:calc(100% + 8px) 0 auto auto;width:400px;display:flex;flex-direction:column;max-height:min(600px,75vh);overflow:hidden}
.panel.start{inset:calc(100% + 8px) auto auto 0}
header{display:flex;align-items:center;gap:2px;padding:10px 8px 10px 16px;border-bottom:1px solid var(--_line)}
h2{font-size:1.1em;margin:0;margin-inline-end:auto}h2:focus{outline:none}.plain{white-space:nowrap;color:var(--_accent);font-size:.87em;padding:6px 8px}
.state{margin:0;padding:8px 16px;font-size:.87em;background:var(--_hover);color:var(--_muted)}
.scroll{overflow:auto;overscroll-behavior:contain}ul{list-style:none;margin:0;padding:0}
li{display:flex;align-items:flex-start;border-bottom:1px solid var(--_line);padding-inline-end:6px}li:hover{background:var(--_hover)}
.open{flex:1;min-width:0;display:grid;grid-template-columns:8px 1fr;gap:1px 10px;text-align:start;padding:12px 4px 12px 12px;border-radius:0}
.dot{width:8px;height:8px;margin-top:.45em;border-radius:50%}.new .dot{background:var(--_accent)}.new .head{font-weight:650}
.head,.text{overflow-wrap:anywhere}.text,time{grid-column:2;color:var(--_muted);font-size:.93em;white-space:pre-line}time{font-size:.8em}
.acts{display:flex;padding-top:8px;color:var(--_muted)}.acts button{padding:6px;opacity:.75}.acts button:hover,.acts :focus-visible{opacity:1;color:var(--_fg)}.acts svg{width:18px;height:18px}
.older{width:100%;border-radius:0;padding:12px;color:var(--_accent)}.empty{padding:48px 16px;margin:0;text-align:center;color:var(--_muted)}
.toast{position:fixed;inset:auto 20px 20px auto;max-width:min(360px,calc(100vw - 40px));display:flex;padding:4px}.toast .open{grid-template-columns:0 1fr;gap:1px 0}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
@media(max-width:520px){.panel,.panel.start{position:fixed;inset:0;width:auto;max-height:none;border:0;border-radius:0}.toast{inset:auto 12px 12px}}
@media(prefers-reduced-motion:no-preference){.toast,.panel{animation:rise .16s ease-out}@keyframes rise{from{opacity:0;transform:translateY(6px)}}}`;

let sheet;
const make = (tag, attributes = {}, ...inside) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) name in node && name !== "part" ? (node[name] = value) : node.setAttribute(name, value);
  node.append(...inside.filter(Boolean));
  return node;
};
const icon = (name) => {
  const [svg, path] = ["svg", "path"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
};

export class CarillonInbox extends HTMLElement {
  strings = {};
  #rows = new Map();
  #missed = 0;

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    const [server, token, url] = ["server", "token", "token-url"].map((name) => this.getAttribute(name));
    const ask = async () => (await (await fetch(url, { headers: { accept: "application/json" } })).json()).token;
    const getToken = this.getToken ?? (url ? ask : undefined);
    this.client = new InboxClient({ server: server || new URL(import.meta.url).origin, token, getToken });
    this.client.addEventListener("change", () => this.#draw());
    this.client.addEventListener("notification", ({ detail }) => this.#came(detail));
    this.client.connect();
    this.minute = setInterval(() => this.#draw(), 60000);
    document.addEventListener("pointerdown", (this.outside = (event) => event.composedPath().includes(this) || this.toggle(false, false)));
    this.#draw();
  }

  disconnectedCallback() {
    this.client.close();
    clearInterval(this.minute);
    document.removeEventListener("pointerdown", this.outside);
  }

  /** Open or close the list. */
  toggle(open = this.panel.hidden, refocus = true) {
    if (open !== this.panel.hidden) return;
    this.panel.hidden = !open;
    this.panel.classList.toggle("start", this.getBoundingClientRect().right < 410); // to the side where there is room
    this.bell.ariaExpanded = String(open);
    if (open) this.toast.hidden = !(this.#missed = 0);
    if (open) this.heading.focus();
    else if (refocus) this.bell.focus();
  }

  #say(name, values = {}) {
    const given = { ...STRINGS, ...JSON.parse(this.getAttribute("strings") || "{}"), ...this.strings }[name];
    return given.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  }

  #button(part, label, act, ...inside) {
    const text = this.#say(label);
    const shown = inside.length ? inside : [text];
    return make("button", { type: "button", part, className: part, onclick: act, ...(inside.length && { ariaLabel: text, title: text }) }, ...shown);
  }

  #build() {
    const root = this.attachShadow({ mode: "open" });
    if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    this.badge = make("span", { part: "badge", className: "badge", ariaHidden: "true" });
    this.bell = make("button", { type: "button", part: "bell", className: "bell", ariaHasPopup: "dialog", ariaExpanded: "false", onclick: () => this.toggle() }, icon("bell"), this.badge);
    this.heading = make("h2", { tabIndex: -1 });
    this.readAll = this.#button("plain", "readAll", () => this.client.mark("read"));
    this.turn = this.#button("plain", "archive", () => this.client.show(!this.client.archived));
    const close = this.#button("close", "close", () => this.toggle(false), icon("close"));
    this.news = make("p", { part: "state", className: "state", role: "status" });
    this.list = make("ul", { part: "list", onkeydown: (event) => this.#key(event) });
    this.empty = make("p", { part: "empty", className: "empty" });
    this.more = this.#button("older", "older", () => this.client.older());
    const scroll = make("div", { className: "scroll" }, this.list, this.empty, this.more);
    this.panel = make("div", { part: "panel", className: "panel", role: "dialog", hidden: true }, make("header", { part: "header" }, this.heading, this.readAll, this.turn, close), this.news, scroll);
    this.toast = make("div", { part: "toast", className: "toast", hidden: true });
    this.live = make("div", { className: "sr", role: "log", ariaLive: "polite" });
    root.append(this.bell, this.panel, this.toast, this.live);
    root.addEventListener("keydown", (event) => event.key === "Escape" && this.toggle(false));
  }

  #draw() {
    const { items, unread, more, state, reason, archived } = this.client;
    if (this.count !== unread) this.#emit("carillon-unread", { count: (this.count = unread) });
    this.badge.textContent = unread > 99 ? "99+" : unread;
    this.badge.hidden = !unread;
    this.bell.ariaLabel = this.#say("bell", { count: unread });
    this.panel.ariaLabel = this.heading.textContent = this.#say(archived ? "archive" : "title");
    this.turn.textContent = this.#say(archived ? "inbox" : "archive");
    this.readAll.hidden = archived || !unread;
    this.news.hidden = state === "online";
    const news = this.news.hidden ? "" : this.#say(state, { reason });
    if (this.news.textContent !== news) this.news.textContent = news;
    this.more.hidden = !more;
    this.empty.hidden = items.length > 0 || state === "connecting";
    this.empty.textContent = this.#say(archived ? "emptyArchive" : "empty");
    this.#drawRows(items, archived);
  }

  #drawRows(items, archived) {
    const shown = new Set(items.map((item) => item.id));
    const held = [...this.list.children].indexOf(this.shadowRoot.activeElement?.closest("li"));
    for (const [id, row] of this.#rows) if (!shown.has(id)) row.remove(), this.#rows.delete(id);
    items.forEach((item, place) => {
      if (!this.#rows.has(item.id)) this.#rows.set(item.id, this.#row(item));
      const row = this.#rows.get(item.id);
      row.update(item, archived);
      if (this.list.children[place] !== row) this.list.insertBefore(row, this.list.children[place] ?? null);
    });
    // What had the focus is gone: the next one takes it, so that the keyboard never falls out of the list.
    if (held >= 0 && !this.shadowRoot.activeElement) (this.list.children[Math.min(held, items.length - 1)]?.firstChild ?? this.heading).focus();
  }

  #row({ id }) {
    const [mark, dot, head, text] = ["sr", "dot", "head", "text"].map((part) => make("span", { part: `item-${part}`, className: part }));
    const time = make("time", { part: "item-time" });
    const open = make("button", { type: "button", part: "item-open", className: "open" }, dot, head, text, time);
    const acts = make("div", { part: "actions", className: "acts" });
    const row = make("li", { part: "item" }, open, acts);
    row.update = (item, archived) => {
      row.className = item.is_read ? "" : "new";
      row.setAttribute("part", item.is_read ? "item" : "item unread");
      mark.textContent = item.is_read ? "" : this.#say("unreadMark");
      head.replaceChildren(mark, item.is_read ? "" : " ", item.title);
      text.textContent = item.message;
      time.dateTime = item.created_at;
      time.textContent = this.#ago(new Date(item.created_at));
      time.title = new Date(item.created_at).toLocaleString(this.#lang());
      open.onclick = () => this.#open(item);
      const key = `${item.is_read} ${archived}`;
      if (row.key === key) return;
      row.key = key;
      const held = [...acts.children].indexOf(this.shadowRoot.activeElement);
      const act = (name, label) => this.#button("act", label, () => this.client.mark(name, [id]), icon(name));
      acts.replaceChildren(item.is_read ? act("unread", "unread") : act("read", "read"), archived ? act("unarchive", "unarchive") : act("archive", "archiveOne"), act("delete", "remove"));
      if (held >= 0) acts.children[held].focus();
    };
    return row;
  }

  #open(item) {
    if (!item.is_read) this.client.mark("read", [item.id]);
    this.#emit("carillon-open", { item });
  }

  #came({ item, missed }) {
    const title = missed ? this.#say("missed", { count: ++this.#missed }) : item.title;
    if (!missed) this.#missed = 0;
    this.live.textContent = missed ? title : this.#say("fresh", { title });
    if (!this.panel.hidden) return;
    const open = make("button", { type: "button", className: "open", onclick: () => (this.toggle(true), missed || this.#open(item)) });
    open.append(make("span"), make("span", { className: "head", textContent: title }), missed ? "" : make("span", { className: "text", textContent: item.message }));
    this.toast.replaceChildren(open, this.#button("close", "close", () => (this.toast.hidden = true), icon("close")));
    this.toast.hidden = false;
    clearTimeout(this.toasting);
    this.toasting = setTimeout(() => (this.toast.hidden = !this.toast.matches(":hover, :focus-within")), 7000);
  }

  #key(event) {
    const row = this.shadowRoot.activeElement?.closest("li");
    const step = { ArrowDown: row?.nextSibling, ArrowUp: row?.previousSibling, Home: this.list.firstChild, End: this.list.lastChild };
    if (event.key === "Delete" && row) row.lastChild.lastChild.click();
    else if (!(event.key in step)) return;
    event.preventDefault();
    step[event.key]?.firstChild.focus();
  }

  #lang() {
    return this.lang || document.documentElement.lang || navigator.language;
  }

  #ago(date) {
    let past = (date - Date.now()) / 1000;
    for (const [unit, size] of [["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", 4.35], ["month", 12], ["year", Infinity]]) {
      if (Math.abs(past) < size) return new Intl.RelativeTimeFormat(this.#lang(), { numeric: "auto" }).format(Math.trunc(past), unit);
      past /= size;
    }
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

customElements.define("carillon-inbox", CarillonInbox);
