// The worker that reads QR codes in pictures, for browsers that cannot themselves.
import { decodeQR } from "qr/decode.js";

declare const self: DedicatedWorkerGlobalScope;

self.onmessage = (e: MessageEvent<ImageData>) => {
  const { width, height, data } = e.data;
  let text: string | null = null;
  try {
    text = decodeQR({ width, height, data }, { timeLimit: 40 });
  } catch {
    // there is none
  }
  self.postMessage(text);
};
