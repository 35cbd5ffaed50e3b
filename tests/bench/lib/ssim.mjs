// Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004) of two pictures of one size, by windows
// of 8 × 8 pixels at every 4th: the mean over the channels given.

const SIZE = 8;
const STEP = 4;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

function window(one, other, at, stride, channels) {
  let sumA = 0, sumB = 0, squareA = 0, squareB = 0, product = 0;
  for (let y = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++) {
      const i = at + y * stride + x * channels;
      const a = one[i], b = other[i];
      sumA += a;
      sumB += b;
      squareA += a * a;
      squareB += b * b;
      product += a * b;
    }
  }
  const n = SIZE * SIZE;
  const meanA = sumA / n, meanB = sumB / n;
  const varA = squareA / n - meanA ** 2, varB = squareB / n - meanB ** 2;
  const covariance = product / n - meanA * meanB;
  return ((2 * meanA * meanB + C1) * (2 * covariance + C2)) /
    ((meanA ** 2 + meanB ** 2 + C1) * (varA + varB + C2));
}

/** `one` and `other`: {data, width, height, channels} of interleaved bytes. */
export function ssim(one, other) {
  const { width, height, channels } = one;
  if (other.width !== width || other.height !== height || other.channels !== channels) {
    throw new Error("the pictures are not alike in size");
  }
  const stride = width * channels;
  let sum = 0, count = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y + SIZE <= height; y += STEP) {
      for (let x = 0; x + SIZE <= width; x += STEP, count++) {
        sum += window(one.data, other.data, y * stride + x * channels + c, stride, channels);
      }
    }
  }
  return sum / count;
}
