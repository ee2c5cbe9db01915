// Activations: each as a function of x.
#pragma once
#include "prelude.cuh"

// activations.py names them in this order.
enum {
    RELU, LEAKY_RELU, CLIP, ELU, SIGMOID, TANH, SILU, GELU, GELU_TANH, HARD_SIGMOID,
    HARD_SWISH, SOFTPLUS, ERF
};

struct Options {
    double first, second;  // slope; low, high; alpha; beta, threshold
};

// NumPy's maximum and minimum: NaN stays.
template <class V>
__device__ inline V clipped(V x, V low, V high) {
    if (x < low) return low;
    return x > high ? high : x;
}

#ifdef WHOLE
__device__ inline A value_of(int name, A x, Options o) {
    if (name == RELU) return x < 0 ? 0 : x;
    // bounds need not be numbers that an integer can hold
    if (static_cast<double>(x) < o.first) return static_cast<A>(o.first);
    return static_cast<double>(x) > o.second ? static_cast<A>(o.second) : x;
}
#else
__device__ inline A sigmoid_of(A x) {
    const A small = exp(x < 0 ? x : -x);  // of a negative number: it cannot overflow
    return (x < 0 ? small : A(1)) / (1 + small);
}

__device__ inline A cdf_of(A x) { return (1 + erf(x / A(1.4142135623730951))) / 2; }
__device__ inline A pdf_of(A x) { return exp(-x * x / 2) / A(2.5066282746310002); }

constexpr double CUBIC_SCALE = 0.7978845608028654, CUBIC = 0.044715;
__device__ inline A tanh_of_cubic(A x) {
    return tanh(A(CUBIC_SCALE) * (x + A(CUBIC) * x * x * x));
}

__device__ inline A value_of(int name, A x, Options o) {
    const A first = static_cast<A>(o.first), second = static_cast<A>(o.second);
    switch (name) {
    case RELU: return x < 0 ? A(0) : x;
    case LEAKY_RELU: return x > 0 ? x : x * first;
    case CLIP: return clipped(x, first, second);
    case ELU: return x > 0 ? x : first * expm1(x);
    case SIGMOID: return sigmoid_of(x);
    case TANH: return tanh(x);
    case SILU: return x * sigmoid_of(x);
    case GELU: return x * cdf_of(x);
    case GELU_TANH: return x * ((1 + tanh_of_cubic(x)) / 2);
    case HARD_SIGMOID: return clipped(x + 3, A(0), A(6)) / 6;
    case HARD_SWISH: return x * clipped(x + 3, A(0), A(6)) / 6;
    case ERF: return erf(x);
    default: {
        const A z = x * first;
        return z > second ? x : log1p(exp(z)) / first;
    }
    }
}
#endif
