// Adaptive pools: output i of an axis has the samples [i*L/O, ceil((i+1)*L/O)).
// Only size and outputs of the window are looked at.
#include "window.cuh"

struct Range {
    int first, stop;
};

__device__ inline Range cell_of(const Window& w, int axis, int at) {
    const long long length = w.size[axis].value, outputs = w.outputs[axis].value;
    return {static_cast<int>(at * length / outputs),
            static_cast<int>(((at + 1) * length + outputs - 1) / outputs)};
}

extern "C" __global__ void max_cells(
    const T* __restrict__ x, T* __restrict__ y, long long* __restrict__ switches,
    long long total, Window w) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const T* image = x + located(flat, w.outputs, at) * volume(w.size);
    const Range zs = cell_of(w, 0, at[0]), ys = cell_of(w, 1, at[1]);
    const Range xs = cell_of(w, 2, at[2]);
    A best = 0;
    T kept{};
    I winner = -1;
    for (int z = zs.first; z < zs.stop; ++z)
        for (int row = ys.first; row < ys.stop; ++row)
            for (int column = xs.first; column < xs.stop; ++column) {
                const I place = placed(w.size, z, row, column);
                const A value = widened(image[place]);
                if (winner < 0 || (!(value <= best) && best == best)) {
                    best = value;
                    kept = image[place];
                    winner = place;
                }
            }
    y[flat] = kept;
    switches[flat] = winner;
}

extern "C" __global__ void mean_cells(
    const T* __restrict__ x, O* __restrict__ y, long long total, Window w) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const T* image = x + located(flat, w.outputs, at) * volume(w.size);
    const Range zs = cell_of(w, 0, at[0]), ys = cell_of(w, 1, at[1]);
    const Range xs = cell_of(w, 2, at[2]);
    A sum = 0;
    for (int z = zs.first; z < zs.stop; ++z)
        for (int row = ys.first; row < ys.stop; ++row)
            for (int column = xs.first; column < xs.stop; ++column)
                sum += widened(image[placed(w.size, z, row, column)]);
    const A count = static_cast<A>((zs.stop - zs.first) * (ys.stop - ys.first) *
                                   (xs.stop - xs.first));
    y[flat] = Rounded<O>::of(sum / count);
}

// Cells that hold sample i begin with the one at floor(i*O/L) and end where a cell
// starts beyond it.
extern "C" __global__ void mean_cells_grad(
    const T* __restrict__ grad, T* __restrict__ image, long long total, Window w) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const T* signal = grad + located(flat, w.size, at) * volume(w.outputs);
    Range near[3];
    for (int axis = 0; axis < 3; ++axis) {
        const long long length = w.size[axis].value, outputs = w.outputs[axis].value;
        near[axis].first = static_cast<int>(at[axis] * outputs / length);
        near[axis].stop =
            static_cast<int>(((at[axis] + 1) * outputs + length - 1) / length);
    }
    A sum = 0;
    for (int z = near[0].first; z < near[0].stop; ++z)
        for (int row = near[1].first; row < near[1].stop; ++row)
            for (int column = near[2].first; column < near[2].stop; ++column) {
                const Range zs = cell_of(w, 0, z), ys = cell_of(w, 1, row);
                const Range xs = cell_of(w, 2, column);
                const A count = static_cast<A>((zs.stop - zs.first) *
                                               (ys.stop - ys.first) *
                                               (xs.stop - xs.first));
                sum += widened(signal[placed(w.outputs, z, row, column)]) / count;
            }
    image[flat] = Rounded<T>::of(sum);
}
