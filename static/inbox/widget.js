// <carillon-inbox server="https://bell.example.org" token-url="/my/inbox-token/"></carillon-inbox>
//
// A bell with a badge, the list behind it, and a toast for what comes in. The README lists its attributes, properties, events, CSS
// variables and parts. No inline style and no innerHTML: a strict policy needs only script-src and connect-src. List and toast are
// popovers: they lie above the page whatever clips, blurs or stacks the header that holds the bell.
import { InboxClient, emit } from "./client.js";
import { makeList } from "./list.js";
import { icon, make, page, speak, write } from "./parts.js";
import CSS from "./widget.css";

const STRINGS = {
  title: "Notifications", bell: "Notifications, {count} unread", readAll: "Mark all read", archive: "Archive", inbox: "Inbox",
  close: "Close", read: "Mark as read", unread: "Mark as unread", archiveOne: "Archive", unarchive: "Move back to the inbox",
  remove: "Delete", older: "Show older", loading: "Loading…", empty: "Nothing here yet", emptyArchive: "The archive is empty",
  connecting: "Connecting…", reconnecting: "Connection lost. Trying again…", offline: "You are offline",
  refused: "This inbox cannot be opened ({reason})", missed: "{count} new while you were away", fresh: "New: {title}", unreadMark: "Unread",
};
const GIVEN = ["server", "token", "token-url", "strings", "lang"];
const STAYS = 7000; // milliseconds that a toast is there

let sheet;

/** The client of a widget, by its attributes and properties. */
const clientOf = (host, server, token, url) => {
  const ask = async () => {
    const answer = await fetch(url, { headers: { accept: "application/json" } });
    if (answer.status > 428) throw answer; // too many, or down: later again
    return (await answer.json()).token;
  };
  const getToken = host.getToken ? () => host.getToken() : url && ask;
  return new InboxClient({ server: server || new URL(import.meta.url).origin, token, getToken });
};

/** [the toast, show(item, missed), hide()]: what has just come, or how many came while nobody was here. */
const makeToast = (say, button, opened) => {
  const toast = make("div", "toast", { popover: "manual" });
  const live = make("div", "sr", { role: "log", ariaLive: "polite" });
  const hide = () => toast.hidePopover(); // in a page or not
  let timer;
  const wait = () => (timer = setTimeout(() => (toast.matches(":hover,:focus-within") ? wait() : hide()), STAYS));
  const show = (item, missed, quiet) => {
    const title = missed ? say("missed", { count: missed }) : item.title;
    live.textContent = missed ? title : say("fresh", { title });
    if (quiet) return;
    const lines = Object.entries({ head: title, text: missed ? "" : item.message });
    const open = make("button", "open", { onclick: () => opened(!missed && item) }, ...lines.map(([part, textContent]) => make("span", part, { dir: "auto", textContent })));
    toast.replaceChildren(open, button("close", "close", hide, "close"));
    toast.togglePopover(true);
    clearTimeout(timer);
    wait();
  };
  return [toast, live, show, hide];
};

