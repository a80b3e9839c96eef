// The viewer: 16-bit greys on a canvas; window and level by drag, zoom, pan, frames, marks, keyboard.

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { readFrame } from "../client/frames.ts";
import { type Session } from "../client/session.ts";
import { type Study } from "../client/studies.ts";
import { type Bytes } from "../core/bytes.ts";
import { type ViewableFrame } from "../core/imaging/viewable.ts";
import { fill, texts } from "../texts.ts";
import { Problem, useAction } from "./dialog.tsx";
import { Newest } from "./newest.ts";
import { Picture } from "./picture.ts";
import { fitZoom, greysOfFile, overlayOf, type Greys, type Placement } from "./rendering.ts";
import { actionOf, type ViewerAction } from "./viewer_keys.ts";

/** A frame on the screen. All that is said of the picture goes by its index, not by the slider. */
interface View {
  index: number;
  frame: ViewableFrame;
}

type Window = Pick<Greys, "center" | "width">;

/** The picture as it is on the screen, for the report. */
export interface ShownImage {
  studyId: string;
  index: number;
  frame: ViewableFrame;
  greys: Greys;
}

// centre and width in Hounsfield units, as radiology has long used them
const CT_PRESETS = {
  lung: [-600, 1500],
  mediastinum: [50, 350],
  bone: [400, 1800],
  brain: [40, 80],
  abdomen: [60, 400],
} as const;
const PAN_STEP = 40;
const ZOOM_STEP = 1.25;
const MAX_ZOOM = 64;

