/** Small line drawings, 20 × 20, in the colour of the text around them. */

const PATHS = {
  live: "M3 5h10v10H3zM13 9l4-2.5v7L13 11",
  tracks: "M10 9.2a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2M4.5 16c.6-3 2.7-4.6 5.5-4.6s4.9 1.6 5.5 4.6",
  insights: "M3 16V9M7.7 16V4M12.3 16v-5M17 16V7",
  cameras: "M3 7h3l1.4-2h5.2L14 7h3v9H3zM10 13.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2",
  engine: "M4 5h12v4H4zM4 11h12v4H4zM6.6 7h.1M6.6 13h.1M9.5 7h4M9.5 13h4",
  pause: "M7 4v12M13 4v12",
  play: "M6 4l10 6-10 6z",
  full: "M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4",
  close: "M5 5l10 10M15 5L5 15",
  back: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  alert: "M10 3l8 14H2zM10 8v4M10 14.4v.1",
  eye: "M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5M10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4",
  fold: "M5 8l5 5 5-5",
  up: "M5 12l5-5 5 5",
  down: "M10 3v9M6 9l4 4 4-4M4 16h12",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.6L14 6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M3 20c5 0 5-9 10-9s5 11 10 11 3-6 6-6" />
      <circle cx="13" cy="11" r="3" />
    </svg>
  );
}
