// A person's live inbox, without a framework. Only text comes out of it: never give it to innerHTML.
//
//   const inbox = new InboxClient({ server, token });  // or getToken: async () => "..." instead of token: asked again when one ends
//   inbox.addEventListener("change", () => draw(inbox.items, inbox.unread, inbox.state));
//   inbox.addEventListener("notification", ({ detail }) => toast(detail.item));  // detail.missed: it came while we were away
//   inbox.connect();
//
// items (newest first), unread, more (older() gets them), archived (show(true): the archive instead of the list), loaded (false
// until the first page is here); state: connecting, online, reconnecting, offline, refused (then `reason` says why, in the
// server's word). Where getToken fails it is asked again later; where it gives nothing, the inbox is refused.
// mark(action, ids): read, unread, archive, unarchive, delete; without ids all of the list, or while there is no connection all
// of `items`: what nobody has seen is not marked. It shows at once, is sent as soon as there is a connection, and the promise
// keeps the server's answer. close() hangs up.
const theirs = globalThis.io;
await import("./vendor/socket.io.min.js");
const { io } = globalThis;
if (theirs) globalThis.io = theirs;

const PAGE = 30;
const MOST = 200; // items of one page; live ones push out what is older
const LOST = "reconnecting";
const LATER = ["full", "too_many", "unavailable"]; // refusals that time cures
const claims = (token) => {
  try {
    return JSON.parse(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
  } catch {
    return {};
  }
};

const failed = ({ error }) => new Error(error.detail);
const idsOf = (items) => items.map((item) => item.id);
export const emit = (from, name, detail) => from.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));

export class InboxClient extends EventTarget {
  items = [];
  unread = 0;
  more = false;
  archived = false;
  loaded = false;
  state = "connecting";
  reason = "";
  #queue = [];
  #tries = 0;
  #refused = 0;
  #timer;
  #acking;
  #storage;
  #key;
  #cursor;
  #loading;
  #again;
  #ended;

  constructor({ server = location.origin, token, getToken, storage }) {
    super();
    Object.assign(this, { server, token, getToken });
    try {
      this.#storage = storage ?? localStorage;
    } catch {} // a page without storage starts with the newest messages each time
  }