export function Viewer(props: {
  study: Study;
  session: Session;
  load: () => Promise<Bytes | null>;
  onFrame: (frame: number) => void;
  onShown: (image: ShownImage | null) => void;
}) {
  const { study, session } = props;
  const summary = study.summary!;
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const picture = useRef(new Picture());
  const [view, setView] = useState<View | null>(null);
  /** The person's window; without one each frame is shown as the file says. */
  const [own, setOwn] = useState<Omit<Greys, "inverted"> | null>(null);
  const [flipped, setFlipped] = useState(false);
  const [at, setAt] = useState<Placement>({ zoom: 1, x: 0, y: 0 });
  const [fitted, setFitted] = useState(true);
  const [preset, setPreset] = useState("file");
  const [withHeatmap, setWithHeatmap] = useState(true);
  const action = useAction();
  const drag = useRef<{ x: number; y: number; pan: boolean } | null>(null);
  const touches = useRef(new Map<number, { x: number; y: number }>());
  const frame = view?.frame ?? null;
  const greys = useMemo<Greys | null>(() => {
    if (frame === null) return null;
    const window = own === null || frame.colour ? greysOfFile(frame) : own;
    return { ...window, inverted: frame.inverted !== flipped };
  }, [frame, own, flipped]);

  const frames = useRef<Newest<number> | null>(null);
  frames.current ??= new Newest((index) =>
    action.run(async () => {
      try {
        setView({ index, frame: await readFrame(session.imaging, study.id, index, props.load) });
      } catch (error) {
        setView(null); // not the frame before, under this one's number
        throw error;
      }
    }),
  );
  useEffect(() => frames.current!.ask(study.frame), [study.frame]);

  // the map belongs to the frame that was analysed
  const { run } = study;
  const answered = run?.phase === "done" && run.frame === view?.index;
  const heatmap = answered ? (run.findings[0]?.heatmap ?? null) : null;
  const overlay = useMemo(
    () => (heatmap === null || !withHeatmap ? null : overlayOf(heatmap, run!.seesSquareOnly)),
    [heatmap, withHeatmap],
  );

  const fit = useCallback(() => {
    const element = canvas.current;
    if (frame === null || element === null) return;
    setAt({ zoom: fitZoom(frame, element.width, element.height), x: 0, y: 0 });
    setFitted(true);
  }, [frame]);

  // the canvas has the screen's own pixels, and follows the layout
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      const ratio = globalThis.devicePixelRatio;
      const target = canvas.current!;
      target.width = Math.max(Math.round(element.clientWidth * ratio), 1);
      target.height = Math.max(Math.round(element.clientHeight * ratio), 1);
      if (fitted) fit();
      else setAt((before) => ({ ...before }));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [fit, fitted]);

  useLayoutEffect(() => {
    const scene = frame === null || greys === null ? null : { frame, greys, at, overlay };
    picture.current.show(canvas.current!, scene);
  }, [frame, greys, at, overlay]);

  useLayoutEffect(() => {
    props.onShown(view && greys && { studyId: study.id, ...view, greys });
    return () => props.onShown(null);
  }, [view, greys]);

  const zoomBy = (factor: number, point = { x: 0, y: 0 }): void => {
    setFitted(false);
    setAt((before) => {
      const zoom = Math.min(Math.max(before.zoom * factor, 0.02), MAX_ZOOM);
      const scale = zoom / before.zoom;
      return {
        zoom,
        x: point.x - (point.x - before.x) * scale,
        y: point.y - (point.y - before.y) * scale,
      };
    });
  };
  const panBy = (x: number, y: number): void => {
    setFitted(false);
    setAt((before) => ({ ...before, x: before.x + x, y: before.y + y }));
  };
  // several changes may come before the next drawing: each goes on from the one before
  const changeWindow = (change: (before: Window) => Partial<Window>): void => {
    if (frame === null) return;
    setPreset("custom");
    const least = frame.unit === "HU" ? 1 : 0.001;
    setOwn((before) => {
      const from = before ?? greysOfFile(frame);
      const next = { center: from.center, width: from.width, ...change(from) };
      return { ...next, width: Math.max(next.width, least), function: from.function, table: null };
    });
  };
  const windowBy = (width: number, center: number): void =>
    changeWindow((before) => ({ width: before.width + width, center: before.center + center }));
  const choosePreset = (name: string): void => {
    setPreset(name);
    const exact = (center: number, width: number): void =>
      setOwn({ center, width, function: "LINEAR_EXACT", table: null });
    if (name === "file") setOwn(null);
    else if (name === "range" && frame !== null) {
      const { smallest, largest } = frame;
      exact((smallest + largest) / 2, Math.max(largest - smallest, 1e-9));
    } else if (name in CT_PRESETS) {
      const [center, width] = CT_PRESETS[name as keyof typeof CT_PRESETS];
      exact(center, width);
    }
  };
  const invert = (): void => setFlipped((before) => !before);
  const reset = (): void => {
    choosePreset("file");
    setFlipped(false);
    fit();
  };
  const goTo = (index: number): void => {
    const frameIndex = Math.min(Math.max(index, 0), summary.frameCount - 1);
    if (frameIndex !== study.frame) props.onFrame(frameIndex);
  };

  const step = frame === null ? 1 : Math.max((frame.largest - frame.smallest) / 100, 1e-6);
  const brighten = (by: number): void => windowBy(0, greys?.inverted === true ? by : -by);
  const acts: Record<ViewerAction, () => void> = {
    zoomIn: () => zoomBy(ZOOM_STEP),
    zoomOut: () => zoomBy(1 / ZOOM_STEP),
    fit,
    heatmap: () => setWithHeatmap((shown) => !shown),
    invert,
    reset,
    wider: () => windowBy(2 * step, 0),
    narrower: () => windowBy(-2 * step, 0),
    brighter: () => brighten(step),
    darker: () => brighten(-step),
    levelDown: () => windowBy(0, -step),
    levelUp: () => windowBy(0, step),
    back: () => goTo(study.frame - 1),
    on: () => goTo(study.frame + 1),
    farBack: () => goTo(study.frame - 10),
    farOn: () => goTo(study.frame + 10),
    first: () => goTo(0),
    last: () => goTo(summary.frameCount - 1),
    moveLeft: () => panBy(PAN_STEP, 0),
    moveUp: () => panBy(0, PAN_STEP),
    moveRight: () => panBy(-PAN_STEP, 0),
    moveDown: () => panBy(0, -PAN_STEP),
  };
  const onKey = (event: KeyboardEvent): void => {
    const act = actionOf(event);
    if (act === null) return;
    event.preventDefault();
    acts[act]();
  };

  const pointIn = (event: PointerEvent | WheelEvent): { x: number; y: number } => {
    const area = canvas.current!.getBoundingClientRect();
    const ratio = canvas.current!.width / area.width;
    return {
      x: (event.clientX - area.left - area.width / 2) * ratio,
      y: (event.clientY - area.top - area.height / 2) * ratio,
    };
  };
  const onPointerDown = (event: PointerEvent): void => {
    canvas.current!.setPointerCapture(event.pointerId);
    touches.current.set(event.pointerId, pointIn(event));
    drag.current = { ...pointIn(event), pan: event.shiftKey || event.button === 1 };
  };
  const onPointerMove = (event: PointerEvent): void => {
    const before = touches.current.get(event.pointerId);
    if (before === undefined || drag.current === null) return;
    const point = pointIn(event);
    if (touches.current.size === 2) {
      const [other] = [...touches.current].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const spread = (p: { x: number; y: number }): number => Math.hypot(p.x - other!.x, p.y - other!.y);
      zoomBy(spread(point) / Math.max(spread(before), 1), other);
      panBy((point.x - before.x) / 2, (point.y - before.y) / 2);
    } else if (drag.current.pan) {
      panBy(point.x - before.x, point.y - before.y);
    } else {
      // across the image once is the whole range of its values
      const area = canvas.current!;
      const range = frame === null ? 1 : frame.largest - frame.smallest;
      windowBy(((point.x - before.x) / area.width) * range, ((point.y - before.y) / area.height) * range);
    }
    touches.current.set(event.pointerId, point);
  };
  const onPointerUp = (event: PointerEvent): void => {
    touches.current.delete(event.pointerId);
    if (touches.current.size === 0) drag.current = null;
  };

  // Preact attaches wheel listeners passively; zooming must keep the page where it is
  useEffect(() => {
    const element = canvas.current!;
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      if (event.shiftKey && summary.frameCount > 1) goTo(study.frame + Math.sign(event.deltaY || event.deltaX));
      else zoomBy(event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP, pointIn(event));
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  });

  const marks = frame?.marks ?? null;
  const round = (value: number): number => Number(value.toPrecision(4));
  return (
    <div class="viewer">
      <div class="canvas" ref={box}>
        <canvas
          ref={canvas}
          tabIndex={0}
          role="application"
          aria-label={`${study.name}. ${texts.viewer.label}`}
          onKeyDown={onKey}
          onPointerDown={onPointerDown}
          onPointerMove={onPointerMove}
          onPointerUp={onPointerUp}
          onPointerCancel={onPointerUp}
          onDblClick={fit}
        />
        {marks && (
          <div aria-hidden="true">
            <span class="mark left">{marks.left}</span>
            <span class="mark right">{marks.right}</span>
            <span class="mark top">{marks.top}</span>
            <span class="mark bottom">{marks.bottom}</span>
          </div>
        )}
        <p class="overlay start">
          {summary.modality || summary.format} {summary.columns}×{summary.rows}
          {frame && frame.laterality !== "" && ` · ${frame.laterality}`}
        </p>
        <p class="overlay end">
          {greys && !frame?.colour && `W ${round(greys.width)} L ${round(greys.center)} ${frame?.unit === "HU" ? "HU" : ""} · `}
          {Math.round(at.zoom * 100)} %
        </p>
        {frame === null && action.busy && <p class="overlay middle">{texts.viewer.rendering}</p>}
        <div class="overlay problem-over">
          <Problem error={action.error} />
        </div>
      </div>
      {summary.frameCount > 1 && (
        <label class="frames">
          <span>{fill(texts.viewer.frameOf, { index: (view?.index ?? study.frame) + 1, count: summary.frameCount })}</span>
          <input
            type="range"
            min={0}
            max={summary.frameCount - 1}
            value={study.frame}
            onInput={(event) => goTo(Number(event.currentTarget.value))}
          />
        </label>
      )}
      <div class="tools" role="toolbar" aria-label={texts.nav.image}>
        {!frame?.colour && (
          <>
            <label>
              <span class="hidden">{texts.viewer.presets}</span>
              <select value={preset} onChange={(event) => choosePreset(event.currentTarget.value)}>
                <option value="file">{texts.viewer.asFile}</option>
                <option value="range">{texts.viewer.fullRange}</option>
                {frame?.unit === "HU" &&
                  Object.entries(CT_PRESETS).map(([name]) => (
                    <option key={name} value={name}>
                      {texts.viewer.preset[name as keyof typeof CT_PRESETS]}
                    </option>
                  ))}
                {preset === "custom" && <option value="custom">{texts.viewer.custom}</option>}
              </select>
            </label>
            <label class="number">
              {texts.viewer.window}
              <input
                type="number"
                value={greys === null ? "" : round(greys.width)}
                onChange={({ currentTarget: { valueAsNumber: value } }) =>
                  changeWindow(() => ({ width: value || 1 }))
                }
              />
            </label>
            <label class="number">
              {texts.viewer.level}
              <input
                type="number"
                value={greys === null ? "" : round(greys.center)}
                onChange={({ currentTarget: { valueAsNumber: value } }) =>
                  changeWindow(() => ({ center: value || 0 }))
                }
              />
            </label>
          </>
        )}
        <button type="button" aria-pressed={flipped} onClick={invert}>
          {texts.viewer.invert}
        </button>
        {heatmap && (
          <button
            type="button"
            aria-pressed={withHeatmap}
            onClick={() => setWithHeatmap(!withHeatmap)}
          >
            {texts.viewer.heatmap}
          </button>
        )}
        <button type="button" aria-label={texts.viewer.zoomOut} onClick={() => zoomBy(1 / ZOOM_STEP)}>
          −
        </button>
        <button type="button" aria-label={texts.viewer.zoomIn} onClick={() => zoomBy(ZOOM_STEP)}>
          +
        </button>
        <button type="button" onClick={fit}>
          {texts.viewer.fit}
        </button>
        <button
          type="button"
          onClick={() => {
            setFitted(false);
            setAt({ zoom: 1, x: 0, y: 0 });
          }}
        >
          {texts.viewer.actual}
        </button>
        <button type="button" onClick={reset}>
          {texts.viewer.reset}
        </button>
      </div>
      <p class={heatmap && withHeatmap ? "help legend" : "help"}>
        {heatmap && withHeatmap
          ? fill(texts.viewer.heatmapLegend, { name: heatmap.finding, odds: heatmap.fullScale })
          : texts.viewer.help}
      </p>
    </div>
  );
}
