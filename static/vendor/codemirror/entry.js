// What the template editor takes from CodeMirror; the bundle holds nothing else.
export { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
export { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
export { html } from "@codemirror/lang-html";
export { jinja } from "@codemirror/lang-jinja";
export { bracketMatching, syntaxHighlighting } from "@codemirror/language";
export { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
export { EditorState } from "@codemirror/state";
export { EditorView, highlightSpecialChars, keymap, lineNumbers, placeholder } from "@codemirror/view";
export { classHighlighter } from "@lezer/highlight";
