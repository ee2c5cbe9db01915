// Scattering by switches, and its gradient, the same in every run: no sum depends on
// the order of atomic operations.
//
// A block has one tile of one plane in shared memory and goes through the plane's
// pooled values in C order, a chunk at a time. First each place finds the one value that
// it may have; where windows do not overlap that is all. Else, of the values of a chunk
// that meet at one place, the first is let in, then the next, until none is left: as
// many rounds as values meet.
#include "prelude.cuh"

// What becomes of values that meet.
enum { SUM = 0, ASSIGN = 1, FIRST = 2, MAX = 3, MEAN = 4 };

struct Planes {
    long long area;    // of a plane
    long long pooled;  // values of a plane
    long long shared;  // planes of switches that serve every sample; 0: each has its own
    long long tiles;   // of a plane
    int tile;          // places of one
    int chunks;        // of a plane's values
    int rule, unused;
};
static_assert(sizeof(Planes) == 48, "switches.py packs the same struct");

// Which chunks of values can reach a tile: the smallest and largest switch of each.
extern "C" __global__ void spans(
    const long long* __restrict__ switches, I* __restrict__ found, Planes p) {
    __shared__ I low, high;
    const I plane = static_cast<I>(blockIdx.x) / p.chunks;
    const I place = (static_cast<I>(blockIdx.x) % p.chunks) * blockDim.x + threadIdx.x;
    if (threadIdx.x == 0) {
        low = static_cast<I>(p.area);
        high = -1;
    }
    __syncthreads();
    if (place < p.pooled) {
        const I at = static_cast<I>(switches[plane * p.pooled + place]);
        atomicMin(&low, at);
        atomicMax(&high, at);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        found[2 * static_cast<I>(blockIdx.x)] = low;
        found[2 * static_cast<I>(blockIdx.x) + 1] = high;
    }
}

// A tile in shared memory: what is there, who came there last, and one number more.
struct Tile {
    A* sum;
    I* owner;
    I* count;  // values that came, or which of them stayed
    I first, places;
};

__device__ inline Tile tile_of(const Planes& p, A* memory) {
    const I number = static_cast<I>(blockIdx.x) % p.tiles;
    Tile tile;
    tile.sum = memory;
    tile.owner = reinterpret_cast<I*>(memory + p.tile);
    tile.count = tile.owner + p.tile;
    tile.first = number * p.tile;
    const I left = static_cast<I>(p.area) - tile.first;
    tile.places = left < p.tile ? left : p.tile;
    return tile;
}

__device__ inline I nobody() { return static_cast<I>(0x7fffffff); }

// Where in the tile a value goes; -1 elsewhere.
__device__ inline I target_of(const long long* at, I place, const Planes& p, const Tile& t) {
    if (place >= p.pooled) return -1;
    const long long into = at[place] - t.first;
    return into >= 0 && into < t.places ? static_cast<I>(into) : -1;
}

__device__ inline bool reaches(const I* spans, I chunk, const Tile& t) {
    return spans == nullptr ||
           (spans[2 * chunk] < t.first + t.places && spans[2 * chunk + 1] >= t.first);
}

// Whose value is at each place, if every place is met by one value at most: then, and
// for rules that keep one of several, `owner` tells all. No round and no barrier between
// chunks, so that their loads overlap.
__device__ inline bool own(const long long* at, const I* spans, const Planes& p, const Tile& t) {
    const bool last = p.rule == ASSIGN;
    for (I i = threadIdx.x; i < t.places; i += blockDim.x) t.owner[i] = last ? -1 : nobody();
    __syncthreads();
    bool meet = false;
    for (I chunk = 0; chunk < p.chunks; ++chunk) {
        if (!reaches(spans, chunk, t)) continue;
        const I place = chunk * blockDim.x + threadIdx.x;
        const I target = target_of(at, place, p, t);
        if (target < 0) continue;
        const I before = last ? atomicMax(&t.owner[target], place)
                              : atomicMin(&t.owner[target], place);
        meet = meet || before != (last ? -1 : nobody());
    }
    const bool keeps_one = last || p.rule == FIRST;
    return __syncthreads_or(meet) == 0 || keeps_one;
}

