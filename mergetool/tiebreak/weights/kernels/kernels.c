/* The inner loops of merging checkpoints: element by element, over one run of elements at a time.
 *
 * portable.py does the same with numpy, and must give the same bits. Therefore: everything is computed in
 * double, no products are fused (-ffp-contract=off), the terms are added in the order given, a result is
 * rounded once to what is stored, ties to even, and a NaN is always stored as the same NaN.
 *
 * Data may lie at any address: safetensors aligns nothing.
 */

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12 /* which asks the processor for what it can; before, arch= asked for its name */
#define FAST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FAST __attribute__((target_clones("arch=skylake-avx512", "avx2", "default")))
#endif
#else
#define FAST
#endif
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline)) /* into each clone, to be compiled for it */
#else
#define INLINE static inline
#endif

#define VERSION 5 /* of the functions below; native.py asks for it */
#define BLOCK 256 /* elements: the arrays of a block stay in the first-level cache */

enum { BF16, F16, F32, F64 };

typedef struct {
    const uint8_t *data;
    int64_t type;
    double weight;
    uint64_t key;       /* of the random numbers */
    uint32_t threshold; /* the smallest magnitude that is kept, as the bits of a float */
    uint32_t drop;      /* elements whose random number is below this are dropped */
    uint32_t ceiling;   /* the largest magnitude that is kept; 0: any */
    uint32_t changes;   /* whether these are deltas already */
} Side;

typedef struct {
    uint8_t *data;
    int64_t type;
    int64_t start; /* number of the first element within its tensor: the counter of the random numbers */
    int64_t count;
} Run;

static const int64_t SIZE[] = {2, 2, 4, 8};

