// The list: a row for each message, which stays as long as the message does, and with it the focus and the place in the page.
import { locale, make, write } from "./parts.js";

const UNITS = Object.entries({ second: 60, minute: 60, hour: 24, day: 7, week: 4.35, month: 12, year: Infinity });

/** [the list, draw(items, archived)]; `opened(item)` is called for what the person opens. */
export const makeList = (host, client, say, button, opened) => {
  const rows = new Map();
  const focused = () => host.shadowRoot.activeElement;
  let clock;

  const since = (date) => {
    let past = Math.min((date - Date.now()) / 1000, 0); // nothing is to come, however slow this clock is
    for (const [unit, size] of UNITS) {
      if (Math.abs(past) < size) return clock.format(Math.trunc(past), unit);
      past /= size;
    }
  };

  const makeRow = ({ id, title, message, created_at }) => {
    const [mark, dot, head, text] = ["sr", "dot", "head", "text"].map((part) => make("span", `item-${part}`, { dir: "auto" }));
    const date = new Date(created_at);
    const time = make("time", "item-time", { dateTime: created_at, title: date.toLocaleString(locale(host)) });
    const open = make("button", "item-open", {}, dot, head, text, time);
    const actions = make("div", "actions");
    const row = make("li", "item", {}, open, actions);
    const act = (name, label = name) => button("act", label, () => client.mark(name, [id]), name);
    let drawn;
    head.append(mark, title);
    write(text, message);
    row.draw = (item, archived) => {
      const read = item.is_read;
      const now = `${read} ${archived}`;
      write(time, since(date));
      open.onclick = () => opened(item);
      if (drawn === now) return;
      drawn = now;
      row.part = row.className = read ? "item" : "item unread";
      write(mark, read ? "" : `${say("unreadMark")} `);
      const held = [...actions.children].indexOf(focused());
      actions.replaceChildren(act(read ? "unread" : "read"), archived ? act("unarchive") : act("archive", "archiveOne"), act("delete", "remove"));
      if (held >= 0) actions.children[held].focus();
    };
    return row;
  };

  const onkeydown = (event) => {
    const row = focused()?.closest("li");
    const step = { ArrowDown: row?.nextSibling, ArrowUp: row?.previousSibling, Home: list.firstChild, End: list.lastChild };
    if (event.key === "Delete" && row) row.lastChild.lastChild.click();
    else if (!(event.key in step)) return;
    event.preventDefault();
    step[event.key]?.firstChild.focus();
  };

  const list = make("ul", "list", { role: "list", onkeydown });
  const draw = (items, archived) => {
    clock = new Intl.RelativeTimeFormat(locale(host), { numeric: "auto" });
    const shown = new Set(items.map((item) => item.id));
    const held = [...list.children].indexOf(focused()?.closest("li"));
    for (const [id, row] of rows) if (!shown.has(id)) row.remove(), rows.delete(id);
    items.forEach((item, place) => {
      if (!rows.has(item.id)) rows.set(item.id, makeRow(item));
      const row = rows.get(item.id);
      row.draw(item, archived);
      const there = list.children[place];
      if (there !== row) list.insertBefore(row, there ?? null);
    });
    // What had the focus is gone: the next one takes it, so that the keyboard never falls out of the list.
    if (held >= 0 && !focused()) (list.children[Math.min(held, items.length - 1)]?.firstChild ?? host.shadowRoot.querySelector("h2")).focus();
  };
  return [list, draw];
};
