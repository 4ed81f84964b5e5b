// Finish the job: the button says to how many it will go.
"use strict";

(() => {
  const form = document.querySelector("[data-finish]");
  if (!form) return;
  const label = form.querySelector("[data-again]");
  const say = () => {
    const count = [...form.querySelectorAll("[name='chosen']:checked")].reduce((sum, one) => sum + Number(one.dataset.count), 0);
    label.textContent = count ? `Send ${count.toLocaleString("en-US")} again` : "Send again";
  };
  form.addEventListener("change", say);
  say();
})();
