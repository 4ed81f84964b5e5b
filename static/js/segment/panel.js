// What stands beside the rules while they are written: how many, who, what saving changes, and who had a message lately.
import { el } from "./dom.js";

const number = (value) => value.toLocaleString("en-US");
const people = (count) => `${number(count)} ${count === 1 ? "person" : "people"}`;

// A tally in words. What was only counted in part says so.
export function inWords(found, place = 0) {
  if (found.share >= 1) return number(found.counts[place]);
  if (!found.share) return "not known: counting took too long";
  return `more than ${number(found.counts[place])}, about ${number(found.about[place])}`;
}

const partly = (found) => (found.share >= 1 ? "" : found.share
  ? `Counting everybody takes too long; ${Math.min(99, Math.max(1, Math.round(found.share * 100)))}% of all people were looked at.`
  : "Counting takes too long with these conditions. A condition on country, language, time zone or date makes it quick.");

const list = (some) => el("ul", { className: "plain who" }, ...some.map((one) => el("li", {},
  el("a", { href: one.url, textContent: one.name || one.id, className: "clip" }),
  el("span", { className: "muted small clip", textContent: [one.id, one.address, one.country].filter(Boolean).join(" · ") }))));

export async function ask(url, body, signal) {
  const answer = await fetch(url, {
    method: "POST", signal, body: JSON.stringify(body),
    headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("meta[name='csrf-token']").content, Accept: "application/json" },
  });
  return answer.json();
}

export function showLook(place, found) {
  const count = found.share >= 1 ? (found.counts[0] === 1 ? "person matches now" : "people match now") : "people match";
  place.figure.textContent = inWords(found);
  place.words.textContent = found.share ? count : "";
  place.note.textContent = partly(found);
  place.some.replaceChildren(...(found.people === null
    ? [el("p", { className: "muted small", textContent: "Finding examples took too long." })]
    : found.people.length ? [el("h3", { textContent: "Some of them" }), list(found.people)] : []));
}

export function showChange(place, found) {
  const [enter, leave] = found.counts;
  if (found.share >= 1 && !enter && !leave) {
    place.replaceChildren(el("p", { className: "muted", textContent: "The same people as in the saved version." }));
    return;
  }
  const side = (word, index, some) => [
    el("p", {}, el("span", { className: "strong", textContent: inWords(found, index) }), ` ${word}`), ...(some?.length ? [list(some)] : []),
  ];
  place.replaceChildren(...side("would enter", 0, found.entering), ...side("would leave", 1, found.leaving),
    el("p", { className: "muted small", textContent: partly(found) }));
}

export function showOverlap(place, found) {
  if (!found.broadcasts.length) {
    place.replaceChildren(el("p", { className: "muted", textContent: "No broadcast went out in these days." }));
    return;
  }
  const rows = found.broadcasts.map((one, index) => el("li", {},
    el("a", { href: one.url, textContent: one.name }), el("span", { className: "muted small", textContent: ` ${one.when}: ${inWords(found, index + 1)} of them` })));
  const last = found.counts.length - 1;
  const whole = found.share >= 1 ? ` of ${people(found.counts[0])}` : "";
  place.replaceChildren(
    el("p", {}, el("span", { className: "strong", textContent: `${inWords(found, last)}${whole}` }), " had at least one of these:"),
    el("ul", { className: "plain who" }, ...rows), el("p", { className: "muted small", textContent: partly(found) }));
}
