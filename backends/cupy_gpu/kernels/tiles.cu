// Implicit GEMM on the ordinary units: a block computes HIGH filters at WIDE positions,
// a thread 4*TALL by 4*BROAD of them, from tiles DEPTH rows deep in shared memory.
//   y (filters, positions) = packed (filters, rows) @ columns (rows, positions)
// While a tile is multiplied, the next one is on its way into registers.
#include "gather.cuh"

constexpr int ACROSS = WIDE / (4 * BROAD);       // threads along the positions
constexpr int COUNT = HIGH / (4 * TALL) * ACROSS;  // of a block
constexpr int QUADS = HIGH * DEPTH / 4;          // of a tile of weights
constexpr int WEIGHTS = (QUADS + COUNT - 1) / COUNT;  // that a thread fetches
constexpr int LINES = COUNT / WIDE;              // rows of x fetched at a time
constexpr int VALUES = DEPTH / LINES;            // that a thread fetches
static_assert(COUNT % WIDE == 0 && DEPTH % LINES == 0, "a thread stays in its column");

extern "C" __global__ void __launch_bounds__(COUNT, 512 / COUNT) tiles(
    const T* __restrict__ x, const T* __restrict__ packed, const T* __restrict__ bias,
    const T* __restrict__ where, T* __restrict__ y, A* __restrict__ shares,
    const Tap* __restrict__ taps, const int* __restrict__ counts, Convolution p) {
    __shared__ Quad<A> left[2][DEPTH][HIGH / 4];
    __shared__ A right[2][DEPTH][WIDE];
    const int thread = threadIdx.x, column = thread % WIDE, line = thread / WIDE;
    const int tx = thread % ACROSS, ty = thread / ACROSS;
    const Task task = task_of(p, HIGH, WIDE, DEPTH);
    const T* matrix = matrix_of(packed, task, p.rows, p);
    Gathering g = gathering(x, taps, counts, task.first + column, task.group, task.phase, p);

    Quad<T> weights[WEIGHTS];
    A values[VALUES];
    A sums[4 * TALL][4 * BROAD];
#pragma unroll
    for (int i = 0; i < 4 * TALL; ++i)
#pragma unroll
        for (int j = 0; j < 4 * BROAD; ++j) sums[i][j] = 0;

    auto fetch = [&](int tile) {
#pragma unroll
        for (int i = 0; i < WEIGHTS; ++i) {
            const int quad = thread + i * COUNT;
            const I row = tile * DEPTH + quad / (HIGH / 4);
            if (QUADS % COUNT == 0 || quad < QUADS)
                weights[i] = *reinterpret_cast<const Quad<T>*>(
                    matrix + row * p.width + quad % (HIGH / 4) * 4);
        }
        turn_to(g, tile * DEPTH, p);
#pragma unroll
        for (int i = 0; i < VALUES; ++i) values[i] = widened(fetched(g, line + i * LINES, p));
    };
    auto keep = [&](int buffer) {
#pragma unroll
        for (int i = 0; i < WEIGHTS; ++i) {
            const int quad = thread + i * COUNT;
            if (QUADS % COUNT != 0 && quad >= QUADS) break;
            Quad<A> wide;
            for (int j = 0; j < 4; ++j) wide.v[j] = widened(weights[i].v[j]);
            left[buffer][quad / (HIGH / 4)][quad % (HIGH / 4)] = wide;
        }
#pragma unroll
        for (int i = 0; i < VALUES; ++i) right[buffer][line + i * LINES][column] = values[i];
    };

    int buffer = 0;
    if (task.begin < task.stop) {
        fetch(task.begin);
        keep(0);
    }
    __syncthreads();
    for (int tile = task.begin; tile < task.stop; ++tile) {
        const bool more = tile + 1 < task.stop;
        if (more) fetch(tile + 1);
#pragma unroll
        for (int row = 0; row < DEPTH; ++row) {
            Quad<A> a[TALL], b[BROAD];
#pragma unroll
            for (int i = 0; i < TALL; ++i) a[i] = left[buffer][row][i * (HIGH / TALL / 4) + ty];
#pragma unroll
            for (int j = 0; j < BROAD; ++j)
                b[j] = *reinterpret_cast<const Quad<A>*>(
                    &right[buffer][row][j * (WIDE / BROAD) + tx * 4]);
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

    Results r = results_of(y, shares, bias, where, task, p);
    const bool quads =
        r.plain && r.area % 4 == 0 && shares == nullptr && p.own == p.filters;
#pragma unroll
    for (int j = 0; j < BROAD; ++j) {
        const I number = task.first + j * (WIDE / BROAD) + tx * 4;
        if (quads) {  // four columns of one image, and aligned
            if (number >= p.total) continue;
            const Column c = column_of(number, p);
            const I place = result_of(c, r.offset, p);
#pragma unroll
            for (int i = 0; i < 4 * TALL; ++i) {
                const int k = task.filter + i / 4 * (HIGH / TALL) + ty * 4 + i % 4;
                if (k >= p.filters) continue;
                const int filter = task.group * p.filters + k;
                const I at = (c.image * r.planes + filter) * r.area + place;
                Quad<T> four;
#pragma unroll
                for (int e = 0; e < 4; ++e) {
                    const A sum = finished(sums[i][j * 4 + e], bias, filter, p);
                    four.v[e] = Rounded<T>::of(let_through(sum, where, at + e));
                }
                *reinterpret_cast<Quad<T>*>(y + at) = four;
            }
            continue;
        }
#pragma unroll
        for (int e = 0; e < 4; ++e) {
            if (number + e >= p.total) continue;
            const Column c = column_of(number + e, p);
#pragma unroll
            for (int i = 0; i < 4 * TALL; ++i) {
                const int k = task.filter + i / 4 * (HIGH / TALL) + ty * 4 + i % 4;
                if (k < p.filters) put(r, c, k, sums[i][j * 4 + e], p);
            }
        }
    }
}