/** Put a widget together and bring it to life. Returns what ends it. */
const mount = (host) => {
  const [server, token, url, strings] = GIVEN.map((name) => host.getAttribute(name));
  const [say, button] = speak({ ...STRINGS, ...JSON.parse(strings || null), ...host.strings });
  const client = (host.client = clientOf(host, server, token, url));
  const place = new CSSStyleSheet();
  let missed = 0;
  let drawing;
  let count;

  const opened = (item) => {
    if (!item.is_read) client.mark("read", [item.id]);
    emit(host, "carillon-open", { item });
  };
  const [list, drawList] = makeList(host, client, say, button, opened);
  const [toast, live, show, hide] = makeToast(say, button, (item) => (host.toggle(true), item && opened(item)));
  const badge = make("span", "badge", { ariaHidden: true });
  const heading = make("h2", "title", { tabIndex: -1 });
  const readAll = button("plain", "readAll", () => client.mark("read"));
  const turn = button("plain", "archive", () => client.show(!client.archived));
  const header = make("header", "header", {}, heading, readAll, turn, button("close", "close", () => host.toggle(false), "close"));
  const news = make("p", "state", { role: "status" });
  const empty = make("p", "empty");
  const older = button("older", "older", () => client.older().catch(() => {}));
  const turned = ({ newState }) => {
    if (newState !== "open") return panel.contains(root.activeElement) && bell.focus();
    missed = 0;
    heading.autofocus = true; // not before: a page that loads is not to go there
    hide();
    lay();
    draw(true);
  };
  const panel = make("div", "panel", { role: "dialog", popover: "auto" }, header, news, make("div", "scroll", {}, list, empty, older));
  panel.addEventListener("beforetoggle", turned);
  const bell = make("button", "bell", { ariaHasPopup: "dialog", popoverTargetElement: panel }, icon("bell"), badge);

  /** Put the list beside the bell, on the side where there is room. */
  const lay = () => {
    const { right, top, bottom } = bell.getBoundingClientRect();
    const { clientWidth, clientHeight } = page.documentElement;
    const above = top > clientHeight / 2;
    const at = above ? `bottom:${clientHeight - top + 8}px;top:auto` : `top:${bottom + 8}px`;
    const room = (above ? top : clientHeight - bottom) - 16;
    place.replaceSync(`.panel{${at};left:${Math.max(Math.min(right, clientWidth - 8) - 400, 8)}px;max-height:min(600px,${room}px)}`);
  };
  const draw = (open = panel.matches(":popover-open")) => {
    drawing = 0;
    const { items, unread, more, state, reason, archived, loaded } = client;
    if (count !== unread) emit(host, "carillon-unread", { count: (count = unread) });
    write(badge, unread > 99 ? "99+" : `${unread}`);
    badge.hidden = !unread;
    bell.ariaLabel = say("bell", { count: unread });
    write(heading, (panel.ariaLabel = say(archived ? "archive" : "title")));
    write(turn, say(archived ? "inbox" : "archive"));
    readAll.hidden = archived || !unread;
    const online = (news.hidden = state === "online");
    write(news, online ? "" : say(state, { reason }));
    older.hidden = !more;
    empty.hidden = items.length > 0 || !(loaded || online);
    write(empty, say(!loaded ? "loading" : archived ? "emptyArchive" : "empty"));
    if (open) drawList(items, archived);
  };

  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  if (!sheet) (sheet = new CSSStyleSheet()).replaceSync(CSS);
  root.adoptedStyleSheets = [sheet, place];
  root.replaceChildren(bell, panel, toast, live);
  client.addEventListener("change", () => (drawing ||= setTimeout(draw))); // many at once are drawn once
  client.addEventListener("notification", ({ detail }) => {
    missed = detail.missed && missed + 1;
    show(detail.item, missed, panel.matches(":popover-open"));
  });
  if (token || client.getToken) client.connect(); // else once there is one
  const minute = setInterval(draw, 60000);
  const ended = new AbortController();
  for (const event of ["scroll", "resize"]) addEventListener(event, lay, { capture: true, signal: ended.signal });
  draw();
  return () => {
    client.close();
    clearInterval(minute);
    ended.abort();
  };
};

export class CarillonInbox extends HTMLElement {
  static observedAttributes = GIVEN;
  strings = this.strings; // what was set before this file was here
  getToken = this.getToken;
  #end;

  connectedCallback() {
    this.#end = mount(this);
  }

  disconnectedCallback() {
    this.#end();
  }

  attributeChangedCallback(_, before, now) {
    if (before !== now) this.restart();
  }

  /** Begin anew, after a change of properties. A change of attributes does it by itself. */
  restart() {
    if (!this.#end || !this.isConnected) return;
    this.#end();
    this.connectedCallback();
  }

  /** Open or close the list. */
  toggle(open) {
    this.shadowRoot.querySelector("[role=dialog]").togglePopover(open);
  }
}

customElements.define("carillon-inbox", CarillonInbox);
