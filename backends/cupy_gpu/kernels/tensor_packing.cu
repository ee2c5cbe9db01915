// Weights packed for tensor cores: rows are rows of words.
#include "packing.cuh"
#include "words.cuh"

extern "C" __global__ void pack_words(
    const T* __restrict__ weight, unsigned* __restrict__ packed,
    const Tap* __restrict__ taps, const int* __restrict__ counts,
    const int* __restrict__ sources, long long total, Divisor width, Divisor rows,
    int all_taps, Convolution p) {
    const I flat = flat_thread();
    if (flat >= total) return;
    I matrix = flat;
    const int k = split(matrix, width), row = split(matrix, rows);
    const Packing from{counts, sources, taps, all_taps};
    T own[PACKED];
#pragma unroll
    for (int h = 0; h < PACKED; ++h)
        own[h] = entry_of(weight, matrix, row * PACKED + h, k, from, p);
    packed[flat] = word_of(own);
}
