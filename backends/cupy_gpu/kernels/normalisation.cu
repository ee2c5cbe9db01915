// Local response normalisation across channels: a thread walks along the channels of
// one position and keeps the squares that its window holds.
//   y = x * (k + alpha/size * sum of x^2 over the window) ^ -beta
#include "prelude.cuh"

struct Neighbours {
    long long area;
    int channels, size, stretch;  // channels that one thread answers for
    int before, after;
    double scale, beta, k;        // scale = alpha / size
};
static_assert(sizeof(Neighbours) == 56, "normalisation.py packs the same struct");

// k + scale * sum of squares of channels c-before .. c+after
__device__ inline A base_of(const T* x, int c, const Neighbours& n, I area) {
    const int low = c - n.before < 0 ? 0 : c - n.before;
    const int high = c + n.after >= n.channels ? n.channels - 1 : c + n.after;
    A sum = 0;
    for (int i = low; i <= high; ++i) {
        const A v = widened(x[i * area]);
        sum += v * v;
    }
    return static_cast<A>(n.k) + static_cast<A>(n.scale) * sum;
}

__device__ inline A power_of(A base, double exponent) {
    if (exponent == -0.75) {  // AlexNet's: two roots are faster than a power
        const A root = sqrt(base);
        return 1 / (root * sqrt(root));
    }
    return pow(base, static_cast<A>(exponent));
}

struct Place {
    I start;  // channel 0 of the position
    int first, stop;
    bool exists;
};

// Threads are (sample, stretch of channels, position), positions side by side.
__device__ inline Place place_of(const Neighbours& n, long long total, Divisor area,
                                 Divisor stretches) {
    I flat = flat_thread();
    Place place{};
    place.exists = flat < total;
    if (!place.exists) return place;
    const int position = split(flat, area);
    const int stretch = split(flat, stretches);
    place.start = flat * n.channels * static_cast<I>(n.area) + position;
    place.first = stretch * n.stretch;
    const int stop = place.first + n.stretch;
    place.stop = stop < n.channels ? stop : n.channels;
    return place;
}

extern "C" __global__ void local_response_norm(
    const T* __restrict__ x, T* __restrict__ y, long long total, Divisor positions,
    Divisor stretches, Neighbours n) {
    const Place place = place_of(n, total, positions, stretches);
    if (!place.exists) return;
    const I area = static_cast<I>(n.area);
    const T* column = x + place.start;
#ifdef SIZE
    // The window's squares, in registers: each element is read once.
    constexpr int BEFORE = SIZE / 2, AFTER = (SIZE - 1) / 2;
    A squares[SIZE], values[AFTER + 1];
#pragma unroll
    for (int i = 0; i < SIZE; ++i) {
        const int c = place.first - BEFORE - 1 + i;
        const A v = c >= 0 && c < n.channels ? widened(column[c * area]) : A(0);
        squares[i] = v * v;
        if (i > BEFORE) values[i - BEFORE] = v;
    }
    for (int c = place.first; c < place.stop; ++c) {
        const int next = c + AFTER;
        const A v = next < n.channels ? widened(column[next * area]) : A(0);
        A sum = 0;
#pragma unroll
        for (int i = 0; i + 1 < SIZE; ++i) {
            squares[i] = squares[i + 1];
            sum += squares[i];
        }
        squares[SIZE - 1] = v * v;
        sum += squares[SIZE - 1];
#pragma unroll
        for (int i = 0; i < AFTER; ++i) values[i] = values[i + 1];
        values[AFTER] = v;
        const A base = static_cast<A>(n.k) + static_cast<A>(n.scale) * sum;
        y[place.start + c * area] = Rounded<T>::of(values[0] * power_of(base, -n.beta));
    }
#else
    for (int c = place.first; c < place.stop; ++c)
        y[place.start + c * area] = Rounded<T>::of(
            widened(column[c * area]) * power_of(base_of(column, c, n, area), -n.beta));
#endif
}

// On the way back, first what a channel has for its neighbours:
//   share = grad * x * base^(-beta-1)
// x may be of a batch of one; `period` is then its size.
extern "C" __global__ void local_response_share(
    const T* __restrict__ grad, const T* __restrict__ x, A* __restrict__ share,
    long long total, Divisor positions, Divisor stretches, Neighbours n,
    long long period) {
    const Place place = place_of(n, total, positions, stretches);
    if (!place.exists) return;
    const I area = static_cast<I>(n.area);
    const T* column = x + (period ? place.start % static_cast<I>(period) : place.start);
    for (int c = place.first; c < place.stop; ++c) {
        const A base = base_of(column, c, n, area);
        share[place.start + c * area] = widened(grad[place.start + c * area]) *
                                        widened(column[c * area]) *
                                        pow(base, static_cast<A>(-n.beta - 1));
    }
}

// Then grad * base^-beta - 2*scale*beta * x * (sum of its neighbours' shares), the
// window with before and after exchanged.
extern "C" __global__ void local_response_norm_grad(
    const T* __restrict__ grad, const T* __restrict__ x, const A* __restrict__ share,
    T* __restrict__ result, long long total, Divisor positions, Divisor stretches,
    Neighbours n, long long period) {
    const Place place = place_of(n, total, positions, stretches);
    if (!place.exists) return;
    const I area = static_cast<I>(n.area);
    const T* column = x + (period ? place.start % static_cast<I>(period) : place.start);
    for (int c = place.first; c < place.stop; ++c) {
        const int low = c - n.after < 0 ? 0 : c - n.after;
        const int high = c + n.before >= n.channels ? n.channels - 1 : c + n.before;
        A sum = 0;
        for (int i = low; i <= high; ++i) sum += share[place.start + i * area];
        const I at = place.start + c * area;
        const A kept = widened(grad[at]) * power_of(base_of(column, c, n, area), -n.beta);
        const A factor = static_cast<A>(2 * n.scale * n.beta);
        result[at] = Rounded<T>::of(kept - factor * widened(column[c * area]) * sum);
    }
}