  connect() {
    // From half a second to three and a half, then longer: after a restart not everybody comes at once, and all within a minute.
    const socket = (this.socket = io(this.server, {
      auth: (give) => this.#auth().then(give, () => (socket.disconnect(), this.#later())), autoConnect: false, forceNew: true,
      transports: ["websocket", "polling"], tryAllTransports: true,
      reconnectionDelay: 2000, reconnectionDelayMax: 20000, randomizationFactor: 0.75,
    }));
    this.#ended = new AbortController();
    socket.on("connect", () => {
      this.#tries = this.#refused = 0;
      this.#is("online");
      this.#send();
    });
    socket.on("sync", (sync) => this.#sync(sync));
    socket.on("notification", (item) => this.#arrive(item));
    socket.on("changed", (change) => this.#changed(change));
    socket.on("unread", ({ count }) => this.#tell({ unread: count }));
    socket.on("disconnect", (why) => {
      for (const each of this.#queue) Object.assign(each, { sent: false, all: false }); // "all" was said of those of then
      if (why === "io server disconnect") this.#later();
      else if (why !== "io client disconnect") this.#is(LOST);
    });
    socket.on("connect_error", ({ data }) => {
      if (socket.active) return this.#is(LOST); // it tries again by itself
      const wait = LATER.includes(data?.reason);
      if (!wait && !(this.getToken && this.#refused++ < 3)) return this.#is("refused", data?.reason ?? "");
      if (!wait) this.token = null;
      this.#later();
    });
    addEventListener("offline", () => (socket.disconnect(), this.#is("offline")), this.#ended);
    addEventListener("online", () => (this.#is(LOST), socket.connect()), this.#ended);
    socket.connect();
  }

  close() {
    clearTimeout(this.#timer);
    this.#ended?.abort();
    this.socket?.disconnect();
  }

  mark(action, ids) {
    const entry = { action, all: !ids && this.socket?.connected, ids: (ids ?? idsOf(this.items)).slice(0, 1000) };
    entry.done = new Promise((resolve, reject) => Object.assign(entry, { resolve, reject }));
    entry.done.catch(() => {}); // who wants to know awaits it
    this.#apply(action, entry.ids);
    if (entry.all && action !== "unread" && !this.archived) this.unread = 0;
    this.#queue.push(entry);
    this.#tell();
    this.#send();
    return entry.done;
  }

  async show(archived) {
    this.#tell({ archived, items: [], more: false, loaded: false });
    await this.reload();
  }

  async reload() {
    if (this.#loading) return void (this.#again = true);
    this.#loading = [];
    try {
      const { archived } = this;
      const page = await this.#ask("page", { limit: Math.min(Math.max(this.items.length, PAGE), MOST), archived });
      const known = new Set(idsOf(page.items));
      const came = archived ? [] : this.#loading.filter((item) => !known.has(item.id)); // while the page was on its way
      if (archived === this.archived) this.#tell({ items: [...came, ...page.items], more: !!page.next, loaded: true });
    } catch {
      setTimeout(() => this.socket.connected && this.reload(), 5000); // without a connection the next one asks
    }
    this.#loading = null;
    if (!this.#again) return;
    this.#again = false;
    await this.reload();
  }

  async older() {
    const { archived } = this;
    const page = await this.#ask("page", { limit: PAGE, archived, before: this.items.at(-1)?.id });
    const known = new Set(idsOf(this.items));
    const older = page.items.filter((item) => !known.has(item.id));
    if (archived === this.archived) this.#tell({ items: [...this.items, ...older], more: !!page.next });
  }

  async #auth() {
    if (this.getToken && !(claims(this.token ?? "").exp > Date.now() / 1000 + 5)) this.token = await this.getToken();
    this.#key = `carillon ${new URL(this.server, location.href).origin} ${claims(this.token).sub}`;
    this.#cursor = this.#storage?.getItem(this.#key) ?? this.#cursor;
    return { token: this.token, since: this.#cursor };
  }

  #sync({ items, cursor, unread, more, reset }) {
    const missed = this.#cursor && !reset;
    if (missed) for (const item of items) emit(this, "notification", { item, missed: true });
    this.#keep(cursor);
    this.#tell({ unread });
    if (missed && more) this.socket.emit("sync", { since: cursor });
    else this.reload();
  }

  #arrive({ cursor, unread, ...item }) {
    this.#keep(cursor);
    item.is_read = false;
    this.#loading?.push(item);
    const fresh = !this.items.some((one) => one.id === item.id);
    const items = fresh && !this.archived ? [item, ...this.items] : this.items;
    const most = Math.max(this.items.length, MOST);
    this.#tell({ unread, items: items.slice(0, most), more: this.more || items.length > most });
    if (fresh) emit(this, "notification", { item, missed: false });
  }

  #changed({ action, ids, unread }) {
    if (!ids || this.#loading || this.#brings(action)) this.reload();
    else this.#apply(action, ids);
    this.#tell({ unread });
  }

  #brings(action) {
    return action === (this.archived ? "archive" : "unarchive");
  }

  #apply(action, ids) {
    const some = new Set(ids);
    const hit = this.items.filter((item) => some.has(item.id));
    if (action === "read" || action === "unread") {
      const is_read = action === "read";
      if (!this.archived) this.unread += hit.filter((item) => item.is_read !== is_read).length * (is_read ? -1 : 1);
      for (const item of hit) item.is_read = is_read;
    } else if (!this.#brings(action)) {
      if (!this.archived) this.unread -= hit.filter((item) => !item.is_read).length;
      this.items = this.items.filter((item) => !some.has(item.id));
    }
    this.unread = Math.max(this.unread, 0);
  }

  #send() {
    for (const each of this.#queue) {
      if (each.sent || !this.socket?.connected) continue;
      each.sent = true;
      this.socket.emit(each.action, each.all ? { all: true } : { ids: each.ids }, (answer) => {
        this.#queue.splice(this.#queue.indexOf(each), 1);
        if (!answer.error) return each.resolve(answer); // the count comes as `unread`, in its turn
        each.reject(failed(answer));
        this.reload();
      });
    }
  }

  async #ask(event, data) {
    const answer = await this.socket.timeout(15000).emitWithAck(event, data);
    if (answer.error) throw failed(answer);
    return answer;
  }

  #keep(cursor) {
    this.#cursor = cursor;
    try {
      this.#storage?.setItem(this.#key, cursor);
    } catch {}
    this.#acking ??= setTimeout(() => ((this.#acking = null), this.socket.emit("ack", { cursor: this.#cursor })), 1000);
  }

  #later() {
    if (this.#ended.signal.aborted) return;
    this.#is(LOST);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.socket.connect(), Math.min(2000 * 2 ** this.#tries++, 20000) * (0.25 + 1.5 * Math.random()));
  }

  #is(state, reason = "") {
    this.#tell({ state: state === LOST && navigator.onLine === false ? "offline" : state, reason });
  }

  #tell(news) {
    Object.assign(this, news);
    emit(this, "change");
  }
}
