// Starts the page.

import { start } from "./core.js";
import { byId, say } from "./dom.js";
import { ConfigurationTab } from "./configuration.js";
import { ExplainTab } from "./explain.js";
import { listen, openTab } from "./tabs.js";
import { TokenTab } from "./token.js";

try {
  await start(byId("core").textContent);
  const explainTab = new ExplainTab();
  const explain = (made) => {
    explainTab.take(made);
    openTab("explain", true);
    scrollTo({ top: 0 });
  };
  const configurationTab = new ConfigurationTab({ explain });
  const configure = (made) => {
    configurationTab.take(made);
    openTab("configuration", true);
    scrollTo({ top: 0 });
  };
  const tokenTab = new TokenTab({ explain, configure });
  document.addEventListener("tab", ({ detail }) => {
    if (detail === "token") tokenTab.open();
    if (detail === "configuration") configurationTab.update();
  });
  for (const button of document.querySelectorAll("[data-copies]")) button.addEventListener("click", () => copy(button));
  listen();
  explainTab.update();
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  say(byId("fatal"), `This browser cannot run the page: ${error.message}. It needs WebAssembly and DecompressionStream, as browsers have since 2023.`);
}

async function copy(button) {
  const area = byId(button.dataset.copies);
  try {
    await navigator.clipboard.writeText(area.value);
  } catch {
    // A browser that asks first, or has no clipboard for files: whoever reads can press the key himself.
    area.select();
    return;
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}
