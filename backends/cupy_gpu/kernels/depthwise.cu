// One filter per channel: a block stays in one plane, its weights in registers.
//   y (planes*multiplier, outputs) <- x (planes, size)
#include "window.cuh"

constexpr int EACH = 4;  // results of a thread

extern "C" __global__ void depthwise(
    const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
    const T* __restrict__ where, T* __restrict__ y, Divisor blocks, Divisor filters, int multiplier, double low,
    double high, Window w) {
    constexpr int kernel[3] = KERNEL;
    constexpr int TAPS = kernel[0] * kernel[1] * kernel[2];
    I plane = static_cast<I>(blockIdx.x);
    const int block = split(plane, blocks);
    I image = plane;
    const int filter = split(image, filters);
    const T* source = x + (plane / multiplier) * volume(w.size);
    A own[TAPS];
#pragma unroll
    for (int t = 0; t < TAPS; ++t) own[t] = widened(weight[static_cast<I>(filter) * TAPS + t]);
    const A start = bias == nullptr ? A(0) : A(widened(bias[filter]));
    const I results = volume(w.outputs);
#pragma unroll
    for (int e = 0; e < EACH; ++e) {
        I flat = (static_cast<I>(block) * EACH + e) * blockDim.x + threadIdx.x;
        if (flat >= results) break;
        const I result = plane * results + flat;
        int at[3];
        located(flat, w.outputs, at);
        A sum = 0;
#pragma unroll
        for (int c = 0; c < kernel[0]; ++c) {
            const int z = start_of(w, 0, at[0]) + c * dilation_of(w, 0);
            if (!inside(z, w.size[0])) continue;
#pragma unroll
            for (int b = 0; b < kernel[1]; ++b) {
                const int row = start_of(w, 1, at[1]) + b * dilation_of(w, 1);
                if (!inside(row, w.size[1])) continue;
#pragma unroll
                for (int a = 0; a < kernel[2]; ++a) {
                    const int column = start_of(w, 2, at[2]) + a * dilation_of(w, 2);
                    if (!inside(column, w.size[2])) continue;
                    sum += own[(c * kernel[1] + b) * kernel[2] + a] *
                           widened(source[placed(w.size, z, row, column)]);
                }
            }
        }
        sum += start;
        if (sum < static_cast<A>(low)) sum = static_cast<A>(low);  // NaN stays
        if (sum > static_cast<A>(high)) sum = static_cast<A>(high);
        y[result] = Rounded<T>::of(let_through(sum, where, result));
    }
}
