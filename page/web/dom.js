// Small helpers for the document.

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

/** A new element. Text is only ever put in as text, never as markup: whoever made a token may have put anything in it. */
export function element(name, className = "", ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** Sets a text, but only if it is another: screen readers say what has changed. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = text === "";
}

/** A value as JSON in which nothing is hidden: characters that turn or hide text are written as their numbers. */
export function json(value, indentation) {
  const escaped = (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value, null, indentation).replace(/[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, escaped);
}

/** Puts children in the place of others. */
export const fill = (node, children) => node.replaceChildren(...children);
