// A sliding window over three axes; those that are not there come first, of size 1.
//   tap a of output o reads the input at   o*stride - begin + a*dilation
#pragma once
#include "prelude.cuh"

struct Window {
    Divisor size[3], outputs[3];
    int kernel[3], stride[3], begin[3], end[3], dilation[3];
};
static_assert(sizeof(Window) == 160, "geometry.py packs the same struct");

// Where the host fixes them, loops over taps unroll and divisions become products.
#ifdef KERNEL
__device__ inline int taps(const Window&, int axis) {
    constexpr int fixed[3] = KERNEL;
    return fixed[axis];
}
__device__ inline int stride_of(const Window&, int axis) {
    constexpr int fixed[3] = STRIDE;
    return fixed[axis];
}
__device__ inline int dilation_of(const Window&, int axis) {
    constexpr int fixed[3] = DILATION;
    return fixed[axis];
}
#else
__device__ inline int taps(const Window& w, int axis) { return w.kernel[axis]; }
__device__ inline int stride_of(const Window& w, int axis) { return w.stride[axis]; }
__device__ inline int dilation_of(const Window& w, int axis) { return w.dilation[axis]; }
#endif

__device__ inline I volume(const Divisor (&size)[3]) {
    return static_cast<I>(size[0].value * size[1].value * size[2].value);
}

// (plane, z, y, x) of a flat index into planes of this size; returns the plane.
__device__ inline I located(I flat, const Divisor (&size)[3], int (&at)[3]) {
    for (int axis = 2; axis >= 0; --axis) at[axis] = split(flat, size[axis]);
    return flat;
}

// Position of output `at`'s first tap along an axis.
__device__ inline int start_of(const Window& w, int axis, int at) {
    return at * stride_of(w, axis) - w.begin[axis];
}

// The output whose tap `tap` reads position `at`; -1 if there is none.
__device__ inline int reader_of(const Window& w, int axis, int at, int tap) {
    const int from = at + w.begin[axis] - tap * dilation_of(w, axis);
    const int stride = stride_of(w, axis);
    if (from < 0 || from % stride != 0) return -1;
    const int output = from / stride;
    return output < static_cast<int>(w.outputs[axis].value) ? output : -1;
}

__device__ inline bool inside(int at, const Divisor& size) {
    return static_cast<unsigned>(at) < static_cast<unsigned>(size.value);
}

// Flat index of a place in a plane of this size.
__device__ inline I placed(const Divisor (&size)[3], int z, int y, int x) {
    return (z * static_cast<I>(size[1].value) + y) * static_cast<I>(size[2].value) + x;
}
