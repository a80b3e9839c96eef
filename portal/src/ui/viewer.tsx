// The viewer: 16-bit greys on a canvas; window and level by drag, zoom, pan, frames, marks, keyboard.

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { type Session } from "../client/session.ts";
import { type Study } from "../client/studies.ts";
import { type Bytes } from "../core/bytes.ts";
import { type ViewableFrame } from "../core/imaging/viewable.ts";
import { fill, texts } from "../texts.ts";
import { Problem, useAction } from "./dialog.tsx";
import {
  draw,
  fitZoom,
  greysOfFile,
  overlayOf,
  paint,
  type Greys,
  type Placement,
} from "./rendering.ts";

/** The image as it is on the screen, for the report. */
export interface ShownImage {
  studyId: string;
  data: ImageData;
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
  onShown: (image: ShownImage) => void;
}) {
  const { study, session } = props;
  const summary = study.summary!;
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const buffer = useRef<OffscreenCanvas | null>(null);
  const [frame, setFrame] = useState<ViewableFrame | null>(null);
  const [greys, setGreys] = useState<Greys | null>(null);
  const [at, setAt] = useState<Placement>({ zoom: 1, x: 0, y: 0 });
  const [fitted, setFitted] = useState(true);
  const [preset, setPreset] = useState("file");
  const [withHeatmap, setWithHeatmap] = useState(true);
  const action = useAction();
  const drag = useRef<{ x: number; y: number; pan: boolean } | null>(null);
  const touches = useRef(new Map<number, { x: number; y: number }>());

  useEffect(() => {
    let current = true;
    void action.run(async () => {
      const content = (await session.imaging.isOpen(study.id)) ? null : await props.load();
      const read = await session.imaging.frame(study.id, content, study.frame);
      if (!current) return;
      setFrame(read);
      setGreys((before) => (before === null || preset === "file" ? greysOfFile(read) : before));
    });
    return () => {
      current = false;
    };
  }, [study.id, study.frame]);

  // the map belongs to the frame that was analysed
  const { run } = study;
  const answered = run?.phase === "done" && run.frame === study.frame;
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

  useEffect(() => {
    if (frame === null || greys === null) return;
    const data = new ImageData(frame.width, frame.height);
    paint(frame, greys, data);
    const offscreen = new OffscreenCanvas(frame.width, frame.height);
    offscreen.getContext("2d")!.putImageData(data, 0, 0);
    buffer.current = offscreen;
    props.onShown({ studyId: study.id, data });
    draw(canvas.current!, offscreen, frame, at, overlay);
  }, [frame, greys]);

  useEffect(() => {
    if (frame !== null && buffer.current !== null) {
      draw(canvas.current!, buffer.current, frame, at, overlay);
    }
  }, [at, overlay]);

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
  const changeWindow = (change: { center?: number; width?: number }): void => {
    setPreset("custom");
    setGreys((before) => {
      if (before === null) return before;
      const width = Math.max(change.width ?? before.width, frame!.unit === "HU" ? 1 : 0.001);
      return { ...before, table: null, center: change.center ?? before.center, width };
    });
  };
  const windowBy = (width: number, center: number): void => {
    if (greys !== null) {
      changeWindow({ width: greys.width + width, center: greys.center + center });
    }
  };
  const choosePreset = (name: string): void => {
    setPreset(name);
    if (frame === null) return;
    const own = greysOfFile(frame);
    if (name === "file") setGreys(own);
    else if (name === "range") {
      const { smallest, largest } = frame;
      const center = (smallest + largest) / 2;
      const width = Math.max(largest - smallest, 1e-9);
      setGreys({ ...own, table: null, function: "LINEAR_EXACT", center, width });
    } else if (name in CT_PRESETS) {
      const [center, width] = CT_PRESETS[name as keyof typeof CT_PRESETS];
      setGreys({ ...own, table: null, function: "LINEAR_EXACT", center, width });
    }
  };
  const invert = (): void =>
    setGreys((before) => before && { ...before, inverted: !before.inverted });
  const reset = (): void => {
    choosePreset("file");
    fit();
  };
  const goTo = (index: number): void => {
    const frameIndex = Math.min(Math.max(index, 0), summary.frameCount - 1);
    if (frameIndex !== study.frame) props.onFrame(frameIndex);
  };

  const step = frame === null ? 1 : Math.max((frame.largest - frame.smallest) / 100, 1e-6);
  const onKey = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Record<string, () => void> = {
      "+": () => zoomBy(ZOOM_STEP),
      "=": () => zoomBy(ZOOM_STEP),
      "-": () => zoomBy(1 / ZOOM_STEP),
      "0": fit,
      f: fit,
      h: () => setWithHeatmap((shown) => !shown),
      i: invert,
      r: reset,
      "[": () => windowBy(-2 * step, 0),
      "]": () => windowBy(2 * step, 0),
      "{": () => windowBy(0, -step),
      "}": () => windowBy(0, step),
      PageDown: () => goTo(study.frame + 10),
      PageUp: () => goTo(study.frame - 10),
      Home: () => goTo(0),
      End: () => goTo(summary.frameCount - 1),
    };
    const [x, y] =
      { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [];
    let act = actions[event.key];
    if (x !== undefined && y !== undefined) {
      act = event.shiftKey
        ? () => panBy(x * PAN_STEP, y * PAN_STEP)
        : () => goTo(study.frame - (x + y));
    }
    if (act === undefined) return;
    event.preventDefault();
    act();
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

  const { marks } = summary;
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
          {summary.laterality !== "" && ` · ${summary.laterality}`}
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
          <span>{fill(texts.viewer.frameOf, { index: study.frame + 1, count: summary.frameCount })}</span>
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
                onChange={(event) => changeWindow({ width: event.currentTarget.valueAsNumber || 1 })}
              />
            </label>
            <label class="number">
              {texts.viewer.level}
              <input
                type="number"
                value={greys === null ? "" : round(greys.center)}
                onChange={(event) => changeWindow({ center: event.currentTarget.valueAsNumber || 0 })}
              />
            </label>
          </>
        )}
        <button type="button" aria-pressed={greys?.inverted !== frame?.inverted} onClick={invert}>
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
            setAt({ zoom: globalThis.devicePixelRatio, x: 0, y: 0 });
          }}
        >
          {texts.viewer.actual}
        </button>
        <button type="button" onClick={reset}>
          {texts.viewer.reset}
        </button>
      </div>
      <p class="help">
        {heatmap && withHeatmap
          ? fill(texts.viewer.heatmapLegend, { name: heatmap.finding, odds: heatmap.fullScale })
          : texts.viewer.help}
      </p>
    </div>
  );
}
