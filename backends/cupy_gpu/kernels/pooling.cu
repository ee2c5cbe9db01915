// Pools: one thread per output.
#include "pooling.cuh"

// Largest value of each window and where it stands in the plane; the first of equals,
// NaN above all. y, switches (planes, outputs) <- x (planes, size)
extern "C" __global__ void max_pool(
    const T* __restrict__ x, T* __restrict__ y, long long* __restrict__ switches,
    long long total, Window w) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const I plane = located(flat, w.outputs, at);
    const T* image = x + plane * volume(w.size);
    A best = 0;
    T kept{};
    I winner = -1;
    const int z0 = start_of(w, 0, at[0]), y0 = start_of(w, 1, at[1]);
    const int x0 = start_of(w, 2, at[2]);
#pragma unroll
    for (int c = 0; c < taps(w, 0); ++c) {
        const int z = z0 + c * dilation_of(w, 0);
        if (!inside(z, w.size[0])) continue;
#pragma unroll
        for (int b = 0; b < taps(w, 1); ++b) {
            const int row = y0 + b * dilation_of(w, 1);
            if (!inside(row, w.size[1])) continue;
#pragma unroll
            for (int a = 0; a < taps(w, 2); ++a) {
                const int column = x0 + a * dilation_of(w, 2);
                if (!inside(column, w.size[2])) continue;
                const I place = placed(w.size, z, row, column);
                const T found = image[place];
                const A value = widened(found);
                // "not <=" lets a NaN in, "best == best" lets none be replaced
                if (winner < 0 || (!(value <= best) && best == best)) {
                    best = value;
                    kept = found;
                    winner = place;
                }
            }
        }
    }
    y[flat] = kept;
    switches[flat] = winner;
}

// Sum of each window, or its mean, or its p-norm.
extern "C" __global__ void sum_pool(
    const T* __restrict__ x, O* __restrict__ y, long long total, Window w, int divisor,
    double power) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const I plane = located(flat, w.outputs, at);
    const T* image = x + plane * volume(w.size);
    A sum = 0;
    for (int c = 0; c < taps(w, 0); ++c) {
        const int z = start_of(w, 0, at[0]) + c * dilation_of(w, 0);
        if (!inside(z, w.size[0])) continue;
        for (int b = 0; b < taps(w, 1); ++b) {
            const int row = start_of(w, 1, at[1]) + b * dilation_of(w, 1);
            if (!inside(row, w.size[1])) continue;
#pragma unroll
            for (int a = 0; a < taps(w, 2); ++a) {
                const int column = start_of(w, 2, at[2]) + a * dilation_of(w, 2);
                if (!inside(column, w.size[2])) continue;
                sum += raised(widened(image[placed(w.size, z, row, column)]), power);
            }
        }
    }
    if (divisor == INSIDE || divisor == PADDED)
        sum /= static_cast<A>(samples_of(w, at, divisor == PADDED));
    if (divisor == RESCALED) {
        const A whole = static_cast<A>(taps(w, 0) * taps(w, 1) * taps(w, 2));
        sum = sum * whole / static_cast<A>(samples_of(w, at, true));
    }
    y[flat] = Rounded<O>::of(rooted(sum, power));
}
