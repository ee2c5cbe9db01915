// Upsampling: where an output reads is worked out in float64, as on the host.
#include "window.cuh"

struct Scales {
    Divisor size[3], outputs[3];
    double scale[3];
    int linear[3];  // whether the axis is interpolated and not only copied
};
static_assert(sizeof(Scales) == 136, "resampling.py packs the same struct");

struct Source {
    int low, high;
    double weight;  // of `high`
};

__device__ inline Source source_of(const Scales& s, int axis, int output) {
    const int last = static_cast<int>(s.size[axis].value) - 1;
    if (!s.linear[axis]) {
        const int at = static_cast<int>(floor(output / s.scale[axis]));
        return {at < last ? at : last, 0, 0};
    }
    const double exact = (output + 0.5) / s.scale[axis] - 0.5;
    const double position = exact > 0 ? exact : 0;
    const int low = static_cast<int>(position) < last ? static_cast<int>(position) : last;
    return {low, low < last ? low + 1 : last, position - low};
}

extern "C" __global__ void upsample(
    const T* __restrict__ x, T* __restrict__ y, long long total, Scales s, int copies) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const T* image = x + located(flat, s.outputs, at) * volume(s.size);
    const Source zs = source_of(s, 0, at[0]), ys = source_of(s, 1, at[1]);
    const Source xs = source_of(s, 2, at[2]);
    if (copies) {
        y[flat] = image[placed(s.size, zs.low, ys.low, xs.low)];
        return;
    }
    A sum = 0;
    for (int corner = 0; corner < 8; ++corner) {
        const double weight = (corner & 4 ? zs.weight : 1 - zs.weight) *
                              (corner & 2 ? ys.weight : 1 - ys.weight) *
                              (corner & 1 ? xs.weight : 1 - xs.weight);
        if (weight == 0) continue;
        sum += static_cast<A>(weight) *
               widened(image[placed(s.size, corner & 4 ? zs.high : zs.low,
                                    corner & 2 ? ys.high : ys.low,
                                    corner & 1 ? xs.high : xs.low)]);
    }
    y[flat] = Rounded<T>::of(sum);
}

// What an output has for the sample at `at`, along an axis.
__device__ inline double share_of(const Scales& s, int axis, int output, int at) {
    const Source source = source_of(s, axis, output);
    return (source.low == at ? 1 - source.weight : 0) +
           (source.weight != 0 && source.high == at ? source.weight : 0);
}

// The outputs that may read sample `at`: a little more than those that do.
__device__ inline void near_of(const Scales& s, int axis, int at, int& first, int& stop) {
    const double scale = s.scale[axis];
    const double low = floor((at - 1.0) * scale) - 2, high = (at + 2.0) * scale + 2;
    const int last = static_cast<int>(s.outputs[axis].value);
    first = low > 0 ? static_cast<int>(low) : 0;
    stop = high < last ? static_cast<int>(high) + 1 : last;
    if (stop > last || at == static_cast<int>(s.size[axis].value) - 1) stop = last;
}

extern "C" __global__ void upsample_grad(
    const T* __restrict__ grad, T* __restrict__ image, long long total, Scales s) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3], first[3], stop[3];
    const T* signal = grad + located(flat, s.size, at) * volume(s.outputs);
    for (int axis = 0; axis < 3; ++axis)
        near_of(s, axis, at[axis], first[axis], stop[axis]);
    A sum = 0;
    for (int z = first[0]; z < stop[0]; ++z) {
        const double deep = share_of(s, 0, z, at[0]);
        if (deep == 0) continue;
        for (int row = first[1]; row < stop[1]; ++row) {
            const double down = deep * share_of(s, 1, row, at[1]);
            if (down == 0) continue;
            for (int column = first[2]; column < stop[2]; ++column) {
                const double weight = down * share_of(s, 2, column, at[2]);
                if (weight == 0) continue;
                sum += static_cast<A>(weight) *
                       widened(signal[placed(s.outputs, z, row, column)]);
            }
        }
    }
    image[flat] = Rounded<T>::of(sum);
}
