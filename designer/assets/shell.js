// What needs no server: menus, copying, the theme. Loaded once per page.
(() => {
  const root = document.documentElement;
  const schemes = { system: "light dark", light: "light", dark: "dark" };

  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu !== except) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.activeElement?.closest("details.menu[open]");
    closeMenus();
    menu?.querySelector("summary").focus();
  });

  const write = async (text) => {
    if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
    // Plain http on another host has no clipboard object.
    const field = Object.assign(document.createElement("textarea"), { value: text });
    field.style.cssText = "position:fixed;opacity:0";
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  };
  const say = (text) => {
    const region = document.querySelector("#announcer");
    if (region) region.textContent = text;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await write(button.dataset.copy);
    const label = button.querySelector("span:not(.visually-hidden)");
    const icon = button.querySelector(".icon");
    const before = label?.textContent;
    button.dataset.done = "";
    if (label) label.textContent = "Copied";
    icon?.classList.replace("icon-copy", "icon-check");
    say("Copied to the clipboard");
    setTimeout(() => {
      delete button.dataset.done;
      if (label) label.textContent = before;
      icon?.classList.replace("icon-check", "icon-copy");
      say("");
    }, 1600);
  });

  // Code in several languages: the arrow keys move between the tabs.
  const choose = (tab) => {
    for (const other of tab.parentElement.children) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
  };
  document.addEventListener("click", (event) => {
    const tab = event.target.closest(".code-tabs [role=tab]");
    if (tab) choose(tab);
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.(".code-tabs [role=tab]");
    const step = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
    const next = tab && step && tab[step];
    if (next) {
      choose(next);
      next.focus();
    }
  });

  const setTheme = (theme) => {
    root.dataset.theme = theme;
    root.style.colorScheme = schemes[theme];
    const age = theme === "system" ? 0 : 31536000;
    document.cookie = `tocsin_theme=${theme}; path=/; max-age=${age}; samesite=lax`;
    window.Quasar?.Dark.set({ light: false, dark: true }[theme] ?? "auto");
    for (const box of document.querySelectorAll("input[name^=theme]")) box.checked = box.value === theme;
  };
  document.addEventListener("change", (event) => {
    if (event.target.matches("input[name^=theme]")) setTheme(event.target.value);
  });

  // "/" goes to the page's search field.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select, [contenteditable], .cm-editor")) return;
    const field = document.querySelector("main input[type=search]");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  });
})();
