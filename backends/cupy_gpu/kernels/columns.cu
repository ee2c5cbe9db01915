// A convolution's windows as the columns of a matrix, and back.
//   columns (planes, taps, outputs)  <-  x (planes, size)
#include "window.cuh"

extern "C" __global__ void im2col(
    const T* __restrict__ x, T* __restrict__ columns, long long total, Window w) {
    I flat = flat_thread();
    if (flat >= total) return;
    const I own = flat;
    int at[3];
    I rest = located(flat, w.outputs, at);
    int place[3];
    bool within = true;
    for (int axis = 2; axis >= 0; --axis) {
        const int tap = static_cast<int>(rest % taps(w, axis));
        rest /= taps(w, axis);
        place[axis] = start_of(w, axis, at[axis]) + tap * dilation_of(w, axis);
        within = within && inside(place[axis], w.size[axis]);
    }
    const I from = rest * volume(w.size);
    columns[own] = within ? x[from + placed(w.size, place[0], place[1], place[2])] : T{};
}

// Each sample of the image sums what was read from it: the adjoint.
extern "C" __global__ void col2im(
    const T* __restrict__ columns, O* __restrict__ image, long long total, Window w) {
    const I flat = flat_thread();
    if (flat >= total) return;
    int at[3];
    const I plane = located(flat, w.size, at);
    const I area = volume(w.outputs);
    const int count = taps(w, 0) * taps(w, 1) * taps(w, 2);
    const T* mine = columns + plane * count * area;
    A sum = 0;
#pragma unroll
    for (int c = 0; c < taps(w, 0); ++c) {
        const int z = reader_of(w, 0, at[0], c);
        if (z < 0) continue;
#pragma unroll
        for (int b = 0; b < taps(w, 1); ++b) {
            const int row = reader_of(w, 1, at[1], b);
            if (row < 0) continue;
#pragma unroll
            for (int a = 0; a < taps(w, 2); ++a) {
                const int column = reader_of(w, 2, at[2], a);
                if (column < 0) continue;
                const int tap = (c * taps(w, 1) + b) * taps(w, 2) + a;
                const I place = placed(w.outputs, z, row, column);
                sum += widened(mine[tap * area + place]);
            }
        }
    }
    image[flat] = Rounded<O>::of(sum);
}
