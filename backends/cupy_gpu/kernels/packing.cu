// Weights as the products read them: a matrix per phase and group,
//   packed (phases, groups, rows = taps*depth, width >= filters)
// with zeros where a tile reaches beyond the weight. Where phases are merged, `sources`
// says which tap of the weight a phase has at a tap of all, -1 for none.
#include "convolution.cuh"

extern "C" __global__ void pack(
    const T* __restrict__ weight, T* __restrict__ packed, const Tap* __restrict__ taps,
    const int* __restrict__ counts, const int* __restrict__ sources, long long total,
    Divisor width, Divisor rows, int all_taps, Convolution p) {
    const I flat = flat_thread();
    if (flat >= total) return;
    I matrix = flat;
    const int k = split(matrix, width), row = split(matrix, rows);
    const int phase = static_cast<int>(matrix / p.groups);
    const I group = matrix % p.groups;
    const int tap = static_cast<int>(row / p.depth.value);
    const int c = static_cast<int>(row - tap * p.depth.value);
    T value{};
    const bool merged = p.own != p.filters;
    if (k < p.filters && c < p.channels && tap < counts[phase]) {
        const int source = merged ? sources[k / p.own * p.taps + tap]
                                  : taps[phase * p.taps + tap].source;
        const int filter = k % p.own;
        const I outer = p.transposed ? (group * p.channels + c) * p.own + filter
                                     : (group * p.own + filter) * p.channels + c;
        if (source >= 0) value = weight[outer * all_taps + source];
    }
    packed[flat] = value;
}

// Shares of sums, added in their order.
extern "C" __global__ void add_shares(
    const A* __restrict__ shares, const T* __restrict__ bias, O* __restrict__ y,
    long long total, Divisor area, Divisor filters, Convolution p) {
    const I flat = flat_thread();
    if (flat >= total) return;
    A sum = 0;
    for (int share = 0; share < p.splits; ++share)
        sum += shares[share * static_cast<I>(total) + flat];
    I plane = divided(flat, area);
    const int k = split(plane, filters);
    y[flat] = Rounded<O>::of(finished(sum, bias, k, p));
}
