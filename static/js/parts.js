// Parts of a page that only the server can write: fetched with the page, and each put in its place where it changed.
"use strict";

window.carillonParts = (() => {
  // Returns the fresh document, or null where there is none. `may(part)` says whether a part may be replaced now.
  const renew = async (may = () => true) => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login/") { location.reload(); return null; }
    if (!answer.ok) return null;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!other || other.innerHTML === part.innerHTML || !may(part)) continue;
      const focused = part.contains(document.activeElement);
      part.replaceChildren(...other.childNodes);
      part.className = other.className;
      if (focused) (part.querySelector("a, button") ?? document.getElementById("main")).focus();
    }
    return fresh;
  };
  return { renew };
})();
