// A thread per result, which goes through its taps and channels: for groups so narrow
// that a product of matrices would be mostly padding.
#include "convolution.cuh"

extern "C" __global__ void direct(
    const T* __restrict__ x, const T* __restrict__ weight, const T* __restrict__ bias,
    const T* __restrict__ where, O* __restrict__ y, const Tap* __restrict__ taps, const int* __restrict__ counts,
    long long total, Divisor area, Divisor filters, int all_taps, Convolution p) {
    const I flat = flat_thread();
    if (flat >= total) return;
    I plane = flat;
    int place = split(plane, area);
    const int filter = split(plane, filters);
    const I image = plane;
    Column column;
    int phase = 0, at[3];
    for (int axis = 2; axis >= 0; --axis) {
        at[axis] = place % p.outputs[axis];
        place /= p.outputs[axis];
    }
    for (int axis = 0; axis < 3; ++axis) {
        column.q[axis] = at[axis] / p.phases[axis];
        phase = phase * p.phases[axis] + at[axis] % p.phases[axis];
    }
    const int group = filter / p.filters, k = filter % p.filters;
    const I plane_size = area_of(p.size);
    const T* source = x + (image * p.groups + group) * p.channels * plane_size;
    const I outer = p.transposed ? static_cast<I>(group) * p.channels * p.filters + k
                                 : static_cast<I>(filter) * p.channels;
    const I between = p.transposed ? p.filters : 1;  // channels of the weight
    A sum = 0;
    for (int t = 0; t < counts[phase]; ++t) {
        const Tap tap = taps[phase * p.taps + t];
        const I from = read_by(tap, column, p);
        if (from < 0) continue;
        for (int c = 0; c < p.channels; ++c)
            sum += widened(weight[(outer + c * between) * all_taps + tap.source]) *
                   widened(source[c * plane_size + from]);
    }
    y[flat] = Rounded<O>::of(let_through(finished(sum, bias, filter, p), where, flat));
}
