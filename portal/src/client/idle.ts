// A page that nobody has used for a while is locked: whoever passes by must not read or export.

export const IDLE_MS = 15 * 60_000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

/**
 * Calls `onIdle` once nobody has touched the page for `idleMs`, and `isBusy` is false.
 * @returns What ends the watch.
 */
export function watchIdle(
  isBusy: () => boolean,
  onIdle: () => void,
  idleMs = IDLE_MS,
  everyMs = 15_000,
): () => void {
  let last = Date.now(); // not performance.now(), which may stop while the machine sleeps
  const used = (): void => void (last = Date.now());
  for (const sign of SIGNS) addEventListener(sign, used, { passive: true, capture: true });
  const timer = setInterval(() => {
    if (isBusy()) used();
    else if (Date.now() - last > idleMs) onIdle();
  }, everyMs);
  return () => {
    clearInterval(timer);
    for (const sign of SIGNS) removeEventListener(sign, used, { capture: true });
  };
}