// Lets every value in, one after the other where they meet; afterwards `sum` and
// `count` tell what is at each place.
__device__ inline void fill(
    const T* values, const long long* at, const I* spans, const Planes& p, const Tile& t) {
    for (I i = threadIdx.x; i < t.places; i += blockDim.x) {
        t.sum[i] = 0;
        t.owner[i] = nobody();
        t.count[i] = 0;
    }
    __syncthreads();
    for (I chunk = 0; chunk < p.chunks; ++chunk) {
        if (!reaches(spans, chunk, t)) continue;
        const I place = chunk * blockDim.x + threadIdx.x;
        const I target = target_of(at, place, p, t);
        bool waiting = target >= 0;
        const A value = waiting ? widened(values[place]) : A(0);
        do {
            if (waiting) atomicMin(&t.owner[target], place);
            __syncthreads();
            const bool next = waiting && t.owner[target] == place;
            __syncthreads();
            if (next) {
                const I before = t.count[target];
                const A best = t.sum[target];
                if (p.rule != MAX) {
                    t.sum[target] = best + value;
                    t.count[target] = before + 1;
                } else if (before == 0 || value > best || (value != value && best == best)) {
                    t.sum[target] = value;
                    t.count[target] = place + 1;
                }
                t.owner[target] = nobody();
                waiting = false;
            }
        } while (__syncthreads_or(waiting));
    }
    __syncthreads();
}

extern "C" __global__ void scatter(
    const T* __restrict__ values, const long long* __restrict__ switches,
    const I* __restrict__ spans, const T* __restrict__ where, O* __restrict__ image,
    Planes p) {
    DYNAMIC_SHARED(A, memory);
    const Tile t = tile_of(p, memory);
    const I plane = static_cast<I>(blockIdx.x) / p.tiles;
    const I theirs = p.shared ? plane % static_cast<I>(p.shared) : plane;
    const T* mine = values + plane * p.pooled;
    const long long* at = switches + theirs * p.pooled;
    const I* near = spans == nullptr ? nullptr : spans + 2 * theirs * p.chunks;
    const bool alone = own(at, near, p, t);
    if (!alone) fill(mine, at, near, p, t);
    const I start = plane * static_cast<I>(p.area) + t.first;
    for (I i = threadIdx.x; i < t.places; i += blockDim.x) {
        A value = 0;
        if (alone) {
            const bool some = t.owner[i] != (p.rule == ASSIGN ? -1 : nobody());
            if (some) value = widened(mine[t.owner[i]]);
        } else if (p.rule == MEAN) {
            value = t.sum[i] / static_cast<A>(t.count[i] ? t.count[i] : 1);
        } else {
            value = t.sum[i];
        }
        image[start + i] = Rounded<O>::of(let_through(value, where, start + i));
    }
}

// A value that another one replaced has had no part, and gets 0.
extern "C" __global__ void scatter_grad(
    const T* __restrict__ grad, const T* __restrict__ values,
    const long long* __restrict__ switches, const I* __restrict__ spans,
    T* __restrict__ result, Planes p) {
    DYNAMIC_SHARED(A, memory);
    const Tile t = tile_of(p, memory);
    const I plane = static_cast<I>(blockIdx.x) / p.tiles;
    const I theirs = p.shared ? plane % static_cast<I>(p.shared) : plane;
    const long long* at = switches + theirs * p.pooled;
    const I* near = spans == nullptr ? nullptr : spans + 2 * theirs * p.chunks;
    const bool alone = own(at, near, p, t);
    if (!alone) fill(values + plane * p.pooled, at, near, p, t);
    const T* signal = grad + plane * p.area + t.first;
    T* mine = result + plane * p.pooled;
    for (I chunk = 0; chunk < p.chunks; ++chunk) {
        const I place = chunk * blockDim.x + threadIdx.x;
        if (place >= p.pooled) continue;
        if (t.first == 0 && (at[place] < 0 || at[place] >= p.area)) mine[place] = T{};
        const I target = target_of(at, place, p, t);
        if (target < 0) continue;
        const T taken = signal[target];
        if (alone) {
            mine[place] = t.owner[target] == place ? taken : T{};
        } else if (p.rule == MEAN) {
#ifdef WHOLE
            const double share =
                static_cast<double>(taken) / static_cast<double>(t.count[target]);
            mine[place] = static_cast<T>(share);
#else
            mine[place] = Rounded<T>::of(widened(taken) / static_cast<A>(t.count[target]));
#endif
        } else {
            mine[place] = t.count[target] - 1 == place ? taken : T{};
        }
    }
}

// Values of planes x at the switches; either may be of a batch of one.
extern "C" __global__ void gather(
    const T* __restrict__ x, const long long* __restrict__ switches, T* __restrict__ y,
    long long total, Divisor pooled, long long area, long long planes,
    long long places) {
    const I flat = flat_thread();
    if (flat >= total) return;
    const I plane = divided(flat, pooled);
    const I rest = flat - plane * static_cast<I>(pooled.value);
    const I from = planes ? plane % static_cast<I>(planes) : plane;
    const I by = places ? plane % static_cast<I>(places) : plane;
    const long long at = switches[by * static_cast<I>(pooled.value) + rest];
    y[flat] = at >= 0 && at < area ? x[from * static_cast<I>(area) + at] : T{};
}
