// Weights packed, and sums that were cut into shares put together again.
#include "packing.cuh"

extern "C" __global__ void pack(
    const T* __restrict__ weight, T* __restrict__ packed, const Tap* __restrict__ taps,
    const int* __restrict__ counts, const int* __restrict__ sources, long long total,
    Divisor width, Divisor rows, int all_taps, Convolution p) {
    const I flat = flat_thread();
    if (flat >= total) return;
    I matrix = flat;
    const int k = split(matrix, width), row = split(matrix, rows);
    packed[flat] = entry_of(weight, matrix, row, k, {counts, sources, taps, all_taps}, p);
}

// Shares of sums, added in their order.
extern "C" __global__ void add_shares(
    const A* __restrict__ shares, const T* __restrict__ bias,
    const T* __restrict__ where, O* __restrict__ y, long long total, Divisor area, Divisor filters, Convolution p) {
    const I flat = flat_thread();
    if (flat >= total) return;
    A sum = 0;
    for (int share = 0; share < p.splits; ++share)
        sum += shares[share * static_cast<I>(total) + flat];
    I plane = divided(flat, area);
    const int k = split(plane, filters);
    y[flat] = Rounded<O>::of(let_through(finished(sum, bias, k, p), where, flat));
}
