// Test sends: what stands in the preview goes to the operator or their test group, and this says what became of it.
"use strict";

(() => {
  const box = document.querySelector("[data-preview]");
  const place = box?.querySelector("[data-trial]");
  if (!place || !box.asked) return;
  const { el, plural } = window.CarillonPreview;
  const one = (name) => place.querySelector(`[data-${name}]`);
  const all = (name) => [...place.querySelectorAll(`[data-${name}]`)];
  const AGAIN = 1000; // milliseconds between two looks at what became of it
  const LOOKS = 60;

  let told = null;
  const ready = async () => {
    if (told) return;
    const answer = await fetch(place.dataset.trialUrl, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    told = await answer.json();
    one("own").textContent = [told.email, told.phone || "no phone number yet"].join(", ");
    one("group").textContent = told.problem || (told.group ? plural(told.count, "person", "people") : "None yet: choose one in your profile.");
    const group = place.querySelector("[data-to][value='group']");
    group.disabled = !told.group || Boolean(told.problem);
    for (const mark of all("simulated")) mark.hidden = !told.simulated.includes(mark.dataset.simulated);
  };
  place.addEventListener("toggle", () => { if (place.open) ready(); });

  // A press is one send; the next one is another as soon as anything was changed or it has gone out.
  let token = null;
  const button = one("trial-send");
  const send = async () => {
    if (button.getAttribute("aria-disabled") === "true") return;
    button.setAttribute("aria-disabled", "true");
    token ??= crypto.randomUUID();
    const query = box.asked();
    query.delete("channels");
    query.set("token", token);
    query.set("test-to", place.querySelector("[data-to]:checked").value);
    for (const channel of all("trial-channel")) if (channel.checked) query.append("test-channels", channel.value);
    one("trial-status").textContent = "Sending…";
    try {
      const answer = await fetch(place.dataset.sendUrl, { method: "POST", body: query, headers: { Accept: "application/json" } });
      const found = await answer.json();
      if (!answer.ok) {
        one("trial-status").textContent = found.error ?? found.detail ?? "It was not sent.";
      } else {
        token = null;
        show(found);
        follow(found.sent, 0);
      }
    } catch { one("trial-status").textContent = "No answer came. Press again: it is sent only once."; }
    button.removeAttribute("aria-disabled");
  };
  button.addEventListener("click", send);

  const lines = new Map();
  const badge = (state) => el("span", { className: `badge is-${state.state}`, textContent: state.label });
  const show = (found) => {
    lines.clear();
    const rows = found.sent.map((sent) => {
      const state = el("span", {}, badge(sent));
      const words = el("span", { className: "small muted", textContent: sent.words });
      lines.set(sent.id, { state, words });
      return el("li", {}, el("a", { href: sent.url, textContent: `${sent.person}: ${sent.channel}` }), state, words);
    });
    rows.push(...found.refused.map((one) => el("li", { className: "preview__fault", textContent: `${one.person}: ${one.error}` })));
    one("trial-out").replaceChildren(...rows);
  };
  const say = (states) => {
    const open = states.filter((state) => state.open).length;
    const bad = states.filter((state) => state.state === "failed").length;
    one("trial-status").textContent = open ? `${plural(open, "delivery is", "deliveries are")} on the way.` : bad ? `${plural(bad, "delivery", "deliveries")} failed.` : "The test has gone out.";
  };
  const follow = async (sent, looks) => {
    say(sent);
    const open = sent.filter((one) => one.open);
    if (!open.length || looks >= LOOKS || !document.contains(place)) return;
    await new Promise((next) => { setTimeout(next, AGAIN); });
    if (!lines.has(sent[0].id)) return; // another test was sent
    let now = {};
    try {
      now = await (await fetch(`${place.dataset.statusUrl}?${new URLSearchParams({ ids: open.map((one) => one.id).join(",") })}`)).json();
    } catch { /* it looks again */ }
    const known = sent.map((one) => ({ ...one, ...now[one.id] }));
    for (const [id, state] of Object.entries(now)) {
      const line = lines.get(id);
      if (!line) continue;
      line.state.replaceChildren(badge(state));
      line.words.textContent = state.simulated ? "Simulated: nothing left this installation." : state.words;
    }
    follow(known, looks + 1);
  };
})();
