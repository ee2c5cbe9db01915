// Activations, and the bias that a product leaves to add: one thread per element.
#include "activations.cuh"

extern "C" __global__ void activation(
    const T* __restrict__ x, T* __restrict__ y, long long total, int name,
    Options options) {
    const I flat = flat_thread();
    if (flat >= total) return;
    y[flat] = Rounded<T>::of(value_of(name, widened(x[flat]), options));
}

// y += bias per channel, and kept between the bounds: what a product leaves to do.
extern "C" __global__ void add_bias(
    T* __restrict__ y, const T* __restrict__ bias, long long total, Divisor area,
    Divisor channels, double low, double high) {
    const I flat = flat_thread();
    if (flat >= total) return;
    I plane = divided(flat, area);
    const int c = split(plane, channels);
    A value = widened(y[flat]);
    if (bias != nullptr) value += widened(bias[c]);
#ifndef WHOLE
    value = clipped(value, static_cast<A>(low), static_cast<A>(high));
#endif
    y[flat] = Rounded<T>::of(value);
}
