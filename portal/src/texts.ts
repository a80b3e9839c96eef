// Every sentence of the portal, in English. A translation is another file of this shape.
// `{name}` stands for a value.

import { type ErrorMessage } from "./core/errors.ts";

export const texts = {
  product: "Safelight",
  tagline: "Diagnosis on encrypted images",
  notDevice: "Research use, not a medical device",
  skip: "Skip to the result",

  protection: {
    homomorphic: "homomorphic",
    short: "Protection: homomorphic",
    long: "The image is encrypted in this tab. The service computes on ciphertext, and only this browser can decrypt the answer.",
  },

  start: {
    checking: "Starting …",
    reload: "Try again",
    unsupportedTitle: "This browser is too old for the portal",
    unsupported:
      "Encryption needs WebAssembly exceptions (exnref). Use Chrome or Edge 137, Firefox 131 or Safari 18.4, or a later version.",
    insecureTitle: "This page is not secure",
    insecure:
      "Browsers encrypt on secure pages only. Open the portal by https://, or by http://localhost on this machine.",
    otherTabTitle: "Safelight is open in another tab",
    otherTab: "One tab at a time works with your keys and worklist.",
    takeOver: "Use it in this tab",
    movedTitle: "Safelight moved to another tab",
    moved: "Nothing is lost: requests that the service has accepted go on.",
  },

  vault: {
    createTitle: "Set up this browser",
    createIntro:
      "Your secret key, your images and your results stay in this browser, encrypted under a passphrase that only you know.",
    unlockTitle: "Unlock",
    unlockIntro: "Your keys and worklist are encrypted in this browser.",
    passphrase: "Passphrase",
    repeat: "Passphrase once more",
    token: "Access token",
    passphraseHint: "At least {count} characters. Four or five words that do not belong together are good.",
    tokenHint: "The operator of the service gives it to you. It starts with sl_.",
    hasServiceKey: "The operator gave me a signing key",
    serviceKey: "Signing key of the service (optional)",
    serviceKeyHint:
      "64 characters that the operator gives you with the token. Without it the page trusts the key that the service names at the first contact.",
    create: "Create keys and begin",
    unlock: "Unlock",
    working: "Deriving a key from the passphrase …",
    lostWarning:
      "There is no way to reset the passphrase. If it is lost, the secret key in this browser is lost with it, and with the key every answer that is still encrypted. Export the key after setting up, and keep the file and its passphrase apart.",
    forgot: "Passphrase lost?",
    destroyIntro:
      "All that can be done is to delete everything that this browser keeps, and to begin anew. A key file that you exported can be imported again.",
    destroy: "Delete everything in this browser",
    destroyConfirm: "Delete keys, images and results for good?",
    lock: "Lock",
  },

  nav: { label: "Portal", worklist: "Worklist", image: "Image", result: "Result", keys: "Keys", service: "Service" },

  service: {
    title: "Service",
    connected: "Connected",
    connecting: "Connecting …",
    offline: "Not connected",
    signingKey: "Signing key that this browser trusts",
    compare:
      "This signing key came from the service itself, at the first contact. Compare it with the one that the operator gave you with the access token. If it is another one, do not use this service.",
    compareFirst: "Nobody has compared this service’s signing key yet.",
    compareButton: "Compare the key",
    compared: "It is the same",
    unused:
      "Key sets at the service that this browser does not use: {count}. Another browser or program with this access token may use them; it would have to make its keys anew.",
    deleteUnused: "Delete them",
    deleteUnusedConfirm:
      "Delete the key sets that this browser does not use? Other browsers and programs with this access token make their keys anew.",
    unusedDeleted: "They are deleted.",
    offeredKey: "Signing key that it has now",
    newToken: "Another access token",
    tokenNeeded: "The service does not accept the access token. Enter a new one.",
    save: "Use this token",
    elsewhere: "For the Python client only: {names}.",
    again: "Try again",
    trustNew: "Trust the new signing key",
    close: "Close",
  },

  worklist: {
    title: "Worklist",
    add: "Add files",
    addHint: "or drop them, or a folder, anywhere: DICOM, PNG, JPEG, or a CSV of records",
    form: "Enter a record",
    search: "Search",
    all: "All",
    open: "Open",
    finished: "Answered",
    empty: "Nothing here yet. Add an image or a record; it stays in this browser.",
    noMatch: "Nothing matches.",
    remove: "Delete",
    removeConfirm: "Delete “{name}” and its result from this browser?",
    records: "records",
    series: "{description} ({count} images)",
    drop: "Drop to add to the worklist",
    reading: "Reading {count} …",
    damaged: "Studies that are damaged and cannot be read any more: {count}. The others, and your keys, are not touched.",
    removeDamaged: "Delete what is damaged",
    removeDamagedConfirm: "Delete the damaged studies from this browser for good?",
  },

  form: {
    title: "Enter a record",
    intro: "Values go into the worklist of this browser and are encrypted before anything is sent.",
    model: "For the model",
    name: "Name for the worklist",
    nameValue: "Record",
    save: "Add to the worklist",
    cancel: "Cancel",
    fill: "All {count} values are needed, as numbers.",
  },

  viewer: {
    label:
      "Image. Arrow keys change the frame, plus and minus the zoom. W and N widen and narrow the window, B and D brighten and darken. H shows the heatmap, I inverts, F fits, R resets, Shift and arrows move.",
    none: "Choose a study in the worklist.",
    unchecked:
      "No model for records is known, so the table is shown as it stands. It is checked when the service offers one.",
    window: "Width",
    level: "Level",
    presets: "Window preset",
    asFile: "As in the file",
    fullRange: "Full range",
    preset: {
      lung: "Lung",
      mediastinum: "Mediastinum",
      bone: "Bone",
      brain: "Brain",
      abdomen: "Abdomen",
    },
    custom: "Own",
    invert: "Invert",
    fit: "Fit",
    actual: "1:1",
    reset: "Reset",
    zoomIn: "Zoom in",
    zoomOut: "Zoom out",
    frame: "Frame",
    frameOf: "Frame {index} of {count}",
    rendering: "Reading the image …",
    heatmap: "Heatmap",
    heatmapLegend:
      "Orange spoke for {name}, blue against it; full colour is ±{odds} log-odds. Coarse on purpose.",
    help: "Drag: window and level · Shift or two fingers: move · Wheel: zoom",
  },

  models: {
    title: "Model",
    none: "The service offers no model for this kind of input.",
    about: "About this model",
    cost: "First use makes {keys} keys ({size}), about {seconds} s. Later analyses use them again.",
    sent: "The service has this browser’s keys for it.",
    heavy: "This is a large model for a browser. The Python client is faster.",
    large: "large",
  },

  run: {
    analyse: "Analyse",
    again: "Analyse again",
    analyseAll: "Analyse all {count} new",
    retry: "Try again",
    stop: "Stop",
    waitsForService: "This analysis waits until the service answers.",
    phase: {
      waiting: "Waiting for its turn",
      keys: "Making and uploading keys",
      encrypting: "Encrypting",
      uploading: "Uploading ciphertext",
      queued: "Queued at the service",
      evaluating: "Evaluating on ciphertext",
      silent: "The service does not answer. What it accepted it keeps; waiting for it …",
      decrypting: "Checking and decrypting",
      done: "Answered",
      failed: "Failed",
    },
    keyCount: "{done} of {total} keys",
  },

  result: {
    title: "Result",
    none: "No result yet.",
    probability: "Probability of {name}",
    point: "operating point {value}",
    above: "at or above the operating point",
    below: "below the operating point",
    calibrated:
      "Calibrated on the model’s validation data, rounded to three decimals. The operating point is where the answer changes.",
    oneCalibrated:
      "The answer is the most probable class. Calibrated on the model’s validation data, rounded to three decimals.",
    manyCalibrated:
      "The answer names all that reach the operating point {point}. Calibrated on the model’s validation data, rounded to three decimals.",
    otherFrame: "The answer is of frame {analysed}; frame {shown} is on the screen.",
    said: "{finding}, {name} {probability}",
    protection: "Protection",
    parameters: "Parameters",
    timings: "Timings",
    receipt: "Signed receipt",
    verified: "Signature checked in this tab",
    receiptIntro:
      "The service signed which request, model, program, parameters and keys this answer belongs to.",
    receiptProof:
      "The report (JSON) has the signed bytes and the signature, so that anyone can check them later.",
    record: "Record",
    finding: "Finding",
    pdf: "Report (PDF)",
    json: "Report (JSON)",
    model: "Model",
    version: "version {version}",
    sent: "Sent",
    sentValue: "{size} of ciphertext",
    timing: {
      keys: "Keys",
      encrypt: "Encrypt",
      upload: "Upload",
      wait: "Queue and evaluation",
      evaluate: "Evaluation",
      download: "Download",
      decrypt: "Check and decrypt",
      total: "Total in this tab",
    },
    statement: {
      job: "Job",
      serviceKey: "Signing key",
      requestDigest: "Request",
      modelDigest: "Model",
      programDigest: "Program",
      parametersDigest: "Parameters",
      keysDigest: "Keys",
      resultDigest: "Result",
      serviceTime: "Signed at",
      level: "Level",
    },
  },

  keys: {
    title: "Secret keys",
    intro:
      "A secret key never leaves this browser but in a file that you export. Whoever has that file and its passphrase can read every answer under the key.",
    mayBeEvicted:
      "This browser has not promised to keep what the portal stores. It may delete keys, images and results when the disk gets full; Safari does so after seven days without a visit. Export each key now, and keep the file.",
    none: "There is no secret key yet. The first analysis makes one.",
    ring: "N = {n}, {bits} bits",
    epoch: "Epoch",
    exportKey: "Export",
    importKey: "Import a key file",
    deleteKey: "Delete",
    deleteConfirm:
      "Delete this secret key? Answers that are still on their way cannot be decrypted any more.",
    replaceConfirm:
      "The imported key replaces the one for the same parameters. Answers that are still on their way under the old one cannot be decrypted any more. Go on?",
    filePassphrase: "Passphrase of the key file",
    repeat: "Passphrase of the key file once more",
    ownPassphrase: "Passphrase of this browser",
    exportIntro:
      "The file is encrypted under this passphrase, and the Python client reads it too. Choose one that you have not used in this browser.",
    save: "Save the key file",
    exported: "The key file is saved.",
    imported: "The key is imported.",
    deleted: "The key is deleted.",
    close: "Close",
  },

  report: {
    title: "Safelight report",
    made: "Made {time} in the browser",
    study: "Study",
    image: "Image as shown",
    moreReceipts: "The first of {count} receipts; the report as JSON has all of them.",
    otherFrame: "No picture: frame {shown} was on the screen, and the finding is of frame {analysed}.",
    footer: "Research use, not a medical device. Not for decisions about a patient.",
  },

  units: { ms: "{value} ms", s: "{value} s", kB: "{value} kB", MB: "{value} MB" },
  confirm: { title: "Are you sure?", yes: "Yes, go on", no: "No" },
  errorTitle: "That did not work",
  dismiss: "Dismiss",

  errors: {
    "input/file-empty": "The file is empty. Export it again.",
    "input/file-too-large": "The file is larger than this page reads (256 MB). Give a single image instead of a series.",
    "input/unreadable-file": "The browser may not read this file, or it is not there any more. Choose it again.",
    "input/too-many-files": "The folder has more than {most} files. Choose the images that are wanted.",
    "input/takes-too-long": "Reading this file takes longer than {seconds} seconds here. It is damaged, or too much for this page. Export it again, or use the Python client.",
    "input/unknown-format": "This is not a file that the portal reads. Give a DICOM, PNG or JPEG image, or a CSV or JSON table.",
    "input/format-elsewhere": "TIFF, NIfTI and compressed archives are read by the Python client only. Give DICOM, PNG or JPEG here.",
    "input/no-pixels": "The image has no pixels ({rows} × {columns}). The file is damaged; export it again.",
    "input/too-many-pixels": "The image has {rows} × {columns} pixels, more than the limit of this page. Reduce it first, or use the Python client.",
    "input/cut-short": "The file is cut short. Copy or export it again.",
    "input/damaged-image": "The image is damaged and cannot be decoded. Export it again.",
    "input/expands-too-far": "The file expands beyond the limit. It is damaged, or not an image.",
    "input/jpeg-kind": "This kind of JPEG (lossless, arithmetic or 12 bits) is read inside DICOM files only.",
    "input/jpeg-colours": "The picture's colour model is not supported. Convert it to grey or RGB.",
    "input/dicom-damaged": "The DICOM file is damaged or cut short. Export it again.",
    "input/dicom-no-pixels": "The DICOM file holds no image. It may be a report, a plan or a directory.",
    "input/dicom-no-syntax": "The DICOM file does not state its transfer syntax. Export it as a DICOM Part 10 file.",
    "input/dicom-syntax": "The DICOM transfer syntax {syntax} is not read here. Export the image uncompressed, or as JPEG 2000, JPEG-LS or RLE, or use the Python client.",
    "input/jpeg-precision": "The image is compressed as {bits}-bit lossy JPEG, which is not read here. Export it uncompressed, or as JPEG 2000, JPEG-LS or RLE; or use the Python client, which reads it.",
    "input/dicom-rescale": "The DICOM file's rescale slope and intercept are not usable numbers. Export it again.",
    "input/dicom-kind": "This kind of DICOM image is not read here: {samples} samples a pixel, {bits} bits, {frames} frames.",
    "input/dicom-frame-size": "A compressed frame has another size than the DICOM file states. The file is damaged.",
    "input/dicom-table": "A lookup table of the DICOM file is not allowed by the standard. Export it again.",
    "input/no-frame": "There is no frame {index}: the file has {count}.",
    "input/no-physical-values": "This model works on Hounsfield units, which a picture does not have. Give a CT image as DICOM.",
    "input/no-hounsfield": "The image has no Hounsfield units. Give a CT image with its rescale slope and intercept.",
    "input/other-scale": "The image is on another scale than the model takes.",
    "input/channels": "The image has {found} channels where the model takes {wanted}.",
    "input/image-wanted": "This model takes an image, not a record.",
    "input/record-wanted": "This model takes a record of features, not an image. Give a CSV file or fill in the form.",
    "input/wrong-shape": "The input has another size ({found}) than the model takes ({wanted}).",
    "input/not-finite": "The input has values that are not finite numbers.",
    "input/beyond-bound": "A value lies beyond ±{bound} after preprocessing, which the model does not cover. Check the units.",
    "input/too-large-for-scale": "The values are too large to be encrypted for this model.",
    "input/feature-count": "The table has {found} features where the model takes {wanted}. Leave out identifiers and labels.",
    "input/table-too-large": "The table is larger than 64 MB. Split it.",
    "input/table-not-text": "The table is not UTF-8 text. Give a CSV or JSON file.",
    "input/table-empty": "The table is empty.",
    "input/table-not-csv": "The table is not CSV: a quote is not closed.",
    "input/table-not-json": "The table is not JSON.",
    "input/no-records": "The table has no records.",
    "input/ragged-table": "Record {row} has {found} columns where others have {wanted}.",
    "input/records-differ": "The records of the table differ in kind.",
    "input/column-twice": "Two columns of the table have the same name.",
    "input/features-missing": "{missing} of {wanted} features are missing. The header must have the model's feature names.",
    "input/not-a-number": "Record {row} has no finite number in column {column}. Missing values cannot be encrypted.",
    "input/file-gone": "The study's file is not in this browser any more. Add it again.",
    "input/not-open": "The image is not open any more. Choose it again.",

    "key/mismatch": "The two passphrases differ.",
    "key/short-passphrase": "The passphrase must have at least {count} characters.",
    "key/empty-passphrase": "An empty passphrase protects nothing.",
    "key/wrong-passphrase": "The passphrase is wrong.",
    "key/wrong-vault-passphrase": "The passphrase of this browser is wrong. The key is not exported.",
    "key/vault-exists": "This browser is set up already. Reload the page.",
    "key/vault-damaged": "What this browser kept is damaged and cannot be decrypted.",
    "key/replaced": "The secret key that this request was encrypted under is not in this browser any more, so its answer cannot be read. Try again; the image is encrypted anew.",
    "key/in-use": "An analysis is using this secret key. Wait until it has ended, or stop it.",
    "key/not-loaded": "The secret key is not loaded. Lock and unlock the portal.",
    "key/not-a-key-file": "This is not a Safelight key file.",
    "key/key-file-version": "The key file is of a version that this portal does not read.",
    "key/key-file-cut": "The key file is cut short or too long. Restore it from a copy.",
    "key/key-file-header": "The key file has a damaged header. Restore it from a copy.",
    "key/key-file-cost": "The key file asks for a derivation cost outside the limits.",
    "key/wrong-key-file-passphrase": "The passphrase is wrong, or the key file was changed.",

    "wire/truncated": "The service's answer is cut short. It is not used.",
    "wire/trailing-bytes": "The service's answer is too long. It is not used.",
    "wire/malformed": "The service's answer is malformed. It is not used.",
    "wire/unsupported-version": "The service's answer is of a version that this portal does not read.",
    "wire/parameter-mismatch": "The service's answer is under other parameters. It is not used.",
    "wire/residue-range": "The service's answer has values out of range. It is not used.",

    "service/unreachable": "No service answers. Is it running, and is this computer online? Nothing is lost; try again.",
    "service/unauthorized": "The service does not accept the access token; it may have expired. Enter a new one under Service.",
    "service/not-a-token": "That is not an access token. Copy it as the operator gave it.",
    "service/not-a-service-key": "That is not a signing key. It has 64 characters, 0 to 9 and a to f; copy it as the operator gave it, or leave the field empty.",
    "service/connection-lost": "What this browser knew of the service is damaged. Under Service, enter the access token once more. Keys, images and results are not touched.",
    "service/failed": "The service failed (status {status}). Try again later, or tell its operator.",
    "service/refused": "The service refused the request ({code}).",
    "service/bad-answer": "The service's answer is not one. Tell its operator.",
    "service/bad-signature": "The service describes the model in a way that cannot be right. Nothing was sent.",
    "service/unknown-preprocessing": "The model asks for preprocessing that this portal does not know. Reload the page to update it.",
    "service/unsafe-parameters": "The service asks for parameters below 128-bit security. Nothing was sent.",
    "service/service-key-changed": "The service has another signing key than this browser trusts. Under Service, compare it with what its operator tells you before you trust it.",
    "service/storage-full": "The service's disk is full. Tell its operator, and try again later; nothing is lost.",
    "service/not-an-answer": "The decrypted answer is not made of numbers. It is not shown. Tell the operator of the service.",
    "service/level-too-low": "The service does not take this request on ciphertext. Nothing was evaluated.",
    "service/level-not-served": "The service does not offer this model on ciphertext any more. Choose another one.",
    "service/audit-unavailable": "The service cannot record what it does, and so does nothing. Try again later.",
    "service/false-signature": "The result's signature is false. It is not shown. Tell the operator of the service.",
    "service/another-answer": "The signed result is that of another {what}. It is not shown. Tell the operator of the service.",
    "service/result-damaged": "The result was damaged on its way. Try again.",
    "service/answer-too-long": "The service's answer is longer than it can be. It is not used.",
    "service/stored-another-key": "The service stored another key than it was sent. Tell its operator.",
    "service/unknown-model": "The service does not offer this model any more. Choose another one.",
    "service/model-replaced": "The model was replaced while the request was on its way. Try again.",
    "service/model-mismatch": "The service has another version of the model. Reload the page.",
    "service/unknown-keyset": "The service has forgotten the evaluation keys. Try again; they are made anew.",
    "service/unknown-inference": "The service does not know this request any more; results are kept for a day. Try again; the image is encrypted anew.",
    "service/keys-missing": "Evaluation keys are missing at the service. Try again.",
    "service/key-conflict": "The service has another evaluation key than this browser sent. Try again.",
    "service/keyset-in-use": "The service still works with these keys. Try again in a moment.",
    "service/quota-keysets": "The service keeps no more key sets for this access token. Under Service, delete those that are not used any more, and try again.",
    "service/quota-key-bytes": "The service has no more room for your keys. Ask its operator.",
    "service/quota-jobs": "Too many analyses at once. Wait for some to end.",
    "service/quota-streams": "Too many connections at once. Close other tabs.",
    "service/rate-limited": "Too many requests. Wait a minute.",
    "service/shutting-down": "The service is stopping. Try again in a moment.",
    "service/access-denied": "The service's rules do not allow this.",
    "service/job-failed": "The service could not evaluate the request ({code}). Try again, or tell its operator.",
    "service/job-storage-full": "The service's disk was full, so it could not keep the result. Tell its operator, and try again.",
    "service/job-cancelled": "The analysis was stopped. Try again encrypts the input anew.",

    "browser/disk-full": "The disk, or the room that the browser gives this page, is full. Delete studies from the worklist, or free some space.",
    "browser/storage-failed": "The browser refuses to store data. Private windows and strict settings do that.",
    "browser/storage-blocked": "Another tab keeps the data open. Close other tabs of the portal.",
    "browser/worker-failed": "A part of the page stopped working. Reload it; nothing is lost.",
    "browser/wasm-failed": "The encryption library or a decoder did not start: its file is missing, or not the one that was built. Reload the page; if that does not help, tell the operator.",
    "browser/unexpected": "Something unforeseen happened ({kind}). Reload the page; nothing is lost.",
  } as Record<string, string>,
} as const;

export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

export function sentence(error: ErrorMessage): string {
  const text = texts.errors[`${error.family}/${error.code}`] ?? texts.errors["browser/unexpected"]!;
  return fill(text, { kind: error.code, ...error.values });
}

/** At most three decimals. */
export function decimals(value: number): number {
  return Number(value.toFixed(3));
}

export function size(bytes: number): string {
  return bytes >= 1e6
    ? fill(texts.units.MB, { value: (bytes / 1e6).toFixed(1) })
    : fill(texts.units.kB, { value: Math.max(1, Math.round(bytes / 1e3)) });
}

export function duration(ms: number): string {
  return ms >= 1000
    ? fill(texts.units.s, { value: (ms / 1000).toFixed(2) })
    : fill(texts.units.ms, { value: ms < 10 ? ms.toFixed(1) : Math.round(ms) });
}
