// Keeps the figures of running broadcasts fresh: live over a socket, and by asking while that is away; only while somebody looks.
"use strict";

(() => {
  const ASK_EVERY = 2000;
  const SESSION_EVERY = 240000; // a session that only listens would grow old
  const SPAN = 10000; // the time over which the rate is taken
  const SVG = "http://www.w3.org/2000/svg";
  const number = new Intl.NumberFormat("en-US");
  const OPEN = new Set(["queued", "retrying", "sending"]);

  const draw = (bar, parts) => {
    const total = parts.reduce((sum, part) => sum + part.count, 0);
    let x = 0;
    bar.querySelector("svg").replaceChildren(...parts.map((part) => {
      const width = (100 * part.count) / total;
      const rect = document.createElementNS(SVG, "rect");
      rect.setAttribute("class", `is-${part.state}`);
      for (const [name, value] of [["x", x], ["width", width], ["height", 1]]) rect.setAttribute(name, value);
      x += width;
      return rect;
    }));
  };

  const legend = (list, parts) => list.replaceChildren(...parts.map((part) => {
    const item = document.createElement("li");
    const line = document.createElement("span");
    line.className = "with-icon";
    const dot = document.createElement("span");
    dot.className = `dot is-${part.state}`;
    const count = document.createElement("strong");
    count.className = "figure";
    count.textContent = number.format(part.count);
    line.append(dot, ` ${part.label} `, count);
    item.append(line);
    return item;
  }));

  const set = (box, name, text) => { const found = box.querySelector(`[data-${name}]`); if (found) found.textContent = text; };
  const sum = (parts, wanted = () => true) => parts.filter(wanted).reduce((all, part) => all + part.count, 0);

  const merged = (channels) => {
    const sums = new Map();
    for (const parts of Object.values(channels)) {
      for (const part of parts) sums.set(part.state, { ...part, count: part.count + (sums.get(part.state)?.count ?? 0) });
    }
    return [...sums.values()];
  };

  const perSecond = (rate) => `${rate >= 10 ? number.format(Math.round(rate)) : rate.toFixed(1)}/s`;
  const lasting = (seconds) => {
    if (seconds < 10) return "a few seconds";
    if (seconds < 90) return `about ${Math.ceil(seconds / 10) * 10} s`;
    if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
    return seconds < 172800 ? `about ${Math.round(seconds / 3600)} h` : `about ${Math.round(seconds / 86400)} days`;
  };

  // What only the server can write (buttons, sentences, reasons) is fetched with the page and put in its place.
  let fetching = false;
  let wanted = false;
  const refresh = async () => {
    if (fetching) { wanted = true; return; }
    fetching = true;
    try {
      // Its figures are the script's until the end; before the start there are none.
      const atTheEnd = boxes.every((box) => box.final);
      await window.carillonParts.renew((part) => !("atTheEnd" in part.dataset) || !part.childElementCount || atTheEnd);
    } catch { /* the server is away for a moment */ }
    setTimeout(() => { fetching = false; if (wanted) { wanted = false; refresh(); } }, 1500);
  };

  class Box {
    constructor(element) {
      this.element = element;
      this.id = Number(element.dataset.watch);
      this.samples = [];
      this.last = null;
      this.final = false;
    }

    show(far) {
      const before = this.last;
      this.last = far;
      this.final = far.final;
      const { element } = this;
      set(element, "percent", `${far.percent}%`);
      set(element, "written", number.format(far.written));
      set(element, "audience", number.format(far.audience));
      set(element, "open", number.format(far.open));
      const whole = [...element.querySelectorAll("[data-bar]")].find((bar) => !bar.closest("[data-channel]"));
      if (whole && far.total) draw(whole, merged(far.channels));
      let known = Boolean(whole) || !far.total;
      const list = element.querySelector("[data-channels]");
      for (const [channel, parts] of Object.entries(list ? far.channels : {})) {
        const one = list.querySelector(`[data-channel="${channel}"]`);
        if (!one) { known = false; continue; }
        draw(one.querySelector("[data-bar]"), parts);
        legend(one.querySelector("[data-legend]"), parts);
        set(one, "sum", number.format(sum(parts)));
      }
      // Measured only between two looks of the same stretch of work.
      if (before && before.mark !== far.mark) this.samples = [];
      const seen = before ?? { mark: element.dataset.mark, troubled: Number(element.dataset.troubled) };
      if (!known || seen.mark !== far.mark || seen.troubled !== far.troubled || (far.final && !before?.final)) refresh();
      if (far.final) say("", true);
      this.pace();
    }

    // The rate over the last seconds, and from it the time left: the slowest channel decides.
    pace() {
      const far = this.last;
      if (!far || !this.element.querySelector("[data-rate]")) return;
      const now = performance.now();
      const closed = Object.fromEntries(Object.entries(far.channels).map(([name, parts]) => [name, sum(parts, (part) => !OPEN.has(part.state))]));
      this.samples.push({ now, closed });
      while (this.samples.length > 2 && now - this.samples[1].now > SPAN) this.samples.shift();
      const first = this.samples[0];
      const seconds = (now - first.now) / 1000;
      if (far.final || seconds < 1.5) { if (far.final) { set(this.element, "rate", "–"); set(this.element, "eta", "–"); } return; }
      let all = 0;
      let left = 0;
      for (const [name, count] of Object.entries(closed)) {
        const rate = (count - (first.closed[name] ?? 0)) / seconds;
        all += rate;
        const open = Math.max(far.audience - count, 0);
        if (open) left = Math.max(left, rate > 0 ? open / rate : Infinity);
        const one = this.element.querySelector(`[data-channel="${name}"]`);
        const rest = open ? `, ${lasting(open / rate)} left` : "";
        if (one) set(one, "channel-rate", rate > 0 ? ` · ${perSecond(rate)}${rest}` : "");
      }
      set(this.element, "rate", all > 0 ? perSecond(all) : "–");
      set(this.element, "eta", left === 0 || left === Infinity ? "–" : lasting(left));
    }
  }

  const boxes = [...document.querySelectorAll("[data-watch]")].map((element) => new Box(element));
  if (!boxes.length) return;
  const say = (words, away) => {
    if (boxes.every((box) => box.final)) words = ""; // nothing will change any more
    for (const link of document.querySelectorAll("[data-link]")) { link.textContent = words; link.classList.toggle("live--off", away); }
  };

  const ask = async () => {
    for (const box of boxes) {
      const answer = await fetch(box.element.dataset.poll, { headers: { Accept: "application/json" } });
      if (answer.status === 401) { location.reload(); return false; }
      if (!answer.ok) throw new Error(answer.statusText);
      box.show(await answer.json());
    }
    return true;
  };

  // While the socket is away.
  let asking = null;
  const askOn = async () => {
    asking = setTimeout(askOn, ASK_EVERY);
    if (document.hidden) return;
    try { if (await ask()) say("Refreshes every few seconds: no live connection", true); }
    catch { say("No connection to the server: trying again", true); }
  };
  const fall = (after = 400) => { if (asking === null) asking = setTimeout(askOn, after); };

  const socket = window.io?.("/desk", { transports: ["websocket"], reconnectionDelayMax: 5000, timeout: 5000 });
  fall(socket ? 3000 : 400); // a proxy that swallows the socket would else be noticed late
  if (!socket) return;
  const watch = () => {
    if (!socket.connected) return;
    socket.emit("watch", { broadcasts: document.hidden ? [] : boxes.map((box) => box.id) }, (answer) => {
      if (answer.error) { fall(); return; }
      for (const far of answer.broadcasts) boxes.find((box) => box.id === far.id)?.show(far);
    });
  };
  socket.on("connect", () => { clearTimeout(asking); asking = null; say("Live", false); watch(); });
  socket.on("progress", (far) => { for (const box of boxes) if (box.id === far.id) box.show(far); });
  socket.on("connect_error", () => { fall(); if (!socket.active) setTimeout(() => socket.connect(), 5000); });
  socket.on("disconnect", (reason) => {
    fall();
    // Shown out: either the session has ended (asking will tell), or a fresh connection carries the newer cookie.
    if (reason === "io server disconnect") setTimeout(() => socket.connect(), 3000);
  });
  document.addEventListener("visibilitychange", watch);
  setInterval(() => { for (const box of boxes) box.pace(); }, 1000);
  setInterval(() => { if (!document.hidden && socket.connected) ask().catch(() => {}); }, SESSION_EVERY);
})();
