// Gradient of the weight: a product over all positions of all images, in shares that
// are added in their order afterwards.
//   shares (splits, filters, channels*taps) = grad (filters, positions) @ x's columns
#include "convolution.cuh"

constexpr int ACROSS = WIDE / (4 * BROAD);
constexpr int COUNT = HIGH / (4 * TALL) * ACROSS;
constexpr int AT_ONCE = COUNT / DEPTH;  // rows fetched at a time, DEPTH positions of each
constexpr int LEFTS = HIGH / AT_ONCE, RIGHTS = WIDE / AT_ONCE;
static_assert(COUNT % DEPTH == 0 && HIGH % AT_ONCE == 0 && WIDE % AT_ONCE == 0, "");

extern "C" __global__ void __launch_bounds__(COUNT) weight_grad(
    const T* __restrict__ grad, const T* __restrict__ x, A* __restrict__ shares,
    const Tap* __restrict__ taps, Divisor all_taps, Convolution p) {
    __shared__ A left[DEPTH][HIGH + 4], right[DEPTH][WIDE + 4];
    const int thread = threadIdx.x, deep = thread % DEPTH, line = thread / DEPTH;
    const int tx = thread % ACROSS, ty = thread / ACROSS;
    const int columns = p.channels * static_cast<int>(all_taps.value);
    const unsigned wide = (columns + WIDE - 1) / WIDE, high = (p.filters + HIGH - 1) / HIGH;
    const int first = static_cast<int>(blockIdx.x % wide) * WIDE;
    const int filter = static_cast<int>(blockIdx.x / wide % high) * HIGH;
    const int group = static_cast<int>(blockIdx.x / wide / high);
    const I share = blockIdx.y;
    const I area = area_of(p.size), results = area_of(p.outputs);

    I planes[RIGHTS];
    Tap own[RIGHTS];
#pragma unroll
    for (int i = 0; i < RIGHTS; ++i) {
        int channel = first + line + i * AT_ONCE;
        planes[i] = -1;
        if (channel >= columns) continue;
        const int tap = split(channel, all_taps);
        own[i] = taps[tap];
        planes[i] = channel * area;
    }
    A sums[4 * TALL][4 * BROAD];
#pragma unroll
    for (int i = 0; i < 4 * TALL; ++i)
#pragma unroll
        for (int j = 0; j < 4 * BROAD; ++j) sums[i][j] = 0;

    const long long tiles = (p.total + DEPTH - 1) / DEPTH;
    const I begin = static_cast<I>(tiles * share / p.splits);
    const I stop = static_cast<I>(tiles * (share + 1) / p.splits);
    for (I tile = begin; tile < stop; ++tile) {
        const I number = tile * DEPTH + deep;
        const bool exists = number < p.total;
        const Column column = column_of(exists ? number : I(0), p);
        I place = 0;
        for (int axis = 0; axis < 3; ++axis)
            place = place * p.outputs[axis] + column.q[axis];
        const I signal = (column.image * p.groups + group) * p.filters;
        const T* images = x + (column.image * p.groups + group) * p.channels * area;
#pragma unroll
        for (int i = 0; i < LEFTS; ++i) {
            const int k = filter + line + i * AT_ONCE;
            const bool some = exists && k < p.filters;
            left[deep][line + i * AT_ONCE] =
                some ? A(widened(grad[(signal + k) * results + place])) : A(0);
        }
#pragma unroll
        for (int i = 0; i < RIGHTS; ++i) {
            const I from = exists && planes[i] >= 0 ? read_by(own[i], column, p) : I(-1);
            right[deep][line + i * AT_ONCE] =
                from >= 0 ? A(widened(images[planes[i] + from])) : A(0);
        }
        __syncthreads();
#pragma unroll
        for (int row = 0; row < DEPTH; ++row) {
            A a[4 * TALL], b[4 * BROAD];
#pragma unroll
            for (int i = 0; i < 4 * TALL; ++i)
                a[i] = left[row][i / 4 * (HIGH / TALL) + ty * 4 + i % 4];
#pragma unroll
            for (int j = 0; j < 4 * BROAD; ++j)
                b[j] = right[row][j / 4 * (WIDE / BROAD) + tx * 4 + j % 4];
#pragma unroll
            for (int i = 0; i < 4 * TALL; ++i)
#pragma unroll
                for (int j = 0; j < 4 * BROAD; ++j) sums[i][j] += a[i] * b[j];
        }
        __syncthreads();
    }
    A* own_share = shares + share * static_cast<I>(p.groups) * p.filters * columns;
#pragma unroll
    for (int i = 0; i < 4 * TALL; ++i) {
        const int k = filter + i / 4 * (HIGH / TALL) + ty * 4 + i % 4;
        if (k >= p.filters) continue;
#pragma unroll
        for (int j = 0; j < 4 * BROAD; ++j) {
            const int c = first + j / 4 * (WIDE / BROAD) + tx * 4 + j % 4;
            if (c >= columns) continue;
            own_share[(static_cast<I>(group) * p.filters + k) * columns + c] = sums[i][j];
        }
    }
}
