// What a verdict sounds and feels like: none of them like another.

export type Tone = "yes" | "no" | "again" | "info";

/** Notes: frequency in Hz, beginning and length in seconds. */
const notes: Record<Tone, [hz: number, from: number, long: number][]> = {
  yes: [
    [880, 0, 0.09],
    [1320, 0.09, 0.16],
  ],
  no: [[165, 0, 0.55]],
  again: [
    [440, 0, 0.13],
    [440, 0.2, 0.13],
    [440, 0.4, 0.13],
  ],
  info: [[660, 0, 0.1]],
};

const buzzes: Record<Tone, number[]> = { yes: [60], no: [400], again: [120, 80, 120, 80, 120], info: [40] };

/** Whether the page was touched: before, browsers let it make no sound. */
function touched(): boolean {
  return navigator.userActivation?.hasBeenActive !== false;
}

export class Sound {
  private context: AudioContext | null = null;

  constructor() {
    // Browsers play nothing before the page was touched.
    for (const kind of ["pointerdown", "keydown"])
      document.addEventListener(
        kind,
        () =>
          void this.audio()
            ?.resume()
            .catch(() => undefined),
      );
  }

  play(tone: Tone): void {
    const audio = this.audio();
    if (audio?.state !== "running") return;
    for (const [hz, from, long] of notes[tone]) {
      const at = audio.currentTime + from;
      const source = audio.createOscillator(),
        volume = audio.createGain();
      source.type = tone === "no" ? "sawtooth" : "sine";
      source.frequency.value = hz;
      volume.gain.setValueAtTime(0.6, at);
      volume.gain.exponentialRampToValueAtTime(0.001, at + long);
      source.connect(volume).connect(audio.destination);
      source.start(at);
      source.stop(at + long);
    }
  }

  buzz(tone: Tone): void {
    if (touched()) navigator.vibrate?.(buzzes[tone]);
  }

  private audio(): AudioContext | null {
    if (!this.context && "AudioContext" in window && touched()) this.context = new AudioContext();
    return this.context;
  }
}
