// Tells the server the browser's time zone, for an account that has none yet.
"use strict";

document.querySelector("[data-zone]").value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
