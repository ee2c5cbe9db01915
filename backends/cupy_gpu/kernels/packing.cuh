// Weights as the products read them: a matrix per phase and group,
//   packed (phases, groups, rows = taps*depth, width >= filters)
// with zeros where a tile reaches beyond the weight. Where phases are merged, `sources`
// says which tap of the weight a phase has at a tap of all, -1 for none.
#pragma once
#include "convolution.cuh"

struct Packing {
    const int *counts, *sources;
    const Tap* taps;
    int all_taps;
};

// What matrix number `matrix` has in a row, for filter k.
__device__ inline T entry_of(
    const T* weight, I matrix, int row, int k, const Packing& from, const Convolution& p) {
    const int phase = static_cast<int>(matrix / p.groups);
    const I group = matrix % p.groups;
    const int tap = static_cast<int>(row / p.depth.value);
    const int c = static_cast<int>(row - tap * p.depth.value);
    if (k >= p.filters || c >= p.channels || tap >= from.counts[phase]) return T{};
    const int source = p.own != p.filters ? from.sources[k / p.own * p.taps + tap]
                                          : from.taps[phase * p.taps + tap].source;
    if (source < 0) return T{};
    const int filter = k % p.own;
    const I outer = p.transposed ? (group * p.channels + c) * p.own + filter
                                 : (group * p.own + filter) * p.channels + c;
    return weight[outer * from.all_taps + source];
}
