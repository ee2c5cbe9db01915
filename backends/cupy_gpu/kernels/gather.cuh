// How a block's threads fetch a tile of x's columns, which no memory ever holds whole:
//   tile (DEPTH rows = taps and channels, WIDE columns = positions)
// Each thread stays in one column, so its position is worked out once.
//   BY_CHANNEL  a tap's rows fill whole tiles, so that a tile has one tap
#pragma once
#include "convolution.cuh"

struct Gathering {
    const T* images;
    const Tap* taps;
    Column column;
    I area, from;  // of a plane; where the current tap reads
    int count, tap, channel;
};

__device__ inline Gathering gathering(
    const T* x, const Tap* taps, const int* counts, I number, int group, int phase,
    const Convolution& p) {
    Gathering g;
    g.area = area_of(p.size);
    const bool exists = number < p.total;
    g.column = column_of(exists ? number : I(0), p);
    g.images = x + (g.column.image * p.groups + group) * p.channels * g.area;
    g.taps = taps + phase * p.taps;
    g.count = exists ? counts[phase] : 0;  // of no column, no taps
    g.tap = -1;
    g.channel = 0;
    g.from = -1;
    return g;
}

// Tells that rows from `row` on come next.
__device__ inline void turn_to(Gathering& g, int row, const Convolution& p) {
#ifdef BY_CHANNEL
    const int tap = divided(row, p.depth);
    g.channel = row - tap * static_cast<int>(p.depth.value);
    if (tap == g.tap) return;
    g.tap = tap;
    g.from = tap < g.count ? read_by(g.taps[tap], g.column, p) : I(-1);
#else
    g.channel = row;
#endif
}

// The value in a row of the tile that was turned to, 0 beside the image.
__device__ inline T fetched(const Gathering& g, int row, const Convolution& p) {
#ifdef BY_CHANNEL
    const int channel = g.channel + row;
    if (g.from < 0 || channel >= p.channels) return T{};
    return g.images[channel * g.area + g.from];
#else
    const int number = g.channel + row;
    const int tap = divided(number, p.depth);
    const int channel = number - tap * static_cast<int>(p.depth.value);
    if (tap >= g.count) return T{};
    const I from = read_by(g.taps[tap], g.column, p);
    return from < 0 ? T{} : g.images[channel * g.area + from];
#endif
}

// What a block computes: filters from `filter` on, positions from `first` on.
struct Task {
    int filter, group, phase, share;
    I first;
    int begin, stop;  // tiles of rows
};

__device__ inline Task task_of(const Convolution& p, int high, int wide, int deep) {
    Task task;
    const int filters = p.width / high;
    task.filter = static_cast<int>(blockIdx.x % filters) * high;
    task.first = static_cast<I>(blockIdx.x / filters) * wide;
    int number = blockIdx.y;
    task.share = number % p.splits;
    number /= p.splits;
    task.group = number % p.groups;
    task.phase = number / p.groups;
    const int tiles = p.rows / deep;
    task.begin = static_cast<int>(static_cast<long long>(tiles) * task.share / p.splits);
    task.stop = static_cast<int>(static_cast<long long>(tiles) * (task.share + 1) / p.splits);
    return task;
}

// Where the block's columns of the packed matrix of its phase and group begin.
template <class V>
__device__ inline const V* matrix_of(
    const V* packed, const Task& task, int rows, const Convolution& p) {
    return packed + (static_cast<I>(task.phase) * p.groups + task.group) * rows * p.width +
           task.filter;
}

// Where results go: to y, or a share of their sum to be added up later. Where phases are
// merged, each of them has filters of its own, `own` of them.
struct Results {
    T* y;
    A* shares;
    const T *bias, *where;
    I planes, area;  // of an image; of a plane
    int offset[3], group;
    bool plain;  // neighbouring columns of an image are neighbours in y
};

__device__ inline Results results_of(
    T* y, A* shares, const T* bias, const T* where, const Task& task,
    const Convolution& p) {
    Results r;
    r.area = area_of(p.outputs);
    r.planes = static_cast<I>(p.groups) * p.own;
    r.y = y;
    r.bias = bias;
    r.where = where;
    r.shares = shares;
    r.group = task.group;
    if (shares != nullptr) {
        const I images = static_cast<I>(
            p.total / (p.positions[0].value * p.positions[1].value * p.positions[2].value));
        r.shares += task.share * images * r.planes * r.area;
    }
    phase_offsets(p, task.phase, r.offset);
    r.plain = phase_count(p) == 1;
    return r;
}

// Puts the sum of a column and filter where it belongs.
__device__ inline void put(
    Results& r, const Column& c, int filter, A sum, const Convolution& p) {
    int k = filter;
    if (p.own != p.filters) {
        phase_offsets(p, filter / p.own, r.offset);
        k = filter % p.own;
    }
    const I place = result_of(c, r.offset, p);
    if (place < 0) return;
    k += r.group * p.own;
    const I at = (c.image * r.planes + k) * r.area + place;
    if (r.shares != nullptr) r.shares[at] = sum;
    else r.y[at] = Rounded<T>::of(let_through(finished(sum, r.bias, k, p), r.where, at));
}
