// Gradient of the weight: a product over all positions of all images, in shares that
// are added in their order afterwards.
//   shares (splits, filters, channels*taps) = grad (filters, positions) @ x's columns
// While a tile of positions is multiplied, the next one is on its way into registers.
#include "convolution.cuh"

constexpr int ACROSS = WIDE / (4 * BROAD);
constexpr int COUNT = HIGH / (4 * TALL) * ACROSS;
constexpr int AT_ONCE = COUNT / DEPTH;  // rows fetched at a time, DEPTH positions of each
constexpr int LEFTS = HIGH / AT_ONCE, RIGHTS = WIDE / AT_ONCE;
static_assert(COUNT % DEPTH == 0 && HIGH % AT_ONCE == 0 && WIDE % AT_ONCE == 0, "");

extern "C" __global__ void __launch_bounds__(COUNT, 512 / COUNT) weight_grad(
    const T* __restrict__ grad, const T* __restrict__ x, A* __restrict__ shares,
    const Tap* __restrict__ taps, Divisor all_taps, Convolution p) {
    // a quad more than a row needs: no two lanes of a warp store into one bank
    __shared__ Quad<A> left[2][DEPTH][HIGH / 4 + 1], right[2][DEPTH][WIDE / 4 + 1];
    const int thread = threadIdx.x, deep = thread % DEPTH, line = thread / DEPTH;
    const int tx = thread % ACROSS, ty = thread / ACROSS;
    const int columns = p.channels * static_cast<int>(all_taps.value);
    const unsigned wide = (columns + WIDE - 1) / WIDE, high = (p.filters + HIGH - 1) / HIGH;
    const int first = static_cast<int>(blockIdx.x % wide) * WIDE;
    const int filter = static_cast<int>(blockIdx.x / wide % high) * HIGH;
    const int group = static_cast<int>(blockIdx.x / wide / high);
    const I share = blockIdx.y;
    const I area = area_of(p.size), results = area_of(p.outputs);

    A lefts[LEFTS], rights[RIGHTS];  // on their way
    A sums[4 * TALL][4 * BROAD];
#pragma unroll
    for (int i = 0; i < 4 * TALL; ++i)
#pragma unroll
        for (int j = 0; j < 4 * BROAD; ++j) sums[i][j] = 0;

    auto fetch = [&](I tile) {
        const I number = tile * DEPTH + deep;
        const bool exists = number < p.total;
        const Column column = column_of(exists ? number : I(0), p);
        I place = 0;
        for (int axis = 0; axis < 3; ++axis)
            place = place * p.outputs[axis] + column.q[axis];
        const I part = column.image * p.groups + group;
        const I signal = part * p.filters, image = part * p.channels;
#pragma unroll
        for (int i = 0; i < LEFTS; ++i) {
            const int k = filter + line + i * AT_ONCE;
            lefts[i] = exists && k < p.filters ? A(widened(grad[(signal + k) * results + place])) : A(0);
        }
#pragma unroll
        for (int i = 0; i < RIGHTS; ++i) {
            int channel = first + line + i * AT_ONCE;
            const bool some = exists && channel < columns;
            const int tap = split(channel, all_taps);
            const I from = some ? read_by(taps[tap], column, p) : I(-1);
            rights[i] = from >= 0 ? A(widened(x[(image + channel) * area + from])) : A(0);
        }
    };
    auto keep = [&](int buffer) {
#pragma unroll
        for (int i = 0; i < LEFTS; ++i) {
            const int row = line + i * AT_ONCE;
            left[buffer][deep][row / 4].v[row % 4] = lefts[i];
        }
#pragma unroll
        for (int i = 0; i < RIGHTS; ++i) {
            const int row = line + i * AT_ONCE;
            right[buffer][deep][row / 4].v[row % 4] = rights[i];
        }
    };

    const long long tiles = (p.total + DEPTH - 1) / DEPTH;
    const I begin = static_cast<I>(tiles * share / p.splits);
    const I stop = static_cast<I>(tiles * (share + 1) / p.splits);
    int buffer = 0;
    if (begin < stop) {
        fetch(begin);
        keep(0);
    }
    __syncthreads();
    for (I tile = begin; tile < stop; ++tile) {
        const bool more = tile + 1 < stop;
        if (more) fetch(tile + 1);
#pragma unroll 2  // or registers run out
        for (int row = 0; row < DEPTH; ++row) {
            Quad<A> a[TALL], b[BROAD];
#pragma unroll
            for (int i = 0; i < TALL; ++i) a[i] = left[buffer][row][i * (HIGH / TALL / 4) + ty];
#pragma unroll
            for (int j = 0; j < BROAD; ++j)
                b[j] = right[buffer][row][j * (WIDE / BROAD / 4) + tx];
#pragma unroll
            for (int i = 0; i < 4 * TALL; ++i)
#pragma unroll
                for (int j = 0; j < 4 * BROAD; ++j)
                    sums[i][j] += a[i / 4].v[i % 4] * b[j / 4].v[j % 4];
        }
        if (more) keep(buffer ^ 1);
        __syncthreads();
        buffer ^= 1;
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
