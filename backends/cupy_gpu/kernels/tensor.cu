// Implicit GEMM on tensor cores (from sm_80): as tiles.cu, a warp computes 64 filters at
// 32 positions with mma.sync. Words in shared memory are one TF32 number or, of float16,
// two rows of a column; sums are float32.
//
// In a fragment, lane l stands at group g = l/4 and t = l%4. Words (row, column):
//   a  (t, g) (t, g+8) (t+4, g) (t+4, g+8)     b  (t, g) (t+4, g)
//   c  (g, 2t) (g, 2t+1) (g+8, 2t) (g+8, 2t+1)   of filters and positions
#include "gather.cuh"
#include "words.cuh"

constexpr int HIGH = 128, WIDE = 128, COUNT = 256;
constexpr int WORDS = 16, DEPTH = WORDS * PACKED;
constexpr int PITCH = HIGH + 8;  // of a row of words: no two lanes in one bank
constexpr int LINES = COUNT / WIDE, VALUES = WORDS / LINES;
constexpr int QUADS = WORDS * HIGH / 4 / COUNT;
#if defined(BY_CHANNEL) && !defined(HALVES)
constexpr int BLOCKS = 2;  // of a multiprocessor, where 128 registers a thread suffice
#else
constexpr int BLOCKS = 1;
#endif

#ifndef STAND_IN
__device__ inline void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#ifdef HALVES
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// Weights go from memory to shared memory past the registers, and land later.
__device__ inline void send(Quad<unsigned>* to, const Quad<unsigned>* from) {
    const auto at = static_cast<unsigned>(__cvta_generic_to_shared(to));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at), "l"(from) : "memory");
}
__device__ inline void wait_for_landing() { asm volatile("cp.async.wait_all;" ::: "memory"); }
#else
inline void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    stand_in::multiply<PACKED>(c, a, b);
}
inline void send(Quad<unsigned>* to, const Quad<unsigned>* from) { stand_in::send(to, from); }
inline void wait_for_landing() { stand_in::land(); }
#endif

extern "C" __global__ void __launch_bounds__(COUNT, BLOCKS) tensor(
    const T* __restrict__ x, const unsigned* __restrict__ packed,
    const T* __restrict__ bias, const T* __restrict__ where, T* __restrict__ y,
    A* __restrict__ shares, const Tap* __restrict__ taps, const int* __restrict__ counts, Convolution p) {
    __shared__ Quad<unsigned> left[2][WORDS][PITCH / 4];
    __shared__ unsigned right[2][WORDS][PITCH];
    const int thread = threadIdx.x, column = thread % WIDE, line = thread / WIDE;
    const int lane = thread % 32, warp = thread / 32;
    const int g = lane / 4, t = lane % 4;
    const int up = warp % 2 * 64, along = warp / 2 * 32;  // the warp's part of the tile
    const Task task = task_of(p, HIGH, WIDE, DEPTH);
    const unsigned* matrix = matrix_of(packed, task, p.rows / PACKED, p);
    Gathering from = gathering(x, taps, counts, task.first + column, task.group, task.phase, p);

    T values[VALUES][PACKED];  // on their way: nobody looks at them before `keep`
    float sums[4][4][4] = {};

    auto fetch = [&](int tile, int buffer) {
        turn_to(from, tile * DEPTH, p);
#pragma unroll
        for (int i = 0; i < VALUES; ++i)
#pragma unroll
            for (int h = 0; h < PACKED; ++h)
                values[i][h] = fetched(from, (line + i * LINES) * PACKED + h, p);
#pragma unroll
        for (int i = 0; i < QUADS; ++i) {
            const int quad = thread + i * COUNT;
            const int row = quad / (HIGH / 4), at = quad % (HIGH / 4);
            const I place = (tile * static_cast<I>(WORDS) + row) * p.width + at * 4;
            send(&left[buffer][row][at],
                 reinterpret_cast<const Quad<unsigned>*>(matrix + place));
        }
    };
    auto keep = [&](int buffer) {
#pragma unroll
        for (int i = 0; i < VALUES; ++i)
            right[buffer][line + i * LINES][column] = word_of(values[i]);
        wait_for_landing();
    };

    int buffer = 0;
    auto left_at = [&](int row, int m) { return left[buffer][row][m / 4].v[m % 4]; };
    if (task.begin < task.stop) {
        fetch(task.begin, 0);
        keep(0);
    }
    __syncthreads();
    for (int tile = task.begin; tile < task.stop; ++tile) {
        const bool more = tile + 1 < task.stop;
        buffer = (tile - task.begin) & 1;
        if (more) fetch(tile + 1, buffer ^ 1);
#pragma unroll 1  // or registers run out
        for (int row = 0; row < WORDS; row += 8) {
            unsigned b[4][2];
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                b[j][0] = right[buffer][row + t][along + j * 8 + g];
                b[j][1] = right[buffer][row + t + 4][along + j * 8 + g];
            }
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int m = up + i * 16 + g;
                const unsigned a[4] = {left_at(row + t, m), left_at(row + t, m + 8),
                                       left_at(row + t + 4, m), left_at(row + t + 4, m + 8)};
#pragma unroll
                for (int j = 0; j < 4; ++j) multiply(sums[i][j], a, b[j]);
            }
        }
        if (more) keep(buffer ^ 1);
        __syncthreads();
    }

    Results r = results_of(y, shares, bias, where, task, p);
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
            const I number = task.first + along + j * 8 + 2 * t + e;
            if (number >= p.total) continue;
            const Column c = column_of(number, p);
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int h = 0; h < 2; ++h) {
                    const int k = task.filter + up + i * 16 + g + 8 * h;
                    if (k < p.filters) put(r, c, k, sums[i][j][2 * h + e], p);
                }
        }
}
