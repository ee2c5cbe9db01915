// Implicit GEMM on tensor cores (from sm_80): as tiles.cu, a warp computes 64 filters at
// 32 positions with mma.sync. Words in shared memory are one TF32 number or, of float16,
// two rows of a column; sums are float32.
//
// In a fragment, lane l stands at group g = l/4 and t = l%4. Words (row, column):
//   a  (t, g) (t, g+8) (t+4, g) (t+4, g+8)     b  (t, g) (t+4, g)
//   c  (g, 2t) (g, 2t+1) (g+8, 2t) (g+8, 2t+1)   of filters and positions
#include "gather.cuh"

constexpr int HIGH = 128, WIDE = 128, COUNT = 256;
#ifdef HALVES
constexpr int PACKED = 2;  // rows in a word
#else
constexpr int PACKED = 1;
#endif
constexpr int WORDS = 16, DEPTH = WORDS * PACKED;
constexpr int PITCH = HIGH + 8;  // of a row of words: no two lanes in one bank
constexpr int LINES = COUNT / WIDE, VALUES = WORDS / LINES;
constexpr int QUADS = WORDS * HIGH / 4 / COUNT;

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

__device__ inline unsigned rounded_tf32(float f) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(f));
    return bits;
}
#else
inline void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    stand_in::multiply<PACKED>(c, a, b);
}
inline unsigned rounded_tf32(float f) { return stand_in::tf32_of(f); }
#endif

// The nearest number with 10 bits of mantissa; the largest ones do not become infinite.
__device__ inline unsigned tf32_of(float f) {
    const unsigned bits = rounded_tf32(f);
    const bool grown = (bits & 0x7fffffffu) == 0x7f800000u && f - f == 0;
    return grown ? bits - 0x2000u : bits;
}

#ifdef HALVES
__device__ inline unsigned word_of(half low, half high) {
    return low.bits | static_cast<unsigned>(high.bits) << 16;
}
#endif

extern "C" __global__ void __launch_bounds__(COUNT) tensor(
    const T* __restrict__ x, const T* __restrict__ packed, const T* __restrict__ bias,
    T* __restrict__ y, A* __restrict__ shares, const Tap* __restrict__ taps,
    const int* __restrict__ counts, Convolution p) {
    __shared__ unsigned left[2][WORDS][PITCH], right[2][WORDS][PITCH];
    const int thread = threadIdx.x, column = thread % WIDE, line = thread / WIDE;
    const int lane = thread % 32, warp = thread / 32;
    const int g = lane / 4, t = lane % 4;
    const int up = warp % 2 * 64, along = warp / 2 * 32;  // the warp's part of the tile
    const Task task = task_of(p, HIGH, WIDE, DEPTH);
    const T* matrix = matrix_of(packed, task, p);
    Gathering from = gathering(x, taps, counts, task.first + column, task.group, task.phase, p);

    Quad<T> weights[QUADS][PACKED];
    unsigned words[VALUES];
    float sums[4][4][4] = {};

    auto fetch = [&](int tile) {
#pragma unroll
        for (int i = 0; i < QUADS; ++i)
#pragma unroll
            for (int h = 0; h < PACKED; ++h) {
                const int quad = thread + i * COUNT;
                const I row = tile * DEPTH + quad / (HIGH / 4) * PACKED + h;
                weights[i][h] = *reinterpret_cast<const Quad<T>*>(
                    matrix + row * p.width + quad % (HIGH / 4) * 4);
            }
        turn_to(from, tile * DEPTH, p);
#pragma unroll
        for (int i = 0; i < VALUES; ++i) {
            const int row = (line + i * LINES) * PACKED;
#ifdef HALVES
            words[i] = word_of(half_of(fetched(from, row, p)), half_of(fetched(from, row + 1, p)));
#else
            words[i] = tf32_of(fetched(from, row, p));
#endif
        }
    };
    auto keep = [&](int buffer) {
#pragma unroll
        for (int i = 0; i < QUADS; ++i) {
            const int quad = thread + i * COUNT;
            unsigned* at = &left[buffer][quad / (HIGH / 4)][quad % (HIGH / 4) * 4];
#pragma unroll
            for (int j = 0; j < 4; ++j)
#ifdef HALVES
                at[j] = word_of(weights[i][0].v[j], weights[i][1].v[j]);
#else
                at[j] = tf32_of(weights[i][0].v[j]);
#endif
        }
#pragma unroll
        for (int i = 0; i < VALUES; ++i) right[buffer][line + i * LINES][column] = words[i];
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
        for (int row = 0; row < WORDS; row += 8) {
            unsigned a[4][4], b[4][2];
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int m = up + i * 16 + g;
                a[i][0] = left[buffer][row + t][m];
                a[i][1] = left[buffer][row + t][m + 8];
                a[i][2] = left[buffer][row + t + 4][m];
                a[i][3] = left[buffer][row + t + 4][m + 8];
            }
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                b[j][0] = right[buffer][row + t][along + j * 8 + g];
                b[j][1] = right[buffer][row + t + 4][along + j * 8 + g];
            }
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) multiply(sums[i][j], a[i], b[j]);
        }
        if (more) keep(buffer ^ 1);
        __syncthreads();
        buffer ^= 1;
    }

    Results r = results_of(y, shares, bias, task, p);
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
