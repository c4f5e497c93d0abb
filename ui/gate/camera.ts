// Reads QR codes with the camera: by the browser's own detector where it has one, else by
// a decoder in a worker, so that the page stays smooth.
import { context2d } from "../map/dom";
import { Repeats } from "./repeats";

/** What keeps the camera from running. */
export type Trouble = "camera_denied" | "camera_none" | "camera_insecure";

/** Between two pictures that are looked at, ms: 12 a second; fewer when nobody has come for a while. */
const PACE = 80,
  IDLE_PACE = 160,
  IDLE_AFTER = 30_000;
/** The part of the picture's shorter side in which codes are looked for, and how large it is made, in pixels. */
const REGION = 0.9,
  SIZE = 640;

interface Detector {
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}

interface DetectorType {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

async function nativeDetector(): Promise<Detector | null> {
  try {
    const type = (window as { BarcodeDetector?: DetectorType }).BarcodeDetector;
    if (!type || !(await type.getSupportedFormats()).includes("qr_code")) return null;
    return new type({ formats: ["qr_code"] });
  } catch {
    return null;
  }
}

/** Decodes in a worker. */
class Decoder {
  private worker: Worker;
  private waiting: ((text: string | null) => void) | null = null;
  broken = false; // its script could not be loaded, or has failed

  constructor(url: string) {
    this.worker = new Worker(url, { type: "module" });
    this.worker.onmessage = (e: MessageEvent<string | null>) => this.waiting?.(e.data);
    this.worker.onerror = () => {
      this.broken = true;
      this.waiting?.(null);
    };
  }

  decode(picture: ImageData): Promise<string | null> {
    return new Promise((resolve) => {
      this.waiting = resolve;
      this.worker.postMessage(picture, [picture.data.buffer]);
    });
  }
}

export class Camera {
  private stream: MediaStream | null = null;
  private canvas = document.createElement("canvas");
  private context: CanvasRenderingContext2D;
  private native: Detector | null = null;
  private decoder: Decoder | null = null;
  private repeats = new Repeats();
  private run = 0; // counts starts, so that an old loop ends
  private active = 0; // when a code was seen last
  wanted = false;

  constructor(
    private video: HTMLVideoElement,
    private decoderURL: string,
    private code: (text: string) => void,
    private changed: (running: boolean, trouble: Trouble | null) => void,
  ) {
    this.context = context2d(this.canvas, { willReadFrequently: true });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.release();
      else if (this.wanted) void this.start();
    });
  }

  async start(): Promise<void> {
    this.wanted = true;
    const run = ++this.run;
    this.end();
    if (!navigator.mediaDevices) return this.changed(false, "camera_insecure");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
      });
      if (run !== this.run) return stop(stream);
      this.stream = stream;
      for (const track of stream.getVideoTracks())
        track.addEventListener("ended", () => {
          if (this.stream === stream) this.fail("camera_none");
        });
      this.video.srcObject = stream;
      await this.video.play();
      this.native ??= await nativeDetector();
    } catch (err) {
      if (run === this.run) this.fail((err as Error).name === "NotAllowedError" ? "camera_denied" : "camera_none");
      return;
    }
    if (run !== this.run) return;
    this.active = performance.now();
    this.changed(true, null);
    void this.loop(run);
  }

  stop(): void {
    this.wanted = false;
    this.release();
  }

  /** Whether there is a light that can be switched. */
  get hasTorch(): boolean {
    const can = this.track?.getCapabilities?.() as { torch?: boolean } | undefined;
    return can?.torch === true;
  }

  async torch(on: boolean): Promise<void> {
    await this.track?.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] });
  }

  private get track(): MediaStreamTrack | undefined {
    return this.stream?.getVideoTracks()[0];
  }

  private release(): void {
    this.run++;
    this.end();
    this.changed(false, null);
  }

  private fail(trouble: Trouble): void {
    this.run++;
    this.end();
    this.changed(false, trouble);
  }

  private end(): void {
    if (this.stream) stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }

  private async loop(run: number): Promise<void> {
    while (run === this.run) {
      const began = performance.now();
      const text = await this.look();
      if (run !== this.run) return;
      const now = performance.now();
      if (text) {
        this.active = now;
        if (this.repeats.isNew(text, now)) this.code(text);
      }
      const pace = now - this.active > IDLE_AFTER ? IDLE_PACE : PACE;
      await new Promise((resolve) => setTimeout(resolve, Math.max(10, pace - (now - began))));
    }
  }

  /** Looks for a code in the middle of the picture. */
  private async look(): Promise<string | null> {
    const { videoWidth: wide, videoHeight: high } = this.video;
    const side = Math.floor(Math.min(wide, high) * REGION);
    if (side === 0) return null;
    const size = Math.min(side, SIZE);
    if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
    this.context.drawImage(this.video, (wide - side) / 2, (high - side) / 2, side, side, 0, 0, size, size);
    if (this.native) {
      try {
        return (await this.native.detect(this.canvas))[0]?.rawValue ?? null;
      } catch {
        this.native = null; // some phones have the detector's name only
      }
    }
    if (!this.decoder || this.decoder.broken) this.decoder = new Decoder(this.decoderURL);
    return this.decoder.decode(this.context.getImageData(0, 0, size, size));
  }
}

function stop(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}