INLINE float as_float(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE uint32_t as_bits(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

INLINE float from_half(uint32_t half) {
    uint32_t bits = (half & 0x7fff) << 13;
    uint32_t exponent = bits & 0x0f800000;
    uint32_t normal = bits + 0x38000000 + (exponent == 0x0f800000 ? 0x38000000 : 0);
    uint32_t subnormal = as_bits(as_float(bits + 0x38800000) - as_float(0x38800000));
    return as_float((exponent == 0 ? subnormal : normal) | (half & 0x8000) << 16);
}

INLINE uint16_t to_half(uint32_t bits) {
    uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    uint32_t subnormal = as_bits(as_float(size) + 0.5f) - 0x3f000000;
    uint32_t normal = (size + 0xc8000fff + (size >> 13 & 1)) >> 13;
    uint32_t half = size < 0x38800000 ? subnormal : normal;
    half = size >= 0x47800000 ? 0x7c00 : half;
    return (uint16_t)(size > 0x7f800000 ? 0x7e00 : half | sign);
}

INLINE uint16_t to_bfloat(uint32_t bits) {
    uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

/* The bits of a float from which rounding again is as good as rounding once: rounded to odd. */
INLINE uint32_t odd_bits(double value) {
    float near = (float)value;
    int inexact = ((double)near != value) & (value == value);
    int over = inexact & (fabs((double)near) > fabs(value));
    return (as_bits(near) - (uint32_t)over) | (uint32_t)inexact;
}

INLINE void load(double *out, const uint8_t *data, int64_t type, int64_t at, int64_t count) {
    uint16_t halves[BLOCK];
    float floats[BLOCK];
    data += at * SIZE[type];
    switch (type) {
    case BF16:
        memcpy(halves, data, (size_t)count * 2);
        for (int64_t i = 0; i < count; i++) out[i] = as_float((uint32_t)halves[i] << 16);
        break;
    case F16:
        memcpy(halves, data, (size_t)count * 2);
        for (int64_t i = 0; i < count; i++) out[i] = from_half(halves[i]);
        break;
    case F32:
        memcpy(floats, data, (size_t)count * 4);
        for (int64_t i = 0; i < count; i++) out[i] = floats[i];
        break;
    default:
        memcpy(out, data, (size_t)count * 8);
    }
}

INLINE void store(const Run *run, int64_t at, const double *values, int64_t count) {
    uint16_t halves[BLOCK];
    uint32_t words[BLOCK];
    uint64_t longs[BLOCK];
    uint8_t *data = run->data + at * SIZE[run->type];
    switch (run->type) {
    case BF16:
        for (int64_t i = 0; i < count; i++) halves[i] = to_bfloat(odd_bits(values[i]));
        memcpy(data, halves, (size_t)count * 2);
        break;
    case F16:
        for (int64_t i = 0; i < count; i++) halves[i] = to_half(odd_bits(values[i]));
        memcpy(data, halves, (size_t)count * 2);
        break;
    case F32:
        for (int64_t i = 0; i < count; i++) {
            uint32_t bits = as_bits((float)values[i]);
            words[i] = (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits;
        }
        memcpy(data, words, (size_t)count * 4);
        break;
    default:
        memcpy(longs, values, (size_t)count * 8);
        for (int64_t i = 0; i < count; i++)
            longs[i] = (longs[i] & INT64_MAX) > 0x7ff0000000000000 ? 0x7ff8000000000000 : longs[i];
        memcpy(data, longs, (size_t)count * 8);
    }
}

/* The magnitude of a delta as an integer that orders as the magnitudes do; NaN comes last. */
INLINE uint32_t magnitude(double delta) {
    uint32_t bits = as_bits((float)delta) & 0x7fffffff;
    return bits > 0x7f800000 ? 0x7fc00000 : bits;
}

/* SplitMix64's finaliser (Steele, Lea, Flood 2014) over a counter. */
INLINE uint64_t mix(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9;
    x ^= x >> 27;
    x *= 0x94d049bb133111eb;
    return x ^ x >> 31;
}

#define GOLDEN 0x9e3779b97f4a7c15

/* weight * (side - base) of a block; 0 where the delta is trimmed or dropped, which a NaN never is. */
INLINE void weighted(double *out, const Side *side, const double *base, int64_t start, int64_t at, int64_t count) {
    double weight = side->weight;
    uint32_t threshold = side->threshold, ceiling = side->ceiling;
    load(out, side->data, side->type, at, count);
    if (base && !side->changes)
        for (int64_t i = 0; i < count; i++) out[i] -= base[i];
    if (threshold)
        for (int64_t i = 0; i < count; i++) out[i] = magnitude(out[i]) >= threshold ? out[i] : 0.0;
    if (ceiling)
        for (int64_t i = 0; i < count; i++) {
            uint32_t size = magnitude(out[i]);
            out[i] = (size <= ceiling) | (size > 0x7f800000) ? out[i] : 0.0;
        }
    if (side->drop)
        for (int64_t i = 0; i < count; i++) {
            uint64_t number = mix(side->key + (uint64_t)(start + at + i) * GOLDEN);
            out[i] = ((uint32_t)(number >> 32) >= side->drop) | (out[i] != out[i]) ? out[i] : 0.0;
        }
    if (weight != 1.0)
        for (int64_t i = 0; i < count; i++) out[i] *= weight;
}

/* An element that does not move keeps its bits: -0.0 + 0.0 would be 0.0. */
INLINE double moved(double from, double delta) { return delta == 0.0 ? from : from + delta; }

int32_t version(void) { return VERSION; }

/* base + scale * sum of weight * (side - base); without a base: scale * sum of weight * side. */
FAST void combine(const Run *run, const Side *base, const Side *sides, int64_t number, double scale) {
    double from[BLOCK], term[BLOCK], sum[BLOCK];
    for (int64_t at = 0; at < run->count; at += BLOCK) {
        int64_t count = run->count - at < BLOCK ? run->count - at : BLOCK;
        if (base) load(from, base->data, base->type, at, count);
        weighted(sum, sides, base ? from : NULL, run->start, at, count);
        for (int64_t side = 1; side < number; side++) {
            weighted(term, sides + side, base ? from : NULL, run->start, at, count);
            for (int64_t i = 0; i < count; i++) sum[i] += term[i];
        }
        if (scale != 1.0)
            for (int64_t i = 0; i < count; i++) sum[i] *= scale;
        if (base)
            for (int64_t i = 0; i < count; i++) sum[i] = moved(from[i], sum[i]);
        store(run, at, sum, count);
    }
}

/* TIES: of the terms that are not 0, those of the sign with the larger total magnitude; of equal ones, of the
 * first term's sign. Their sum, or with `mean` divided by their weights. */
FAST void elect(const Run *run, const Side *base, const Side *sides, int64_t number, double scale, int32_t mean) {
    double from[BLOCK], term[BLOCK], plus[BLOCK], minus[BLOCK], heavy[BLOCK], light[BLOCK], first[BLOCK], bad[BLOCK];
    for (int64_t at = 0; at < run->count; at += BLOCK) {
        int64_t count = run->count - at < BLOCK ? run->count - at : BLOCK;
        load(from, base->data, base->type, at, count);
        for (int64_t side = 0; side < number; side++) {
            double weight = fabs(sides[side].weight);
            weighted(term, sides + side, from, run->start, at, count);
            if (side == 0) { /* sets what the others add to */
                for (int64_t i = 0; i < count; i++) {
                    double value = first[i] = term[i];
                    plus[i] = value > 0.0 ? value : 0.0;
                    heavy[i] = value > 0.0 ? weight : 0.0;
                    minus[i] = value < 0.0 ? value : 0.0;
                    light[i] = value < 0.0 ? weight : 0.0;
                    bad[i] = value != value ? value : 0.0;
                }
                continue;
            }
            for (int64_t i = 0; i < count; i++) {
                double value = term[i];
                plus[i] += value > 0.0 ? value : 0.0;
                heavy[i] += value > 0.0 ? weight : 0.0;
                minus[i] += value < 0.0 ? value : 0.0;
                light[i] += value < 0.0 ? weight : 0.0;
                first[i] = first[i] == 0.0 ? value : first[i];
                bad[i] += value != value ? value : 0.0;
            }
        }
        for (int64_t i = 0; i < count; i++) {
            int positive = (plus[i] > -minus[i]) | ((plus[i] == -minus[i]) & (first[i] > 0.0));
            double sum = positive ? plus[i] : minus[i];
            double divisor = mean ? (positive ? heavy[i] : light[i]) : 1.0;
            double value = sum == 0.0 ? 0.0 : sum / divisor;
            term[i] = moved(from[i], value * scale + bad[i]);
        }
        store(run, at, term, count);
    }
}

/* What each element of a side counts: weight * max(importance, floor). */
INLINE void shares(double *out, const Side *importance, double floor, int64_t at, int64_t count) {
    double weight = importance->weight;
    load(out, importance->data, importance->type, at, count);
    for (int64_t i = 0; i < count; i++) out[i] = (out[i] < floor ? floor : out[i]) * weight;
}

/* Fisher: the mean of the sides by these shares; where nothing counts, the first side. Rounding never leaves the
 * range of the sides. Shares are divided before they are used, so that equal ones give the plain average. */
FAST void weigh(const Run *run, const Side *sides, const Side *importances, int64_t number, const double *floors) {
    double value[BLOCK], share[BLOCK], first[BLOCK], low[BLOCK], high[BLOCK], sum[BLOCK], mass[BLOCK];
    for (int64_t at = 0; at < run->count; at += BLOCK) {
        int64_t count = run->count - at < BLOCK ? run->count - at : BLOCK;
        shares(mass, importances, floors[0], at, count);
        for (int64_t side = 1; side < number; side++) {
            shares(share, importances + side, floors[side], at, count);
            for (int64_t i = 0; i < count; i++) mass[i] += share[i];
        }
        for (int64_t side = 0; side < number; side++) {
            load(value, sides[side].data, sides[side].type, at, count);
            shares(share, importances + side, floors[side], at, count);
            for (int64_t i = 0; i < count; i++) share[i] = value[i] * (share[i] / mass[i]);
            if (side == 0) {
                for (int64_t i = 0; i < count; i++) first[i] = low[i] = high[i] = value[i];
                memcpy(sum, share, (size_t)count * sizeof *sum);
                continue;
            }
            for (int64_t i = 0; i < count; i++) {
                low[i] = value[i] < low[i] ? value[i] : low[i];
                high[i] = value[i] > high[i] ? value[i] : high[i];
                sum[i] += share[i];
            }
        }
        for (int64_t i = 0; i < count; i++) {
            double mean = mass[i] == 0.0 ? first[i] : sum[i];
            mean = mean < low[i] ? low[i] : mean;
            sum[i] = mean > high[i] ? high[i] : mean;
        }
        store(run, at, sum, count);
    }
}

FAST void magnitudes(const Side *base, const Side *side, int64_t count, uint32_t *keys) {
    double from[BLOCK], delta[BLOCK];
    for (int64_t at = 0; at < count; at += BLOCK) {
        int64_t here = count - at < BLOCK ? count - at : BLOCK;
        load(from, base->data, base->type, at, here);
        load(delta, side->data, side->type, at, here);
        for (int64_t i = 0; i < here; i++) keys[at + i] = magnitude(delta[i] - from[i]);
    }
}

/* Count the magnitudes of side - base by their upper 16 bits, or, of those with the upper bits `prefix`, by
 * their lower 15 bits. The counts are added to `counts`. */
FAST void histogram(const Side *base, const Side *side, int64_t count, int64_t prefix, uint32_t *counts) {
    double from[BLOCK], delta[BLOCK];
    uint32_t keys[BLOCK];
    for (int64_t at = 0; at < count; at += BLOCK) {
        int64_t here = count - at < BLOCK ? count - at : BLOCK;
        load(from, base->data, base->type, at, here);
        load(delta, side->data, side->type, at, here);
        for (int64_t i = 0; i < here; i++) keys[i] = magnitude(delta[i] - from[i]);
        if (prefix < 0) {
            for (int64_t i = 0; i < here; i++) counts[keys[i] >> 15]++;
            continue;
        }
        int64_t found = 0; /* gathered first: a branch for each element would often be guessed wrong */
        for (int64_t i = 0; i < here; i++) {
            uint32_t key = keys[i];
            keys[found] = key;
            found += key >> 15 == (uint32_t)prefix;
        }
        for (int64_t i = 0; i < found; i++) counts[keys[i] & 0x7fff]++;
    }
}

#define FEW 64   /* words: inserting them one by one is faster */
#define DIGIT 11 /* bits; three digits are more than a magnitude has */

/* Sort words whose upper half is a magnitude and whose lower half is their place, and ascends. */
INLINE uint64_t *ascending(uint64_t *words, uint64_t *room, int64_t count) {
    if (count <= FEW) {
        for (int64_t i = 1, at; i < count; i++) {
            uint64_t word = words[i];
            for (at = i; at > 0 && words[at - 1] > word; at--) words[at] = words[at - 1];
            words[at] = word;
        }
        return words;
    }
    for (int shift = 32; shift < 64; shift += DIGIT) {
        uint32_t places[1 << DIGIT] = {0}, before = 0;
        for (int64_t i = 0; i < count; i++) places[words[i] >> shift & ((1 << DIGIT) - 1)]++;
        for (int digit = 0; digit < 1 << DIGIT; digit++) {
            uint32_t here = places[digit];
            places[digit] = before;
            before += here;
        }
        for (int64_t i = 0; i < count; i++) room[places[words[i] >> shift & ((1 << DIGIT) - 1)]++] = words[i];
        uint64_t *sorted = room;
        room = words;
        words = sorted;
    }
    return words;
}

/* DELLA: the deltas of whole rows, each kept by a chance that grows with its rank in its row. `room` has two words
 * for every element of a row. Equal magnitudes have one rank, in the middle of their places. */
FAST void thin(const Side *base, const Side *side, int64_t start, int64_t rows, int64_t width, double density,
               double epsilon, int32_t inverse, uint64_t *room, double *out) {
    double from[BLOCK];
    for (int64_t row = 0; row < rows; row++, out += width, start += width) {
        for (int64_t at = 0; at < width; at += BLOCK) {
            int64_t count = width - at < BLOCK ? width - at : BLOCK;
            load(from, base->data, base->type, row * width + at, count);
            load(out + at, side->data, side->type, row * width + at, count);
            for (int64_t i = 0; i < count; i++) out[at + i] -= from[i];
            for (int64_t i = 0; i < count; i++) room[at + i] = (uint64_t)magnitude(out[at + i]) << 32 | (uint64_t)(at + i);
        }
        const uint64_t *sorted = ascending(room, room + width, width);
        for (int64_t first = 0, last; first < width; first = last + 1) {
            for (last = first; last + 1 < width && sorted[last + 1] >> 32 == sorted[first] >> 32;) last++;
            double rank = width > 1 ? (double)(first + last) / (2.0 * (double)(width - 1)) : 0.5;
            double likely = density - epsilon + 2.0 * epsilon * rank;
            double dropped = rint((1.0 - likely) * 4294967296.0);
            for (int64_t i = first; i <= last; i++) {
                uint64_t place = sorted[i] & 0xffffffff;
                double value = out[place];
                double number = (double)(mix(side->key + (uint64_t)(start + (int64_t)place) * GOLDEN) >> 32);
                out[place] = (number >= dropped) | (value != value) ? (inverse ? value / likely : value) : 0.0;
            }
        }
    }
}

/* A number that depends on all bytes and their places: a sum over words of 8, so that runs can be added up. */
FAST uint64_t fingerprint(const uint8_t *data, int64_t size, int64_t word) {
    uint64_t sum = 0;
    for (int64_t at = 0; at < size; at += 8, word++) {
        uint64_t value = 0;
        memcpy(&value, data + at, size - at < 8 ? (size_t)(size - at) : 8);
        sum += mix(mix(value) + (uint64_t)(word + 1) * GOLDEN);
    }
    return sum;
}

int32_t equal(const uint8_t *a, const uint8_t *b, int64_t size) { return memcmp(a, b, (size_t)size) == 0; }

FAST int32_t finite(const uint8_t *data, int64_t type, int64_t count) {
    double values[BLOCK];
    for (int64_t at = 0; at < count; at += BLOCK) {
        int64_t size = count - at < BLOCK ? count - at : BLOCK;
        int32_t bad = 0;
        load(values, data, type, at, size);
        for (int64_t i = 0; i < size; i++) bad |= !(fabs(values[i]) <= DBL_MAX);
        if (bad) return 0;
    }
    return 1;
}
