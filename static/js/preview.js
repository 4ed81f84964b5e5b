// The live preview: asks the server as the form changes, never twice at once, and shows what the sending would write.
"use strict";

(() => {
  const box = document.querySelector("[data-preview]");
  const form = box && document.querySelector(box.dataset.form);
  if (!form) return;
  const draw = window.CarillonPreview;
  const { el } = draw;
  const one = (name) => box.querySelector(`[data-${name}]`);
  const all = (name) => [...box.querySelectorAll(`[data-${name}]`)];
  const isEditor = box.dataset.preview === "editor";
  const state = { person: null, found: null, force: "", sides: new Map(), madeUp: false };
  const PAUSE = 250; // milliseconds after the last key

  // What is asked: the page's own fields, without files, and whose eyes to see it with.
  const asked = () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => typeof value === "string"));
    query.set("preview-source", box.dataset.preview);
    if (box.dataset.slug) query.set("slug", box.dataset.slug);
    if (state.person) query.set("preview-person", state.person.id);
    if (state.force) query.set("preview-force", state.force);
    if (state.madeUp) query.set("preview-as", "made-up");
    if (isEditor && !state.found) query.set("preview-begin", "1"); // the values of the last broadcast, to begin with
    for (const field of all("field")) query.set(field.dataset.field, field.value);
    return query;
  };
  box.asked = asked;
  const post = (url, signal) => fetch(url, { method: "POST", body: asked(), signal, headers: { Accept: "application/json" } });

  let timer, running;
  const soon = (pause = PAUSE) => { clearTimeout(timer); timer = setTimeout(look, pause); };
  const look = async () => {
    running?.abort();
    const mine = running = new AbortController();
    one("stage").setAttribute("aria-busy", "true");
    try {
      const answer = await post(box.dataset.url, mine.signal);
      if (!answer.headers.get("Content-Type")?.includes("json")) throw new Error("no answer");
      show(await answer.json(), answer.ok);
    } catch (error) {
      if (error.name === "AbortError") return;
      one("status").textContent = "The preview could not be loaded; it tries again with your next change.";
    }
    if (running === mine) one("stage").removeAttribute("aria-busy");
  };

  const show = (found, good) => {
    const wrong = one("person-error");
    wrong.hidden = good;
    wrong.textContent = good ? "" : found.error ?? found.detail ?? "";
    if (!good) return;
    state.found = found;
    one("empty").hidden = !found.empty;
    if (found.empty) {
      for (const panel of all("panel")) panel.hidden = true;
      one("status").textContent = "";
      one("forks-box").hidden = true;
      return;
    }
    if (!state.person && !found.person.made_up) { state.person = { ...found.person, first: true }; }
    if (document.activeElement !== search) search.value = found.person.made_up ? "" : draw.called(found.person);
    one("status").textContent = [
      `As ${found.person.made_up ? "somebody made up" : draw.called(found.person)}`,
      found.gaps.length ? `still without a value: ${found.gaps.join(", ")}` : "",
      found.faults.length ? `${draw.plural(found.faults.length, "mistake", "mistakes")}` : "", ...found.problems.map(([, words]) => words),
    ].filter(Boolean).join("; ");
    for (const panel of all("panel")) fill(panel, found.channels[panel.dataset.panel]);
    for (const tab of tabs) mark(tab, found.channels[tab.dataset.tab]);
    if (found.last) for (const [name, value] of Object.entries(found.last)) if (!kept.has(name)) kept.set(name, value);
    variables(found.variables);
    if (found.last && found.gaps.some((name) => kept.get(name))) soon(0);
    conditions();
    choose(current);
    form.dispatchEvent(new CustomEvent("carillon:preview", { detail: found }));
  };

  const fill = (panel, channel) => {
    panel.querySelector("[data-quiet]").hidden = channel.rings;
    panel.querySelector("[data-faults]").replaceChildren(...draw.faults(channel.faults, goto));
    for (const place of panel.querySelectorAll("[data-text]")) {
      const text = channel[place.dataset.text];
      place.textContent = text ?? "";
      place.classList.toggle("is-missing", text === null || text === undefined);
    }
    if (panel.dataset.panel === "sms") {
      const size = channel.size;
      one("bubbles").replaceChildren(...(size ? draw.bubbles(size) : []));
      one("size").textContent = size ? draw.sizeWords(size) : "";
      one("costly").replaceChildren(...(size ? draw.costly(size) : []));
    }
    if (panel.dataset.panel === "email") mail(channel.email_html ?? "");
  };

  const mark = (tab, channel) => {
    const sign = tab.querySelector("[data-mark]");
    const many = channel.size?.segments > 1 ? String(channel.size.segments) : "";
    sign.textContent = channel.faults.length ? "!" : many;
    sign.title = channel.faults.length ? "Something is wrong" : many ? `${many} segments` : "";
    sign.classList.toggle("is-bad", channel.faults.length > 0);
    sign.hidden = !sign.textContent;
    tab.classList.toggle("is-quiet", !channel.rings);
  };

  // Into the field at fault, where this page has it.
  const goto = (fault) => {
    const field = form.elements[fault.part];
    if (!(field instanceof HTMLElement) || field.offsetParent === null) return null;
    const go = () => {
      const before = field.value.split("\n").slice(0, Math.max(fault.line - 1, 0)).join("\n").length;
      const at = fault.line > 1 ? before + 1 : 0;
      field.focus();
      field.setSelectionRange?.(at + Math.max(fault.column - 1, 0), at + Math.max(fault.column, 1));
    };
    return el("button", { type: "button", className: "button button--small", textContent: "Go there", on: { click: go } });
  };

  // The e-mail stands in a frame that may do nothing; the new one is put in when it is there, so nothing blinks.
  let shownMail = null;
  let frames = 0;
  const mail = (html) => {
    if (html === shownMail) return;
    shownMail = html;
    const holder = one("frame");
    const frame = el("iframe", { className: "is-coming", title: "The e-mail's HTML part", name: `preview-mail-${++frames}` });
    frame.setAttribute("sandbox", "");
    const sender = el("form", { method: "post", action: box.dataset.mailUrl, target: frame.name, hidden: true });
    for (const [name, value] of [["csrf_token", form.elements.csrf_token.value], ["html", html]]) {
      const field = el("textarea", { name });
      field.value = value;
      sender.append(field);
    }
    frame.addEventListener("load", () => {
      for (const other of [...holder.children]) if (other !== frame) other.remove();
      frame.classList.remove("is-coming");
    });
    holder.append(frame);
    document.body.append(sender);
    sender.submit();
    sender.remove();
    scale();
  };
  const scale = () => {
    const holder = one("mail");
    const wide = holder.dataset.width !== "phone";
    const width = wide ? 640 : 360;
    const factor = Math.min(1, holder.clientWidth / width);
    one("frame").style.setProperty("--mail-width", `${width}px`);
    one("frame").style.setProperty("--mail-scale", String(factor || 1));
  };
  for (const radio of all("width")) radio.addEventListener("change", () => {
    one("mail").dataset.width = radio.value;
    one("frame").hidden = radio.value === "text";
    one("mail").querySelector("pre").hidden = radio.value !== "text";
    scale();
  });
  new ResizeObserver(scale).observe(one("mail"));

  // Tabs, by arrow keys as well.
  const tabs = all("tab");
  let current = "in_app";
  const choose = (name, focus = false) => {
    current = name;
    for (const tab of tabs) {
      const on = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      if (on && focus) tab.focus();
    }
    for (const panel of all("panel")) panel.hidden = panel.dataset.panel !== name || !state.found || Boolean(state.found.empty);
    if (name === "email") scale();
  };
  for (const tab of tabs) {
    tab.addEventListener("click", () => choose(tab.dataset.tab));
    tab.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.indexOf(tab), End: tabs.length - 1 - tabs.indexOf(tab) };
      if (!(event.key in steps)) return;
      event.preventDefault();
      choose(tabs[(tabs.indexOf(tab) + steps[event.key] + tabs.length) % tabs.length].dataset.tab, true);
    });
  }

  // Who: a combobox over people, or somebody made up.
  const search = one("search");
  const list = one("found");
  let people = [];
  let active = -1;
  let searching;
  const close = () => { list.hidden = true; active = -1; search.setAttribute("aria-expanded", "false"); search.removeAttribute("aria-activedescendant"); };
  const point = (at) => {
    active = at;
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    if (at >= 0) search.setAttribute("aria-activedescendant", list.children[at].id); else search.removeAttribute("aria-activedescendant");
  };
  const pick = (person) => {
    state.person = { id: person.id, name: person.name };
    state.madeUp = false;
    state.force = "";
    one("made-up").hidden = true;
    one("made-up-toggle").setAttribute("aria-expanded", "false");
    search.value = draw.called(person);
    close();
    soon(0);
  };
  const find = async () => {
    searching?.abort();
    searching = new AbortController();
    const words = search.value.trim();
    if (!words) { close(); return; }
    try {
      const answer = await fetch(`${box.dataset.peopleUrl}?${new URLSearchParams({ q: words })}`, { signal: searching.signal });
      people = (await answer.json()).people ?? [];
    } catch { return; }
    list.replaceChildren(...(people.length ? people.map((person, at) => el("li", { id: `preview-found-${at}`, role: "option", on: { mousedown: (event) => { event.preventDefault(); pick(person); } } },
      el("span", { className: "strong", textContent: draw.called(person) }), " ", el("span", { className: "mono muted", textContent: [person.name ? person.id : "", person.country].filter(Boolean).join(" · ") })))
      : [el("li", { className: "muted", role: "option", ariaDisabled: "true", textContent: "Nobody found." })]));
    list.hidden = false;
    search.setAttribute("aria-expanded", "true");
    point(people.length ? 0 : -1);
  };
  let typing;
  search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(find, 150); });
  search.addEventListener("focus", () => search.select());
  search.addEventListener("blur", () => { close(); const who = state.found?.person; search.value = who && !who.made_up ? draw.called(who) : ""; });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) { event.preventDefault(); close(); }
    if (event.key === "Enter") { event.preventDefault(); if (!list.hidden && people[active]) pick(people[active]); }
    if (!list.hidden && people.length && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      point((active + (event.key === "ArrowDown" ? 1 : -1) + people.length) % people.length);
    }
  });
  one("made-up-toggle").addEventListener("click", () => {
    state.madeUp = one("made-up").hidden;
    one("made-up").hidden = !state.madeUp;
    one("made-up-toggle").setAttribute("aria-expanded", String(state.madeUp));
    state.person = null;
    soon(0);
  });
  for (const field of all("field")) field.addEventListener("input", () => soon());

  // The editor's variables: one field each, kept while the text is written.
  const kept = new Map();
  const variables = (names) => {
    if (!isEditor) return;
    const holder = one("variables-fields");
    one("variables-box").hidden = !names.length;
    const there = [...holder.querySelectorAll("[data-field]")].map((field) => field.dataset.field);
    const wanted = names.map((name) => `var-${name}`);
    if (there.join() === wanted.join()) return;
    const had = document.activeElement?.dataset?.field;
    holder.replaceChildren(...names.map((name) => {
      const id = `preview-var-${name}`;
      const field = el("input", { id, className: "input", autocomplete: "off", value: kept.get(name) ?? "", data: { field: `var-${name}` }, on: { input: () => { kept.set(name, field.value); soon(); } } });
      return el("div", { className: "field" }, el("label", { className: "field__label mono", htmlFor: id, textContent: name }), field);
    }));
    if (had) holder.querySelector(`[data-field="${CSS.escape(had)}"]`)?.focus();
  };

  // Both sides of every condition.
  const acts = {
    choose: (person) => { pick(person); one("stage").scrollIntoView({ block: "nearest" }); },
    force: (fork, at, words) => {
      state.force = `${fork.part}:${fork.number}:${at}`;
      one("forced-words").textContent = `Shown as if “${words}” held in ${fork.label}, line ${fork.line}.`;
      soon(0);
    },
    survey: () => { one("audience-box").open = true; one("survey").click(); },
  };
  one("unforce").addEventListener("click", () => { state.force = ""; soon(0); });
  const conditions = () => {
    const found = state.found?.forks ?? [];
    one("forks-box").hidden = !found.length;
    one("forks-count").textContent = String(found.length);
    one("forced").hidden = !state.force;
    one("forks").replaceChildren(...draw.forks(found, acts, state.sides));
  };

  // The whole audience: a line of JSON for each batch.
  let surveying;
  one("survey-stop").addEventListener("click", () => surveying?.abort());
  one("survey").addEventListener("click", async () => {
    surveying?.abort();
    const mine = surveying = new AbortController();
    const status = one("survey-status");
    one("survey-stop").hidden = false;
    status.textContent = "Looking…";
    let last = null;
    try {
      const answer = await post(box.dataset.audienceUrl, mine.signal);
      if (!answer.ok) { status.textContent = (await answer.json()).error ?? "It cannot be looked through."; return; }
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        const lines = (rest + value).split("\n");
        rest = lines.pop();
        for (const line of lines) {
          const found = JSON.parse(line);
          if (found.done) status.textContent = closing(last, found); else { last = found; status.textContent = `${draw.plural(found.seen, "person", "people")} so far…`; }
        }
        if (last) out(last);
      }
    } catch (error) {
      status.textContent = error.name === "AbortError" ? `Stopped after ${draw.plural(last?.seen ?? 0, "person", "people")}.` : "It broke off; look again.";
    } finally { if (surveying === mine) one("survey-stop").hidden = true; }
  });
  const closing = (last, end) => {
    if (!last?.seen) return "Nobody is in this audience.";
    const failed = last.failed ? ` It fails for ${draw.number(last.failed)} of them.` : " It fails for none of them.";
    if (last.ended) return `All ${draw.plural(last.seen, "person", "people")}.${failed}`;
    return `A sample: the first ${draw.number(last.seen)} of ${draw.number(end.total)}, those known longest.${failed}`;
  };
  const out = (found) => {
    one("survey-out").replaceChildren(...draw.survey(found, acts));
    state.sides = new Map(found.sides.map((side) => [`${side.part}:${side.number}:${side.side}`, side]));
    conditions();
  };

  const outdated = () => {
    surveying?.abort();
    state.sides = new Map();
    one("survey-out").replaceChildren();
    one("survey-status").textContent = "";
  };
  const AUDIENCE = new Set(["audience", "segment", "template"]);
  const changed = (event, pause) => {
    if (state.person?.first && AUDIENCE.has(event.target.name)) state.person = null;
    if (isEditor || AUDIENCE.has(event.target.name)) state.force = "";
    outdated();
    soon(pause);
  };
  form.addEventListener("input", (event) => changed(event));
  form.addEventListener("change", (event) => changed(event, 0));
  form.addEventListener("carillon:changed", (event) => changed(event));
  look();
})();
