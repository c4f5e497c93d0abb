// The screen on which a device is paired with an event.
import { el } from "../map/dom";
import { Camera } from "./camera";
import { type DoorState, Refused, type Wire } from "./wire";
import type { Key, Voice } from "./words";

/** The pairing code in an address, or in what was typed; "" if there is none. */
export function codeIn(text: string): string {
  const [, code = ""] = /[#&]pair=([^&\s]+)/.exec(text) ?? [];
  try {
    return decodeURIComponent(code);
  } catch {
    return ""; // any code may be in front of the camera
  }
}

/** Shows the screen, and calls back with what the node has answered. */
export function pairing(
  voice: Voice,
  wire: Wire,
  decoder: string,
  code: string,
  paired: (token: string, state: DoorState, sent: number) => void,
): HTMLElement {
  const said = el("p", { className: "gate-said gate-bad", role: "alert" });
  const codeField = el("input", {
    id: "pair-code",
    value: code,
    autocomplete: "off",
    spellcheck: false,
    required: true,
    maxLength: 80,
  });
  codeField.setAttribute("autocapitalize", "none");
  const nameField = el("input", { id: "pair-name", autocomplete: "off", maxLength: 80 });
  const go = el("button", { type: "submit", className: "gate-button gate-go" }, voice.say("pair_go"));
  const video = el("video", { muted: true, playsInline: true, hidden: true, className: "gate-pair-video" });
  video.setAttribute("aria-hidden", "true");
  const form = el(
    "form",
    {},
    el("label", { htmlFor: "pair-code" }, voice.say("pair_code")),
    codeField,
    el("label", { htmlFor: "pair-name" }, voice.say("pair_name")),
    nameField,
    said,
    go,
  );
  const camera = new Camera(
    video,
    decoder,
    (text) => {
      const found = codeIn(text);
      if (!found) return;
      camera.stop();
      codeField.value = found;
      form.requestSubmit();
    },
    (running, trouble) => {
      video.hidden = !running;
      if (trouble) said.textContent = voice.say(trouble);
    },
  );
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const typed = codeField.value.trim();
    go.disabled = true;
    said.textContent = "";
    const sent = Date.now();
    wire
      .pair(codeIn(typed) || typed, nameField.value.trim())
      .then(({ token, state }) => {
        camera.stop();
        paired(token, state, sent);
      })
      .catch((err: unknown) => {
        said.textContent = voice.say(fault(err));
        go.disabled = false;
      });
  });
  const scan = el(
    "button",
    { type: "button", className: "gate-button", on: { click: () => void camera.start() } },
    voice.say("pair_scan"),
  );
  return el(
    "div",
    { className: "gate-pair" },
    el("h1", {}, voice.say("pair_title")),
    el("p", {}, voice.say("pair_text")),
    video,
    form,
    scan,
  );
}

function fault(err: unknown): Key {
  if (!(err instanceof Refused) || err.status === 0) return "pair_offline";
  if (err.type === "no-line") return "pair_no_line";
  return err.passing ? "pair_busy" : "pair_bad";
}
