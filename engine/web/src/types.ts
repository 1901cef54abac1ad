/** What the API answers, as far as the dashboard reads it. */

export interface Session {
  name: string;
  version: string;
  tokens: boolean;
  scopes: string[];
  aggregate_only: boolean;
  bucket_s: number | null;
  /** Whether tracks have small pictures. */
  thumbnails: boolean;
  /** Whether browsers may send their cameras. */
  browser_cameras: boolean;
  /** Whether cameras may be added and changed over HTTP. */
  sources: boolean;
  /** Whether there is a documentation page. */
  docs: boolean;
}

export interface Frames {
  captured: number;
  in_flight: number;
  outcomes: Record<string, number>;
}

export interface Source {
  source_id: string;
  uri: string;
  state: string;
  cause: string | null;
  detail: string;
  frames: Frames;
  width: number | null;
  height: number | null;
  fps: number;
  last_frame_age_s: number | null;
  lag_s: number | null;
  reconnects: number;
  tracks: number;
  origin?: "file" | "api" | "browser";
  paused?: boolean;
}

export interface SourceSettings {
  fps: number | null;
  transport: string;
  open_timeout_s: number;
  read_timeout_s: number;
  stall_after_s: number;
  max_lag_s: number;
  frozen_after_s: number;
  loop: boolean;
  rotate: number;
  mirror: boolean;
  max_pixels: number;
}

export interface SourceDetail extends Source {
  /** Null where sources cannot be changed. */
  settings: SourceSettings | null;
}

export interface Channel {
  put: number;
  taken: number;
  dropped: number;
  depth: number;
  lanes: number;
}

export interface Sink {
  url: string;
  state: string;
  detail: string;
  pending: number;
  cause: string | null;
  lost: number;
}

export interface ModelInUse {
  stage: string;
  name: string;
  version: string;
  sha256: string;
  device: string;
  /** Whether the terms of the data behind it allow commercial use. */
  commercial: Commercial;
}

export type Commercial = "cleared" | "not cleared" | "unknown";

export interface DataSource {
  name: string;
  use: "trained on" | "distilled from" | "measured on";
  terms: string;
  commercial: Commercial;
  url: string;
}

export interface Card {
  task: string;
  licence: string;
  labels: string[];
  layout: string;
  alignment: string | null;
  temperature: number;
  input: Record<string, unknown>;
  metrics: Record<string, unknown>;
  data: Record<string, unknown>;
  /** Where it is known to fail, in sentences. */
  limits: string[];
  data_rights: DataSource[];
}

export interface ModelWithCard extends ModelInUse {
  card: Card | null;
  /** Whether the trainer's report on it can be read here. */
  report: boolean;
}

export interface Status {
  run_id: string;
  name: string;
  version: string;
  state: string;
  started_at: string;
  uptime_s: number;
  ready: boolean;
  sources: Source[];
  models: ModelInUse[];
  channels: Record<string, Channel>;
  events: Record<string, number>;
  chips: Record<string, number>;
  rejected_tracks?: number;
  history: Sink;
  bus: Sink;
  /** Stages whose call does not return, the longest first. */
  stuck?: { stage: string; for_s: number }[];
}

export interface Track {
  track_uid: string;
  run_id: string;
  source_id: string;
  track_id: number;
  first_seen: string;
  last_seen: string;
  duration_s: number;
  label: string | null;
  confidence: number | null;
  state: string;
  events: number;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Sample {
  at: string;
  label: string | null;
  confidence: number;
  scores: Record<string, number>;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Why a label is null. */
export type Reason = "undecided" | "faded" | "unreadable" | "unseen";

export interface Emotion {
  label: string | null;
  confidence: number;
  dwell_s: number;
  scores?: Record<string, number>;
  reason?: Reason;
}

export interface EngineEvent {
  type: "new" | "emotion_changed" | "update" | "end" | "status";
  event_id: string;
  seq: number;
  source_id: string;
  track_id: number | null;
  track_uid: string | null;
  captured_at: string;
  age_s?: number;
  since_s?: number;
  bbox?: Box;
  gated?: string[];
  before?: Emotion | null;
  after?: Emotion | null;
  latency_ms?: number | null;
  state?: string;
  cause?: string | null;
  detail?: string;
}

export interface Bucket {
  start: string;
  source_id: string | null;
  label: string | null;
  seconds: number;
  share: number;
  tracks: number;
}

export interface Stats {
  from: string;
  to: string;
  bucket_s: number;
  items: Bucket[];
}

/** One face of a preview picture, in pixels of the original frame. */
export interface Face {
  track_id: number | null;
  track_uid: string | null;
  bbox: Box;
  label: string | null;
  confidence: number | null;
  scores?: Record<string, number> | null;
  reason?: Reason | null;
  gated?: string[];
}
