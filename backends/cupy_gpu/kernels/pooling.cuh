// Sums over windows: what they are divided by, and powers for p-norms.
#pragma once
#include "window.cuh"

// Taps of output `at` inside the image, or inside image and padding.
__device__ inline int taps_within(const Window& w, int axis, int at, bool padded) {
    const int low = padded ? -w.begin[axis] : 0;
    const int high = static_cast<int>(w.size[axis].value) + (padded ? w.end[axis] : 0);
    int count = 0;
    for (int a = 0; a < taps(w, axis); ++a) {
        const int place = start_of(w, axis, at) + a * dilation_of(w, axis);
        count += place >= low && place < high;
    }
    return count;
}

__device__ inline long long samples_of(const Window& w, const int (&at)[3], bool padded) {
    long long count = 1;
    for (int axis = 0; axis < 3; ++axis) count *= taps_within(w, axis, at[axis], padded);
    return count;
}

// What a window's sum is divided by or, of a p-norm, multiplied with.
enum { PLAIN = 0, INSIDE = 1, PADDED = 2, RESCALED = 3 };

// |v|^p and its inverse; power 0 stands for the plain sum.
__device__ inline A raised(A v, double power) {
    if (power == 0) return v;
    const A size = v < 0 ? -v : v;
    if (power == 1) return size;
    if (power == 2) return size * size;
#ifdef WHOLE
    return size;
#else
    return pow(size, static_cast<A>(power));
#endif
}

__device__ inline A rooted(A total, double power) {
#ifdef WHOLE
    return total;
#else
    if (power == 0 || power == 1) return total;
    return power == 2 ? sqrt(total) : pow(total, static_cast<A>(1 / power));
#endif
}
