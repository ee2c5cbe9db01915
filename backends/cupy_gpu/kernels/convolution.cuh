// One problem for convolutions, their input gradients and transposed convolutions:
//
//   y[n, k, q*phases + phase]  =  sum over taps t of the phase and channels c of
//                                 w[t, c, k] * x[n, c, q*step + at(t)]
//
// A convolution has one phase, and its stride is the step. An input gradient has as
// many phases as the stride: results that are a stride apart see the same taps. Where
// it has few filters, phases are merged: each phase's filters are filters of one
// product, over the taps of all phases.
#pragma once
#include "prelude.cuh"

struct Convolution {
    Divisor positions[3];  // of one phase, per axis
    Divisor depth;         // packed rows of a tap
    long long total;       // positions of all images
    double low, high;      // bounds of the result
    int size[3], outputs[3], step[3], phases[3];
    int channels, filters, groups;  // of a group; of a group; how many
    int own;                        // filters of a phase, where phases are merged
    int taps;                       // of the phase with most of them
    int width, rows;                // of a packed matrix
    int splits;                     // shares that its rows are summed in
    int transposed;                 // whether the weight is (channels, filters, taps)
    int unused;
};
static_assert(sizeof(Convolution) == 176, "problem.py packs the same struct");

struct Tap {
    int at[3];
    int source;  // its number in the weight
};

// Four neighbours that are moved together.
template <class V>
struct alignas(sizeof(V) * 4 > 16 ? 16 : sizeof(V) * 4) Quad {
    V v[4];
};

__device__ inline I area_of(const int (&size)[3]) {
    return static_cast<I>(size[0]) * size[1] * size[2];
}

__device__ inline int phase_count(const Convolution& p) {
    return p.phases[0] * p.phases[1] * p.phases[2];
}

__device__ inline void phase_offsets(const Convolution& p, int phase, int (&offset)[3]) {
    offset[2] = phase % p.phases[2];
    phase /= p.phases[2];
    offset[1] = phase % p.phases[1];
    offset[0] = phase / p.phases[1];
}

// A column of the product: one position of one image.
struct Column {
    I image;
    int q[3];
};

__device__ inline Column column_of(I number, const Convolution& p) {
    Column column;
    for (int axis = 2; axis >= 0; --axis) column.q[axis] = split(number, p.positions[axis]);
    column.image = number;
    return column;
}

// Where x is read by a tap, from the start of a plane; -1 beside the image.
__device__ inline I read_by(const Tap& tap, const Column& column, const Convolution& p) {
    I place = 0;
    for (int axis = 0; axis < 3; ++axis) {
        const int at = column.q[axis] * p.step[axis] + tap.at[axis];
        if (static_cast<unsigned>(at) >= static_cast<unsigned>(p.size[axis])) return -1;
        place = place * p.size[axis] + at;
    }
    return place;
}

// Where a column's result lies in its plane; -1 where the phase is shorter.
__device__ inline I result_of(const Column& column, const int (&offset)[3],
                              const Convolution& p) {
    I place = 0;
    for (int axis = 0; axis < 3; ++axis) {
        const int at = column.q[axis] * p.phases[axis] + offset[axis];
        if (at >= p.outputs[axis]) return -1;
        place = place * p.outputs[axis] + at;
    }
    return place;
}

__device__ inline A finished(A sum, const T* bias, int filter, const Convolution& p) {
    if (bias != nullptr) sum += widened(bias[filter]);
#ifndef WHOLE
    const A low = static_cast<A>(p.low), high = static_cast<A>(p.high);
    if (sum < low) sum = low;  // NaN stays
    if (sum > high) sum = high;
#endif
    return sum;
}
