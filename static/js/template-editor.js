// The template editor: highlighting over the text areas, and what is wrong or asked for while one types. Without it the form works.
"use strict";

(() => {
  const { nonce, dataset: { check } } = document.currentScript;
  const form = document.querySelector("form[data-guard]");
  const token = document.querySelector("meta[name='csrf-token']").content;
  const PARTS = ["title", "message", "sms_text", "email_subject", "email_html", "email_text"];
  const views = new Map();
  const found = {}; // what is wrong with each part now

  const extensions = (field, label) => {
    const { EditorView: View } = CodeMirror;
    const html = CodeMirror.html({ autoCloseTags: false });
    const describedBy = [field.getAttribute("aria-describedby"), `${field.id}-live`].filter(Boolean).join(" ");
    return [
      View.cspNonce.of(nonce),
      CodeMirror.lineNumbers(), CodeMirror.lintGutter(), CodeMirror.highlightSpecialChars(), CodeMirror.history(),
      CodeMirror.bracketMatching(), CodeMirror.closeBrackets(), View.lineWrapping,
      CodeMirror.jinja({ base: html }), CodeMirror.syntaxHighlighting(CodeMirror.classHighlighter),
      // Tab is left alone: it leads out of the editor, like out of any other field.
      CodeMirror.keymap.of([
        ...CodeMirror.closeBracketsKeymap, ...CodeMirror.lintKeymap, ...CodeMirror.defaultKeymap, ...CodeMirror.historyKeymap,
      ]),
      View.contentAttributes.of(() => ({
        "aria-labelledby": label.id, "aria-describedby": describedBy,
        "aria-invalid": String(found[field.name] !== undefined || field.hasAttribute("aria-invalid")),
        tabindex: "0", autocapitalize: "off", spellcheck: field.name === "email_html" ? "false" : "true",
      })),
      View.editorAttributes.of({ class: field.name === "email_html" ? "is-tall" : "" }),
      View.domEventHandlers({ beforeinput: overSelection }),
      View.updateListener.of((update) => {
        if (!update.docChanged) return;
        field.value = update.state.doc.toString();
        field.removeAttribute("aria-invalid");
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }),
    ];
  };

  // Typing over a selection: the browser's own way would put style attributes on the new text, which the policy forbids.
  const overSelection = (event, view) => {
    const { data, inputType, isComposing } = event;
    if (inputType !== "insertText" || !data || isComposing || view.state.selection.main.empty || /^[[({'"]$/.test(data)) return false;
    view.dispatch(view.state.replaceSelection(data), { scrollIntoView: true, userEvent: "input.type" });
    return true;
  };

  const enhance = (field) => {
    const label = form.querySelector(`label[for="${field.id}"]`);
    label.id = `${field.id}-label`;
    label.removeAttribute("for");
    const had = document.activeElement === field;
    const place = document.createElement("div");
    place.className = "editor";
    field.before(place);
    const view = new CodeMirror.EditorView({ doc: field.value, parent: place, extensions: extensions(field, label) });
    label.addEventListener("click", () => view.focus());
    field.hidden = true;
    views.set(field.name, view);
    if (had) view.focus();
  };

  const live = (name) => {
    const field = form.elements[name];
    let box = document.getElementById(`${field.id}-live`);
    if (!box) {
      box = document.createElement("div");
      box.id = `${field.id}-live`;
      box.className = "field__error";
      (field.closest(".field") ?? field.parentElement).append(box);
    }
    return box;
  };

  const show = (name, problem) => {
    const box = live(name);
    box.hidden = !problem;
    box.textContent = problem ? `Line ${problem.line}, column ${problem.column}: ${problem.message.replace(/^\w+, line \d+: /, "")} ${problem.remedy}` : "";
    const view = views.get(name);
    if (!view) {
      if (problem) form.elements[name].setAttribute("aria-invalid", "true"); else form.elements[name].removeAttribute("aria-invalid");
      return;
    }
    const { doc } = view.state;
    const marks = [];
    if (problem) {
      const line = doc.line(Math.min(problem.line, doc.lines));
      const from = Math.min(line.from + problem.column - 1, line.to);
      const word = /^\w+/.exec(doc.sliceString(from, line.to));
      marks.push({ from, to: word ? from + word[0].length : line.to, severity: "error", message: `${problem.message} ${problem.remedy}` });
    }
    view.dispatch(CodeMirror.setDiagnostics(view.state, marks));
  };

  const chips = (names) => {
    const list = document.createElement("ul");
    list.className = "chips";
    list.append(...names.map((name) => {
      const item = document.createElement("li");
      item.className = "chip mono";
      item.textContent = name;
      return item;
    }));
    return list;
  };

  const words = (text) => {
    const line = document.createElement("p");
    line.className = "small muted";
    line.textContent = text;
    return line;
  };

  const list = (answer) => {
    const place = document.querySelector("[data-variables]");
    const pieces = answer.variables.length ? [words("A send must give these:"), chips(answer.variables)] : [words("None: the text is the same each time.")];
    if (answer.person.length) pieces.push(words("Read of the person:"), chips(answer.person));
    place.replaceChildren(...pieces);
    const said = document.querySelector("[data-said]");
    const wrong = answer.problems.length ? ` ${answer.problems.length} to mend.` : "";
    const sentence = `Variables: ${answer.variables.join(", ") || "none"}.${wrong}`;
    if (said.textContent !== sentence) said.textContent = sentence;
    const notes = document.querySelector("[data-notes]");
    notes.textContent = answer.notes.join(" ");
    notes.hidden = !answer.notes.length;
  };

  let timer, running;
  let typed = false;
  const look = async () => {
    running?.abort();
    running = new AbortController();
    const texts = Object.fromEntries([...PARTS, "email_format"].map((name) => [name, form.elements[name].value]));
    try {
      const answer = await fetch(check, {
        method: "POST", signal: running.signal, body: JSON.stringify(texts),
        headers: { "Content-Type": "application/json", "X-CSRFToken": token, Accept: "application/json" },
      });
      if (!answer.ok) return;
      const told = await answer.json();
      for (const name of PARTS) {
        const empty = !form.elements[name].value.trim(); // "it is empty" is said when it is saved, not before one has begun
        const problem = told.problems.find((one) => one.part === name && !empty);
        if (problem) found[name] = problem; else delete found[name];
        if (typed || problem) show(name, problem);
      }
      list(told);
    } catch (error) { if (error.name !== "AbortError") throw error; }
  };
  const soon = () => { typed = true; clearTimeout(timer); timer = setTimeout(look, 350); };

  // The report comes as a page of its own, as it does without scripts; its section is put above the form.
  const tryIt = async (button) => {
    button.setAttribute("aria-disabled", "true");
    try {
      const answer = await fetch(button.formAction, { method: "POST", body: new FormData(form), headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const report = page.querySelector("[data-report]");
      if (!report) { location.reload(); return; }
      const place = document.querySelector("[data-report-place]");
      place.replaceChildren(document.importNode(report, true));
      place.firstElementChild.focus();
    } finally { button.removeAttribute("aria-disabled"); }
  };

  for (const name of ["message", "sms_text", "email_html", "email_text"]) enhance(form.elements[name]);
  for (const name of [...PARTS, "email_format"]) form.elements[name].addEventListener("input", soon);
  form.querySelector("[data-try]")?.addEventListener("click", (event) => {
    event.preventDefault();
    if (event.currentTarget.getAttribute("aria-disabled") !== "true") tryIt(event.currentTarget);
  });
  look();
})();
