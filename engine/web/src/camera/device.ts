/** The camera of this device, as the browser gives it, and its refusals in our words. */
import type { Key } from "../text";

/** Why there is no picture; `key` says it to people. */
export class CameraProblem extends Error {
  constructor(readonly key: Key, message = "") {
    super(message || key);
  }
}

export interface Device {
  id: string;
  name: string;
}

/** Browsers give cameras to pages from https or this very machine only. */
export function isSecure(): boolean {
  return isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

const REASONS: Record<string, Key> = {
  NotAllowedError: "webcam.denied",
  SecurityError: "webcam.denied",
  NotFoundError: "webcam.none",
  OverconstrainedError: "webcam.none",
  NotReadableError: "webcam.busy",
  AbortError: "webcam.busy",
};

export async function openCamera(id: string): Promise<MediaStream> {
  if (!isSecure()) throw new CameraProblem("webcam.insecure");
  const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  try {
    return await navigator.mediaDevices.getUserMedia({ video: id ? { ...size, deviceId: { exact: id } } : size, audio: false });
  } catch (error) {
    const [name, text] = error instanceof Error ? [error.name, error.message] : ["", String(error)];
    throw new CameraProblem(REASONS[name] ?? "webcam.failed", text);
  }
}

/** All cameras. Browsers tell their names only once one of them was allowed. */
export async function devices(): Promise<Device[]> {
  if (!isSecure()) return [];
  const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const cameras = all.filter((device) => device.kind === "videoinput" && device.deviceId);
  return cameras.map((device, number) => ({ id: device.deviceId, name: device.label || `${number + 1}` }));
}

/** The largest size of that shape with at most `pixels`, even in both directions; never larger than it is. */
export function fitted(width: number, height: number, pixels: number): [number, number] {
  const scale = Math.min(1, Math.sqrt(pixels / (width * height)));
  const even = (side: number) => Math.max(2, 2 * Math.floor((side * scale) / 2));
  return [even(width), even(height)];
}
