// Antialiased resizing with a triangle filter, to the last bit as docs/preprocessing.md section 3 says:
// every sum runs in ascending order, and JavaScript fuses no operation.

interface Taps {
  first: Int32Array;
  counts: Int32Array;
  weights: Float64Array[];
}

export function triangleTaps(sizeIn: number, sizeOut: number): Taps {
  const scale = sizeIn / sizeOut;
  const radius = Math.max(scale, 1);
  const first = new Int32Array(sizeOut);
  const counts = new Int32Array(sizeOut);
  const weights: Float64Array[] = [];
  for (let i = 0; i < sizeOut; i++) {
    const centre = (i + 0.5) * scale;
    first[i] = Math.max(Math.floor(centre - radius), 0);
    counts[i] = Math.min(Math.ceil(centre + radius), sizeIn) - first[i]!;
    const row = new Float64Array(counts[i]!);
    let total = 0;
    for (let tap = 0; tap < row.length; tap++) {
      const distance = Math.abs(first[i]! + tap + 0.5 - centre);
      row[tap] = Math.max(1 - distance / radius, 0);
      total += row[tap]!;
    }
    weights.push(row.map((weight) => weight / total));
  }
  return { first, counts, weights };
}

/** One plane [H · W] to [height · width]: along rows first, then along columns. */
export function resizePlane(
  plane: Float64Array,
  from: { height: number; width: number },
  to: { height: number; width: number },
): Float64Array {
  const rows = from.width === to.width ? plane : alongRows(plane, from, to.width);
  return from.height === to.height ? rows : alongColumns(rows, from.height, to);
}

function alongRows(
  plane: Float64Array,
  from: { height: number; width: number },
  width: number,
): Float64Array {
  const taps = triangleTaps(from.width, width);
  const out = new Float64Array(from.height * width);
  for (let y = 0; y < from.height; y++) {
    for (let x = 0; x < width; x++) {
      const start = y * from.width + taps.first[x]!;
      const weights = taps.weights[x]!;
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += plane[start + tap]! * weights[tap]!;
      out[y * width + x] = sum;
    }
  }
  return out;
}

function alongColumns(
  plane: Float64Array,
  heightIn: number,
  to: { height: number; width: number },
): Float64Array {
  const { height, width } = to;
  const taps = triangleTaps(heightIn, height);
  const out = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    const weights = taps.weights[y]!;
    for (let tap = 0; tap < weights.length; tap++) {
      const row = (taps.first[y]! + tap) * width;
      const weight = weights[tap]!;
      for (let x = 0; x < width; x++) out[y * width + x]! += plane[row + x]! * weight;
    }
  }
  return out;
}
