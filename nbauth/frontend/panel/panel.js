// The sign-in panel: draws the view that the kernel sends, and tells the kernel what the person did.
//
// Addresses, codes and redirects travel by custom messages only. A trait could be saved with the notebook.

const STALE_MS = 4000; // a press that nothing answers: the kernel is busy or gone
const PROBE_MS = 2000;
const LONGEST = 20000; // of an error page's text

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// A javascript: address would run in the notebook's page, with its rights.
function isWebAddress(url) {
  try {
    return ["http:", "https:"].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

function callbackAddress() {
  let config = {};
  try {
    config = JSON.parse(document.getElementById("jupyter-config-data").textContent);
  } catch {
    // Not a Jupyter server's page.
  }
  const base = config.baseUrl || document.body?.dataset?.baseUrl || "/";
  const extensions = config.fullLabextensionsUrl || `${base}lab/extensions`;
  return new URL(`${extensions.replace(/\/+$/, "")}/nbauth/static/callback.html`, location.href).href;
}

async function isServed(url) {
  try {
    const answer = await fetch(url, { method: "HEAD", redirect: "error", cache: "no-store", signal: AbortSignal.timeout(PROBE_MS) });
    return answer.ok && (answer.headers.get("content-type") || "").startsWith("text/html");
  } catch {
    return false;
  }
}

async function pageFacts() {
  const callback = callbackAddress();
  return { kind: "ready", origin: location.origin, callback, callback_served: await isServed(callback) };
}

// Whether this browser reaches the kernel's own machine: only the kernel's listener knows the answer. A redirect would
// lead it there by another way, as an editor's webview may, which is not the browser's own.
async function probe(url) {
  try {
    const answer = await fetch(url, {
      mode: "cors",
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      signal: AbortSignal.timeout(PROBE_MS),
    });
    return (await answer.text()).slice(0, 200);
  } catch {
    return "";
  }
}

const two = (number) => String(number).padStart(2, "0");
// As the kernel writes a moment (`nbauth.frontend.text.clock`), by this browser's clock.
const clock = (seconds) => {
  const at = new Date(seconds * 1000);
  const ahead = -at.getTimezoneOffset();
  const zone = ahead ? `${ahead < 0 ? "-" : "+"}${two(Math.trunc(Math.abs(ahead) / 60))}:${two(Math.abs(ahead) % 60)}` : "";
  const day = at.toDateString() === new Date().toDateString() ? "" : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
  return `${day}${two(at.getHours())}:${two(at.getMinutes())} UTC${zone}`;
};
const remaining = (seconds) => {
  const left = Math.max(0, Math.round(seconds - Date.now() / 1000));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
};

function render({ model, el }) {
  let view = { step: "loading" };
  let channel = null;
  let stale = 0;
  let tick = 0;
  let following = 0;
  let closed = false;

  const heading = h("div", { class: "nbauth-heading", role: "heading", "aria-level": 3, id: `nbauth-${crypto.randomUUID?.() ?? Math.random()}` });
  const who = h("dl", { class: "nbauth-who" });
  const status = h("p", { class: "nbauth-status", role: "status", "aria-live": "polite" });
  const alert = h("p", { class: "nbauth-alert", role: "alert" });
  const body = h("div", { class: "nbauth-body" });
  const told = h("p", { class: "nbauth-told", role: "status", "aria-live": "polite" });
  const panel = h("section", { class: "nbauth-panel", "aria-labelledby": heading.id }, heading, who, status, alert, body, told);
  el.classList.add("nbauth-frame");
  el.append(panel);

  function send(message) {
    clearTimeout(stale);
    stale = setTimeout(() => {
      status.textContent = "The kernel has not answered yet: it is busy, or it was restarted. After a restart run the cell again.";
    }, STALE_MS);
    model.send(message);
  }

  const button = (label, kind, message, extra = {}) =>
    h("button", { type: "button", class: `nbauth-button nbauth-${kind}`, onclick: () => send(message), ...extra }, label);

  const cancel = () => button("Cancel", "plain", { kind: "cancel" });

  function link(label, url, onclick) {
    if (!isWebAddress(url)) return h("code", {}, url);
    // No opener: the provider's page gets no handle on the notebook's.
    return h("a", { class: "nbauth-button nbauth-primary", href: url, target: "_blank", rel: "noopener noreferrer", onclick }, label);
  }

  // Lab and Notebook have shortcuts on letters; they are not meant while somebody types here.
  function keepKeys(field) {
    for (const name of ["keydown", "keyup", "keypress", "paste"]) field.addEventListener(name, (event) => event.stopPropagation());
  }

  // Of an unknown client or redirect URI the provider's page alone tells: nothing of it comes back to the kernel.
  function pageError() {
    const field = h("input", { type: "text", class: "nbauth-error-field", autocomplete: "off", spellcheck: "false", placeholder: "AADSTS50011" });
    keepKeys(field);
    return h(
      "details",
      { class: "nbauth-ways nbauth-page-error" },
      h("summary", {}, "Does the page show an error?"),
      h(
        "form",
        {
          class: "nbauth-paste",
          onsubmit: (event) => {
            event.preventDefault();
            const text = field.value.trim().slice(0, LONGEST);
            field.value = "";
            if (text) send({ kind: "page_error", text });
          },
        },
        h("label", {}, "Type its number, or paste its text.", field),
        h("button", { type: "submit", class: "nbauth-button nbauth-plain" }, "What does it mean?"),
      ),
    );
  }

  function pasteForm(open) {
    const field = h("input", {
      type: "text",
      class: "nbauth-field",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": "The whole address where the browser ended up",
      placeholder: "http://localhost/?code=…",
    });
    keepKeys(field);
    const form = h(
      "form",
      {
        class: "nbauth-paste",
        onsubmit: (event) => {
          event.preventDefault();
          if (field.value.trim()) send({ kind: "redirect", text: field.value.trim() });
          field.value = "";
        },
      },
      h("label", {}, "Then paste the whole address where your browser ended up, even if it says that it cannot reach the page.", field),
      h("button", { type: "submit", class: "nbauth-button nbauth-plain" }, "Use this address"),
    );
    return open ? form : h("details", {}, h("summary", {}, "It did not come back?"), form);
  }

  function ways() {
    const others = view.ways || [];
    if (!others.length) return null;
    return h(
      "details",
      { class: "nbauth-ways" },
      h("summary", {}, "Another way"),
      ...others.map((way) => button(way.label, "plain", { kind: "flow", flow: way.flow })),
    );
  }

  function setUp() {
    if (!view.may_install) return null;
    return h(
      "details",
      { class: "nbauth-ways" },
      h("summary", {}, "Come back here by itself"),
      h("p", {}, "This server does not have nbauth's callback page yet. It can be put into your Jupyter data directory."),
      button("Put it there", "plain", { kind: "install" }),
    );
  }

  function listen(name) {
    if (channel && channel.name === name) return;
    channel?.close();
    channel = name ? new BroadcastChannel(name) : null;
    if (!channel) return;
    channel.onmessage = (event) => {
      const text = event.data?.redirect;
      if (typeof text === "string" && text.length < 65536) send({ kind: "redirect", text });
    };
  }

  const steps = {
    loading: () => [],
    // What a cloned folder's configuration would do; Cancel stands first, and nothing has been sent.
    approval: () => [
      h("ul", { class: "nbauth-reasons" }, ...(view.reasons || []).map((reason) => h("li", {}, reason))),
      row(cancel(), button("Approve", "plain", { kind: "approve" })),
    ],
    starting: () => [row(cancel())],
    idle: () => [row(button("Sign in", "primary", { kind: "press" }))],
    open: () => {
      const press = () => {
        status.textContent = "Waiting for your browser: finish there, then come back.";
        send({ kind: "opened" });
      };
      return [
        row(link("Sign in", view.url, press), cancel()),
        view.paste ? pasteForm(view.paste === "open") : null,
        setUp(),
        ways(),
        pageError(),
      ];
    },
    code: () => {
      const said = h("span", { class: "nbauth-said" });
      const copy = async () => {
        try {
          await navigator.clipboard.writeText(view.code);
          said.textContent = "Copied.";
        } catch {
          said.textContent = "Select the code and copy it.";
        }
      };
      return [
        h(
          "p",
          { class: "nbauth-code-line" },
          h("code", { class: "nbauth-code", tabindex: 0, "aria-label": `Code ${[...view.code].join(" ")}` }, view.code),
          h("button", { type: "button", class: "nbauth-button nbauth-plain", onclick: copy }, "Copy"),
          said,
          h("span", { class: "nbauth-left", role: "timer" }),
        ),
        row(link(`Open ${view.verification_uri.replace(/^https?:\/\//, "")}`, view.verification_uri, () => send({ kind: "opened" })), cancel()),
        setUp(),
        ways(),
        pageError(),
      ];
    },
    finishing: () => [row(cancel())],
    signed_in: () => [
      row(
        button("Sign out", "plain", { kind: "sign_out" }),
        button("Switch account", "plain", { kind: "switch" }),
        ...(view.others || []).map((name) => button(`Use ${name}`, "plain", { kind: "use", account: name })),
      ),
    ],
    failed: () => [row(button("Try again", "primary", { kind: "press" })), ways(), pageError()],
  };

  const row = (...children) => h("div", { class: "nbauth-row" }, ...children);

  // What somebody is typing stays while the same step is drawn again.
  function typed() {
    const fields = [...body.querySelectorAll("input")];
    const open = [...body.querySelectorAll("details")].map((each) => each.open);
    return { values: fields.map((field) => field.value), focused: fields.indexOf(document.activeElement), open };
  }

  function putBack({ values, focused, open }) {
    const fields = [...body.querySelectorAll("input")];
    if (fields.length === values.length) {
      fields.forEach((field, number) => (field.value = values[number]));
    }
    const details = [...body.querySelectorAll("details")];
    if (details.length === open.length) {
      details.forEach((each, number) => (each.open = open[number]));
      fields[focused]?.focus();
    }
  }

  function draw() {
    const focused = panel.contains(document.activeElement);
    const changed = panel.dataset.step !== view.step;
    panel.dataset.step = view.step;
    panel.hidden = view.step === "loading";
    heading.textContent = view.heading || "";
    who.replaceChildren(
      ...(view.who || []).flatMap(([term, text]) => [h("dt", {}, term), ...text.split("\n").map((line) => h("dd", { dir: "ltr" }, line))]),
    );
    status.textContent = view.status || "";
    if (view.step === "signed_in" && view.good_until) status.textContent += ` The token is good until ${clock(view.good_until)} and renewed by itself.`;
    alert.textContent = view.alert || "";
    told.textContent = view.told || "";
    const kept = changed ? null : typed();
    body.replaceChildren(...steps[view.step]().filter(Boolean));
    if (kept) putBack(kept);
    listen(view.channel || null);
    clearInterval(tick);
    const left = body.querySelector(".nbauth-left");
    if (left) {
      const show = () => {
        left.textContent = view.expires_at * 1000 > Date.now() ? `good for ${remaining(view.expires_at)} min` : "no longer good";
      };
      show();
      tick = setInterval(show, 1000);
    }
    // Who worked in the panel goes on there by keyboard; nobody else's focus is taken.
    if (changed && focused) body.querySelector("a, button, input")?.focus();
  }

  async function receive(message) {
    clearTimeout(stale);
    if (message.kind === "view" && message.view.step in steps) {
      view = message.view;
      if (!closed) draw();
    } else if (message.kind === "taken") {
      channel?.postMessage({ taken: true });
    } else if (message.kind === "probe") {
      send({ kind: "probed", text: await probe(message.url) });
    } else if (message.kind === "look") {
      send(await pageFacts());
    }
  }

  // marimo runs the cells that read the panel when its page writes to it, and not when the kernel does.
  function follow() {
    clearTimeout(following);
    following = setTimeout(() => {
      model.set("_followed", model.get("_followed") + 1);
      model.save_changes();
    }, 0);
  }

  model.on("change:signed_in", follow);
  model.on("change:username", follow);
  model.on("msg:custom", receive);
  pageFacts().then((facts) => model.send(facts));

  return () => {
    closed = true;
    model.off("change:signed_in", follow);
    model.off("change:username", follow);
    model.off("msg:custom", receive);
    clearTimeout(following);
    channel?.close();
    clearInterval(tick);
    clearTimeout(stale);
  };
}

export default { render };
