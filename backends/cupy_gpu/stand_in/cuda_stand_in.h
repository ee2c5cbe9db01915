// CUDA's words for a C++ compiler: the threads of a block take turns on one processor.
//
// A kernel without barriers is a loop over its threads. One with them runs each thread
// on a stack of its own and changes over at every barrier. In which order blocks, warps
// and the threads of a warp take their turns is the launch's: forwards, backwards, or
// drawn anew at every barrier. Shared memory is all ones (NaN) when a block begins. So a
// barrier that is missing shows as a wrong value, and what depends on the order as two
// launches with different bits.
#pragma once
#include <csetjmp>
#include <csignal>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <tuple>
#include <ucontext.h>
#include <utility>

#define STAND_IN 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __shared__ static __attribute__((section("shared_memory")))
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define DYNAMIC_SHARED(type, name) \
    type* name = reinterpret_cast<type*>(stand_in::dynamic_shared)

using std::abs, std::erf, std::exp, std::expm1, std::fabs, std::floor, std::fmax,
    std::fmin, std::log1p, std::pow, std::sqrt, std::tanh;

struct alignas(16) float4 {
    float x, y, z, w;
};
extern "C" unsigned char __start_shared_memory[] __attribute__((weak));
extern "C" unsigned char __stop_shared_memory[] __attribute__((weak));
struct Three {
    unsigned x, y, z;
};
static Three threadIdx, blockIdx, blockDim, gridDim;

inline unsigned __umulhi(unsigned a, unsigned b) {
    return static_cast<unsigned>((static_cast<unsigned long long>(a) * b) >> 32);
}
inline float __int_as_float(int bits) {
    float f;
    std::memcpy(&f, &bits, sizeof f);
    return f;
}

