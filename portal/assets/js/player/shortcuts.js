// Single keys for the whole page, as in an editing room. They can be switched off (WCAG 2.1.4), and never work while somebody types.

const REMEMBERED = "dockline-player-keys";

const KEYS = {
  k: "toggle",
  " ": "toggle",
  j: "backwards",
  l: "forwards",
  ",": "frameBack",
  ".": "frameForward",
  "[": "slower",
  "]": "quicker",
  m: "sound",
  f: "full",
};

function typing(target) {
  return target.matches?.("input:not([type=range]):not([type=checkbox]), select, textarea, [contenteditable]");
}

function remembered() {
  try {
    return localStorage.getItem(REMEMBERED) !== "off";
  } catch {
    return true;
  }
}

function remember(on) {
  try {
    localStorage.setItem(REMEMBERED, on ? "on" : "off");
  } catch {
    // Storage may be forbidden; then the choice holds for this page.
  }
}

export function useShortcuts(box, actions) {
  box.checked = remembered();
  box.addEventListener("change", () => remember(box.checked));
  document.addEventListener("keydown", (event) => {
    const action = KEYS[event.key.toLowerCase()];
    if (!action || !box.checked || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === " " && event.target.matches("button, summary, a, input, label")) return;
    event.preventDefault();
    actions[action]();
  });
}
