// Which key does what in the viewer.

const CHARACTERS = {
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  "0": "fit",
  f: "fit",
  h: "heatmap",
  i: "invert",
  r: "reset",
  w: "wider",
  n: "narrower",
  b: "brighter",
  d: "darker",
  "]": "wider",
  "[": "narrower",
  "{": "levelDown",
  "}": "levelUp",
} as const;
const NAMED = {
  ArrowLeft: "back",
  ArrowUp: "back",
  ArrowRight: "on",
  ArrowDown: "on",
  PageUp: "farBack",
  PageDown: "farOn",
  Home: "first",
  End: "last",
} as const;
const WITH_SHIFT = {
  ArrowLeft: "moveLeft",
  ArrowUp: "moveUp",
  ArrowRight: "moveRight",
  ArrowDown: "moveDown",
} as const;
// on most European keyboards these are typed with AltGr, or with Option on a Mac
const BRACKETS = "[]{}";

export type ViewerAction =
  | (typeof CHARACTERS)[keyof typeof CHARACTERS]
  | (typeof NAMED)[keyof typeof NAMED]
  | (typeof WITH_SHIFT)[keyof typeof WITH_SHIFT];

type KeyPress = Pick<
  KeyboardEvent,
  "key" | "code" | "ctrlKey" | "altKey" | "metaKey" | "shiftKey"
>;

/** What a key press asks for; nothing where the key is the browser's own. */
export function actionOf(event: KeyPress): ViewerAction | null {
  const { key } = event;
  const typedWithAlt = event.altKey && BRACKETS.includes(key);
  if (event.metaKey || ((event.ctrlKey || event.altKey) && !typedWithAlt)) return null;
  return (
    (event.shiftKey ? find(WITH_SHIFT, key) : null) ??
    find(NAMED, key) ??
    find(CHARACTERS, latin(event).toLowerCase())
  );
}

/** The letter that is printed on the key where the layout has other letters. */
function latin({ key, code }: KeyPress): string {
  const isForeign = key.length === 1 && key.charCodeAt(0) > 127;
  return isForeign ? (/^Key([A-Z])$/.exec(code)?.[1] ?? key) : key;
}

function find<T extends object>(keys: T, key: string): T[keyof T] | null {
  return Object.hasOwn(keys, key) ? keys[key as keyof T] : null;
}
