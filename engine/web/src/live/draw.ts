/** A picture with what is known of the faces on it, drawn on a canvas. */
import { colourOf, inkOn, inOrder, saidOf, sureOf } from "../emotions";
import { percent } from "../format";
import type { Box, Face } from "../types";

const FONT = "system-ui, sans-serif";

/** Where the frame lies on the canvas: as large as it fits, in the middle. */
export interface Place {
  x: number;
  y: number;
  scale: number;
}

export function fit(canvas: HTMLCanvasElement, width: number, height: number): Place {
  const scale = Math.min(canvas.width / width, canvas.height / height);
  return { x: (canvas.width - width * scale) / 2, y: (canvas.height - height * scale) / 2, scale };
}

export interface Frame {
  picture: ImageBitmap | null;
  faces: readonly Face[];
  width: number;
  height: number;
}

/** Draws `frame`; `ratio` is device pixels per CSS pixel. Returns the boxes in pixels of the canvas. */
export function draw(canvas: HTMLCanvasElement, frame: Frame, ratio: number): Box[] {
  const pen = canvas.getContext("2d", { alpha: false });
  if (!pen || !frame.width || !frame.height) return [];
  const place = fit(canvas, frame.width, frame.height);
  pen.fillStyle = "#07090c";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (frame.picture) {
    pen.drawImage(frame.picture, place.x, place.y, frame.width * place.scale, frame.height * place.scale);
  }
  return frame.faces.map((face) => drawFace(pen, face, place, ratio));
}

function drawFace(pen: CanvasRenderingContext2D, face: Face, place: Place, ratio: number): Box {
  const box = {
    x: place.x + face.bbox.x * place.scale,
    y: place.y + face.bbox.y * place.scale,
    width: face.bbox.width * place.scale,
    height: face.bbox.height * place.scale,
  };
  const colour = colourOf(face.label);
  const line = Math.max(1.5, 2 * ratio);
  pen.lineJoin = "round";
  // A dark rim keeps the line visible on bright pictures.
  pen.strokeStyle = "rgb(7 9 12 / 0.65)";
  pen.lineWidth = line + 2 * ratio;
  pen.strokeRect(box.x, box.y, box.width, box.height);
  pen.strokeStyle = colour;
  pen.lineWidth = line;
  pen.strokeRect(box.x, box.y, box.width, box.height);
  drawName(pen, face, box, colour, ratio);
  drawScores(pen, face, box, ratio);
  return box;
}

function drawName(pen: CanvasRenderingContext2D, face: Face, box: Box, colour: string, ratio: number): void {
  const size = Math.round(Math.min(14, Math.max(10, box.width / ratio / 6)) * ratio);
  pen.font = `600 ${size}px ${FONT}`;
  const confidence = sureOf(face);
  const sure = confidence === null ? "" : ` ${percent(confidence)}`;
  const small = box.width < 70 * ratio;
  const text = `${face.track_id ?? ""} ${saidOf(face)}${small ? "" : sure}`.trim();
  const width = pen.measureText(text).width + size * 0.8;
  const height = size * 1.5;
  const x = Math.max(0, Math.min(box.x - ratio, pen.canvas.width - width));
  const y = box.y - height < 0 ? box.y : box.y - height;
  pen.fillStyle = colour;
  pen.fillRect(x, y, width, height);
  pen.fillStyle = inkOn(colour);
  pen.textBaseline = "middle";
  pen.fillText(text, x + size * 0.4, y + height / 2 + ratio / 2);
}

/** The probabilities as one bar below the box, in the order and colours of everywhere. */
function drawScores(pen: CanvasRenderingContext2D, face: Face, box: Box, ratio: number): void {
  const scores = face.scores ?? {};
  const labels = inOrder(Object.keys(scores)) as string[];
  const total = labels.reduce((sum, label) => sum + (scores[label] ?? 0), 0);
  if (total <= 0) return;
  const height = Math.max(3, 5 * ratio);
  const y = Math.min(box.y + box.height + 3 * ratio, pen.canvas.height - height);
  pen.fillStyle = "rgb(7 9 12 / 0.65)";
  pen.fillRect(box.x - ratio, y - ratio, box.width + 2 * ratio, height + 2 * ratio);
  let x = box.x;
  for (const label of labels) {
    const width = (box.width * (scores[label] ?? 0)) / Math.max(total, 1);
    pen.fillStyle = colourOf(label);
    pen.fillRect(x, y, width, height);
    x += width;
  }
}
