// The time that is left for something, as minutes and seconds.

/** Such as "3:59"; `ends_at` in milliseconds since the epoch. */
export function countdown(ends_at) {
  const seconds = Math.max(0, Math.ceil((ends_at - Date.now()) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
