// One tab at a time works with the vault: two would upload keys and change the worklist under each
// other. The Web Locks API tells who; the other tab may take over.

const LOCK = "safelight-portal";

/** Resolves to true once this tab holds the vault, to false if another one does. */
export function claimVault(takeOver: boolean, onLost: () => void): Promise<boolean> {
  return new Promise((resolve) => {
    const options: LockOptions = takeOver ? { steal: true } : { ifAvailable: true };
    navigator.locks
      .request(LOCK, options, (lock) => {
        if (lock === null) {
          resolve(false);
          return undefined;
        }
        resolve(true);
        return new Promise<void>(() => undefined); // held until the tab closes or another steals it
      })
      .catch(() => onLost());
  });
}
