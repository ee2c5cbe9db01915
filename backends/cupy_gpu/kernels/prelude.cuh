// What every kernel starts from. The types are the host's choice.
#pragma once

#ifndef STAND_IN
#define DYNAMIC_SHARED(type, name)                              \
    extern __shared__ __align__(16) unsigned char name##_bytes[]; \
    type* name = reinterpret_cast<type*>(name##_bytes)
#endif

// float16 without cuda_fp16.h, so that no CUDA header is needed anywhere.
struct half {
    unsigned short bits;
};

using T = ELEMENT;      // what arrays hold
using A = ACCUMULATOR;  // what sums are formed in
using O = RESULT;       // what they become
using I = INDEX;        // numbers elements: int where every array allows it

#ifdef STAND_IN
inline float float_of(half h) { return stand_in::float_of_bits(h.bits); }
inline half half_of(float f) { return {stand_in::bits_of_float(f)}; }
#else
__device__ inline float float_of(half h) {
    float f;
    asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(h.bits));
    return f;
}

__device__ inline half half_of(float f) {
    half h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h.bits) : "f"(f));
    return h;
}
#endif

__device__ inline float widened(half h) { return float_of(h); }
template <class V>
__device__ inline V widened(V v) { return v; }

// Rounded once, on the way out.
template <class S>
struct Rounded {
    template <class V>
    __device__ static S of(V v) { return static_cast<S>(v); }
};
template <>
struct Rounded<half> {
    __device__ static half of(float v) { return half_of(v); }
    __device__ static half of(double v) { return half_of(static_cast<float>(v)); }
};

template <class V>
__device__ inline bool is_nan(V v) { return v != v; }
__device__ inline bool is_nan(half h) { return (h.bits & 0x7fff) > 0x7c00; }

// Division by a number that the host knows (Granlund & Montgomery 1994): for 32-bit
// indices a product and a shift, for 64-bit ones a division.
struct Divisor {
    long long value;
    unsigned magic, shift;
};

__device__ inline int divided(int n, const Divisor& d) {
    const unsigned u = static_cast<unsigned>(n);
    return static_cast<int>((__umulhi(u, d.magic) + u) >> d.shift);
}

__device__ inline long long divided(long long n, const Divisor& d) {
    return n / d.value;
}

// n becomes what is left over.
template <class N>
__device__ inline int split(N& n, const Divisor& d) {
    const N quotient = divided(n, d);
    const int rest = static_cast<int>(n - quotient * static_cast<N>(d.value));
    n = quotient;
    return rest;
}

// What goes back through a ReLU: nothing where it was shut. `where` is its input or its
// output, null where there is none; NaN lets through.
__device__ inline A let_through(A value, const T* where, I at) {
    return where != nullptr && widened(where[at]) <= 0 ? A(0) : value;
}

__device__ inline I flat_thread() {
    return static_cast<I>(blockIdx.x) * blockDim.x + threadIdx.x;
}
