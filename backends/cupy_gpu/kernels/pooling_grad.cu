// Pools on the way back: one thread per sample of the image, which gathers what its
// windows have for it; so nothing is added atomically.
#include "pooling.cuh"

// The signal that a p-norm's window hands to each of its samples, but for their slope.
__device__ inline A norm_share(A grad, A y, double power) {
    if (!(y > 0)) return 0;
    return power == 1 ? grad : grad * pow(y, static_cast<A>(1 - power));
}

// d|v|^p/dv, but for the factor p; of a zero the sign, 0, decides.
__device__ inline A norm_slope(A v, double power) {
    if (v == 0) return 0;
    const A size = v < 0 ? -v : v;
    const A slope = power == 1 ? static_cast<A>(1) : pow(size, static_cast<A>(power - 1));
    return v < 0 ? -slope : slope;
}

// Adjoint of the sum or mean; of a p-norm (power > 0) the gradient at x, whose value is
// y: both may be of a batch of one, `shared` of their planes serving every sample.
extern "C" __global__ void sum_pool_grad(
    const T* __restrict__ grad, const T* __restrict__ x, const T* __restrict__ y,
    T* __restrict__ image, long long total, Window w, int divisor, double power,
    long long shared) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const I plane = located(flat, w.size, at);
    const I area = volume(w.outputs);
    const I theirs = shared ? plane % static_cast<I>(shared) : plane;
    A sum = 0;
    for (int c = 0; c < taps(w, 0); ++c) {
        const int z = reader_of(w, 0, at[0], c);
        if (z < 0) continue;
        for (int b = 0; b < taps(w, 1); ++b) {
            const int row = reader_of(w, 1, at[1], b);
            if (row < 0) continue;
            for (int a = 0; a < taps(w, 2); ++a) {
                const int column = reader_of(w, 2, at[2], a);
                if (column < 0) continue;
                const int from[3] = {z, row, column};
                const I place = placed(w.outputs, z, row, column);
                A share = widened(grad[plane * area + place]);
                if (power > 0)
                    share = norm_share(share, widened(y[theirs * area + place]), power);
                if (divisor == INSIDE || divisor == PADDED)
                    share /= static_cast<A>(samples_of(w, from, divisor == PADDED));
                if (divisor == RESCALED) {
                    const A whole = static_cast<A>(taps(w, 0) * taps(w, 1) * taps(w, 2));
                    share = share * whole / static_cast<A>(samples_of(w, from, true));
                }
                sum += share;
            }
        }
    }
    if (power > 0) {
        const I own = flat - plane * volume(w.size);
        sum *= norm_slope(widened(x[theirs * volume(w.size) + own]), power);
    }
    image[flat] = Rounded<T>::of(sum);
}
