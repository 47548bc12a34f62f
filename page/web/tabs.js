// The tabs: chosen with a click, or with the arrow keys once one has the focus.

const tabs = [...document.querySelectorAll('[role="tab"]')];

/** Opens a tab, by the id of its panel. */
export function openTab(id, focus = false) {
  for (const tab of tabs) {
    const isChosen = tab.getAttribute("aria-controls") === id;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
    if (isChosen && focus) tab.focus();
  }
  document.dispatchEvent(new CustomEvent("tab", { detail: id }));
}

/** Has the tabs listen. */
export function listen() {
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => openTab(tab.getAttribute("aria-controls")));
    tab.addEventListener("keydown", ({ key }) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[key];
      if (to !== undefined) openTab(tabs.at(to % tabs.length).getAttribute("aria-controls"), true);
    });
  });
}