namespace stand_in {

inline float float_of_bits(unsigned short bits) {
    _Float16 value;
    std::memcpy(&value, &bits, sizeof value);
    return static_cast<float>(value);
}
inline unsigned short bits_of_float(float f) {
    const _Float16 value = static_cast<_Float16>(f);
    unsigned short bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

constexpr unsigned WARP = 32, MOST = 1024;
constexpr std::size_t STACK = 1 << 16, SHARED = 228 << 10;
alignas(128) static unsigned char dynamic_shared[SHARED];

enum Waiting { RUNNABLE, AT_WARP, AT_BLOCK, DONE };

struct Fiber {
    jmp_buf here;
    Waiting waiting;
    bool started;
    unsigned long long votes;  // barriers with a vote that it has passed
};

static Fiber fibers[MOST];
static unsigned char* stacks = nullptr;
static jmp_buf scheduler;
static ucontext_t scheduler_context, birth;
static unsigned current = 0;
static int ballots[3];
static unsigned long long dice = 0;  // 0: forwards, 1: backwards, else drawn from
static void (*body)(void**) = nullptr;
static void** arguments = nullptr;

inline void wait(Waiting what) {
    Fiber& mine = fibers[current];
    mine.waiting = what;
    if (_setjmp(mine.here) == 0) _longjmp(scheduler, 1);
}

inline void live() {
    body(arguments);
    fibers[current].waiting = DONE;
    _longjmp(scheduler, 1);
}

inline Three place_of(unsigned thread) {
    return {thread % blockDim.x, thread / blockDim.x % blockDim.y,
            thread / (blockDim.x * blockDim.y)};
}

inline void resume(unsigned thread) {
    Fiber& fiber = fibers[thread];
    current = thread;
    threadIdx = place_of(thread);
    fiber.waiting = RUNNABLE;
    if (_setjmp(scheduler) != 0) return;
    if (fiber.started) _longjmp(fiber.here, 1);
    fiber.started = true;
    getcontext(&birth);
    birth.uc_stack.ss_sp = stacks + thread * STACK;
    birth.uc_stack.ss_size = STACK;
    birth.uc_link = nullptr;
    makecontext(&birth, live, 0);
    setcontext(&birth);
}

// Who takes the turn number `i` of `count`: of a shuffle by a step prime to the count.
struct Order {
    std::size_t count, first, step;
    std::size_t operator[](std::size_t i) const { return (first + i * step) % count; }
};

inline Order order_of(std::size_t count) {
    if (dice == 0 || count < 2) return {count, 0, 1};
    if (dice == 1) return {count, count - 1, count - 1};
    dice = dice * 6364136223846793005ull + 1442695040888963407ull;
    const std::size_t drawn = static_cast<std::size_t>(dice >> 33);
    std::size_t step = 1 + drawn % (count - 1);
    while (std::gcd(step, count) != 1) --step;
    return {count, drawn % count, step};
}

// Runs a warp until all its threads are at a barrier of the block, or done.
inline bool run_warp(unsigned first, unsigned stop) {
    bool again = true, alive = false;
    while (again) {
        again = false;
        const Order order = order_of(stop - first);
        for (unsigned i = 0; i < stop - first; ++i) {
            const unsigned thread = first + static_cast<unsigned>(order[i]);
            const Waiting waiting = fibers[thread].waiting;
            if (waiting == RUNNABLE || waiting == AT_WARP) resume(thread);
        }
        for (unsigned thread = first; thread < stop; ++thread)
            again = again || fibers[thread].waiting == AT_WARP;
    }
    for (unsigned thread = first; thread < stop; ++thread)
        if (fibers[thread].waiting == AT_BLOCK) {
            fibers[thread].waiting = RUNNABLE;
            alive = true;
        }
    return alive;
}

inline void run_block(bool fibered) {
    const unsigned count = blockDim.x * blockDim.y * blockDim.z;
    std::memset(dynamic_shared, 0xff, sizeof dynamic_shared);
    if (__start_shared_memory != nullptr)
        std::memset(__start_shared_memory, 0xff, __stop_shared_memory - __start_shared_memory);
    if (!fibered) {
        const Order order = order_of(count);
        for (unsigned i = 0; i < count; ++i) {
            threadIdx = place_of(static_cast<unsigned>(order[i]));
            body(arguments);
        }
        return;
    }
    if (count > MOST) std::abort();
    if (stacks == nullptr) stacks = static_cast<unsigned char*>(std::malloc(MOST * STACK));
    for (unsigned i = 0; i < count; ++i) fibers[i] = Fiber{{}, RUNNABLE, false, 0};
    for (int& ballot : ballots) ballot = 0;
    for (bool alive = true; alive;) {
        alive = false;
        const unsigned warps = (count + WARP - 1) / WARP;
        const Order order = order_of(warps);
        for (unsigned i = 0; i < warps; ++i) {
            const unsigned warp = static_cast<unsigned>(order[i]);
            const unsigned stop = (warp + 1) * WARP;
            alive = run_warp(warp * WARP, stop < count ? stop : count) || alive;
        }
    }
}

template <class... P, std::size_t... N>
void call(void (*kernel)(P...), void** given, std::index_sequence<N...>) {
    kernel(*static_cast<std::remove_reference_t<P>*>(given[N])...);
}

template <class... P>
void call(void (*kernel)(P...), void** given) {
    call(kernel, given, std::index_sequence_for<P...>{});
}

inline void run_blocks(const unsigned* shape, std::size_t count, bool fibered) {
    const Order order = order_of(count);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t block = order[i];
        blockIdx = {static_cast<unsigned>(block % shape[0]),
                    static_cast<unsigned>(block / shape[0] % shape[1]),
                    static_cast<unsigned>(block / shape[0] / shape[1])};
        run_block(fibered);
    }
}

// A kernel that leaves its arrays, or trips over a check, ends the launch and not Python.
static sigjmp_buf failed;
inline void on_signal(int number) { siglongjmp(failed, number); }

inline int launch(void (*kernel)(void**), const unsigned* shape, bool fibered,
                   unsigned long long seed, void** given) {
    body = kernel;
    dice = seed;
    arguments = given;
    gridDim = {shape[0], shape[1], shape[2]};
    blockDim = {shape[3], shape[4], shape[5]};
    const std::size_t count = static_cast<std::size_t>(shape[0]) * shape[1] * shape[2];
    const int fatal[3] = {SIGSEGV, SIGBUS, SIGILL};
    struct sigaction ours = {}, before[3];
    ours.sa_handler = on_signal;
    for (int i = 0; i < 3; ++i) sigaction(fatal[i], &ours, &before[i]);
    const int number = sigsetjmp(failed, 1);
    if (number == 0) run_blocks(shape, count, fibered);
    for (int i = 0; i < 3; ++i) sigaction(fatal[i], &before[i], nullptr);
    return number;
}

}  // namespace stand_in

inline void __syncthreads() { stand_in::wait(stand_in::AT_BLOCK); }
inline void __syncwarp() { stand_in::wait(stand_in::AT_WARP); }

inline int __syncthreads_or(int vote) {
    using namespace stand_in;
    const auto turn = fibers[current].votes++;
    ballots[turn % 3] |= vote;
    ballots[(turn + 1) % 3] = 0;
    wait(AT_BLOCK);
    return ballots[turn % 3];
}

// Threads take turns, so an update is never torn.
template <class V>
V atomicMin(V* at, V value) {
    const V before = *at;
    if (value < before) *at = value;
    return before;
}
template <class V>
V atomicMax(V* at, V value) {
    const V before = *at;
    if (before < value) *at = value;
    return before;
}
