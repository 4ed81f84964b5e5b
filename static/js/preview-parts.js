// The pieces of a live preview, drawn from what the server answered. All of it is text: nothing is ever read as HTML here.
"use strict";

window.CarillonPreview = (() => {
  const el = (tag, options = {}, ...children) => {
    const made = document.createElement(tag);
    const { on = {}, data = {}, ...rest } = options;
    Object.assign(made, rest);
    Object.assign(made.dataset, data);
    for (const [name, act] of Object.entries(on)) made.addEventListener(name, act);
    made.append(...children.filter((one) => one !== null && one !== undefined && one !== ""));
    return made;
  };
  const number = (value) => value.toLocaleString("en-US");
  const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;
  const called = (person) => person.name || person.id;

  // Line and column of a fault, and a way into the field, where the page has one.
  const faults = (found, go) => found.map((fault) => {
    const where = [fault.label, fault.line && `line ${fault.line}`, fault.column && `column ${fault.column}`].filter(Boolean).join(", ");
    const words = el("div", {}, el("strong", { textContent: where ? `${where}: ` : "" }), fault.message.replace(/^\w+, line \d+: /, ""), " ", el("span", { className: "muted", textContent: fault.remedy }));
    return el("div", { className: "preview__fault" }, words, go?.(fault));
  });

  const bubbles = (size) => size.pieces.map((runs, at) => el("div", { className: "mock-sms__piece" },
    el("div", { className: "mock-sms__bubble" }, ...runs.map(([text, costly]) => (costly ? el("mark", { textContent: text }) : text))),
    size.segments > 1 ? el("div", { className: "mock-sms__note", textContent: `${at + 1} of ${size.segments}` }) : null));

  const room = (size) => (size.encoding === "GSM-7" ? [160, 153] : [70, 67]);
  const sizeWords = (size) => {
    const [alone, joined] = room(size);
    const of = size.segments > 1 ? size.segments * joined : alone;
    return `${plural(size.segments, "segment", "segments")} · ${number(size.units)} of ${number(of)} · ${size.encoding}`;
  };

  const costly = (size) => {
    const out = [];
    const some = size.costly.slice(0, 8);
    if (some.length) {
      const words = size.encoding === "UCS-2"
        ? "These characters are not in the GSM alphabet, so the whole text is sent as UCS-2: 70 instead of 160 fit. "
        : "These characters take the room of two. ";
      const list = el("ul", { className: "preview__letters" }, ...some.map(([letter, count, name]) => el("li", {}, el("mark", { textContent: letter }), ` ${name}${count > 1 ? ` ×${count}` : ""}`)));
      if (size.costly.length > some.length) list.append(el("li", { textContent: `and ${size.costly.length - some.length} more` }));
      out.push(el("p", { textContent: words }), list);
    }
    if (size.plainer) {
      const saved = size.plainer;
      out.push(el("p", { className: "preview__plainer" }, `With plain quotation marks, dashes and blanks: ${sizeWords(saved)}.`));
    }
    return out;
  };

  const sideOf = (fork, side, at, acts, people, seen) => {
    const head = el("div", { className: "fork__head" }, el("code", { textContent: side.words }), side.taken ? el("span", { className: "badge is-sent", textContent: "Takes this" }) : null);
    const text = side.fault
      ? el("p", { className: "preview__fault", textContent: `Not for this person: ${side.fault}` })
      : fork.part === "email_html" ? null : el("div", { className: "fork__text", textContent: side.text.trim() || "(nothing)" });
    const foot = el("div", { className: "row row--tight" });
    if (!side.taken) foot.append(el("button", { type: "button", className: "button button--small", textContent: "Show it everywhere", on: { click: () => acts.force(fork, at, side.words) } }));
    if (!side.taken && people) {
      foot.append(...people.examples.map((person) => el("button", { type: "button", className: "button button--small button--quiet", textContent: `As ${called(person)}`, on: { click: () => acts.choose(person) } })));
      foot.append(el("span", { className: "small muted", textContent: plural(people.count, "person", "people") }));
    }
    if (!side.taken && fork.personal && seen && !people) foot.append(el("span", { className: "small muted", textContent: "Nobody who was looked at takes it." }));
    return el("div", { className: `fork__side${side.taken ? " is-taken" : ""}` }, head, text, foot);
  };

  const forks = (found, acts, sides) => found.map((fork) => {
    const people = (at) => sides.get(`${fork.part}:${fork.number}:${at}`);
    const note = !fork.reached ? "Not come to for this person." : fork.personal ? "" : "Goes by the variables: the same for everybody.";
    const any = fork.sides.some((_, at) => people(at));
    const find = fork.personal && !any
      ? el("button", { type: "button", className: "button button--small button--quiet", textContent: "Find people who go the other way", on: { click: acts.survey } }) : null;
    return el("div", { className: "fork" },
      el("div", { className: "fork__where small" }, el("strong", { textContent: fork.label }), ` line ${fork.line}`, note ? el("span", { className: "muted", textContent: ` · ${note}` }) : null),
      el("div", { className: "fork__sides" }, ...fork.sides.map((side, at) => sideOf(fork, side, at, acts, people(at), any))), find);
  });

  const as = (acts, person) => el("button", { type: "button", className: "preview__as-link", textContent: called(person), on: { click: () => acts.choose(person) } });
  const length = (one) => (one.size ? `${plural(one.size.segments, "segment", "segments")}, ${one.size.encoding}` : plural(one.length, "character", "characters"));
  const extreme = (word, one, acts) => el("div", { className: "extreme" },
    el("div", { className: "small" }, el("strong", { textContent: `${word}: ` }), length(one), ...(acts ? [", ", as(acts, one)] : [])),
    el("div", { className: "extreme__text", textContent: one.text.trim() || "(empty)" }));

  const survey = (found, acts) => {
    const out = [];
    for (const fail of found.failing) {
      out.push(el("div", { className: "preview__fault" }, el("div", {},
        el("strong", { textContent: `Fails for ${plural(fail.count, "person", "people")}: ` }), fail.message, " ", el("span", { className: "muted", textContent: fail.remedy }),
        el("div", { className: "small" }, "Like ", ...fail.examples.flatMap((person, at) => (at ? [", ", as(acts, person)] : [as(acts, person)]))))));
    }
    if (found.segments.length) out.push(el("p", { className: "small", textContent: `SMS: ${found.segments.map(([size, count]) => `${plural(size, "segment", "segments")} for ${plural(count, "person", "people")}`).join("; ")}.` }));
    for (const one of found.extremes) {
      const same = one.shortest.text === one.longest.text;
      out.push(el("div", { className: "extremes" }, el("h3", { textContent: one.label }),
        ...(same ? [extreme("For everybody", one.longest)] : [extreme("Longest", one.longest, acts), extreme("Shortest", one.shortest, acts)])));
    }
    return out;
  };

  return { el, number, plural, called, faults, bubbles, sizeWords, costly, forks, survey };
})();
