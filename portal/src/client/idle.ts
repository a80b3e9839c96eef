// A page that nobody has used for a while is locked: whoever passes by must not read or export.

export const IDLE_MS = 15 * 60_000;
/** Work keeps a page open for this long, and no longer: it goes on once the page is unlocked. */
export const WORK_MS = 30 * 60_000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

/**
 * Calls `onIdle` once nobody has touched the page for `idleMs`; where it works, `idleMs` after it has
 * ended, and `workMs` after the last touch at the latest.
 * @returns What ends the watch.
 */
export function watchIdle(
  isBusy: () => boolean,
  onIdle: () => void,
  idleMs = IDLE_MS,
  workMs = WORK_MS,
  everyMs = 15_000,
): () => void {
  let touched = Date.now(); // not performance.now(), which may stop while the machine sleeps
  let worked = touched;
  const used = (): void => void (touched = Date.now());
  for (const sign of SIGNS) addEventListener(sign, used, { passive: true, capture: true });
  const timer = setInterval(() => {
    const now = Date.now();
    if (isBusy()) worked = now;
    if (now - Math.max(touched, worked) > idleMs || now - touched > workMs) onIdle();
  }, everyMs);
  return () => {
    clearInterval(timer);
    for (const sign of SIGNS) removeEventListener(sign, used, { capture: true });
  };
}
