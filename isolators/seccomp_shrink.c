#include "isolators/seccomp_shrink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <linux/seccomp.h>

#include "base/cleanup.h"
#include "base/mem.h"

#define NEAR 255 /* as far as a conditional jump goes */

/* What is in the accumulator. */
enum held { HELD_NOTHING, HELD_ARCH, HELD_NUMBER, HELD_MAX };

/* What becomes of a call of one machine and number: an answer, or it goes on where its arguments are looked at. */
struct outcome {
    bool goes_on;
    uint32_t value; /* of the answer, or the place in the old program */
};

struct range {
    uint32_t first; /* up to the next one's */
    struct outcome outcome;
};

struct ranges {
    struct range *items; /* owned */
    size_t count;
};

struct numbers {
    uint32_t *items; /* owned */
    size_t count;
};

/* The new program is written from its end: jumps go forward only, so where they lead to is known. */
struct writer {
    const struct seccomp_program *old;
    size_t *places; /* of what is taken over of the old one; borrowed */
    struct sock_filter code[BPF_MAXINSNS];
    size_t begin; /* code[begin..] is written */
    bool is_full;
};

/* --- what it does ----------------------------------------------------------------------------------- */

static bool is_jump(const struct sock_filter *code)
{
    return code->code == (BPF_JMP | BPF_JEQ | BPF_K) || code->code == (BPF_JMP | BPF_JGT | BPF_K) ||
           code->code == (BPF_JMP | BPF_JGE | BPF_K);
}

static bool is_true(const struct sock_filter *code, uint32_t value)
{
    switch (BPF_OP(code->code)) {
    case BPF_JEQ:
        return value == code->k;
    case BPF_JGT:
        return value > code->k;
    default:
        return value >= code->k;
    }
}

static enum held loaded(const struct sock_filter *code)
{
    if (code->k == offsetof(struct seccomp_data, arch))
        return HELD_ARCH;
    return code->k == offsetof(struct seccomp_data, nr) ? HELD_NUMBER : HELD_NOTHING;
}

/* False: something that we do not know comes before the arguments do. */
static bool follow(const struct seccomp_program *program, uint32_t arch, uint32_t number,
                   struct outcome *ret_outcome)
{
    uint32_t held = 0;

    for (size_t at = 0; at < program->count; at++) {
        const struct sock_filter *code = &program->code[at];

        if (code->code == (BPF_RET | BPF_K)) {
            *ret_outcome = (struct outcome){false, code->k};
            return true;
        }
        if (code->code == (BPF_LD | BPF_W | BPF_ABS)) {
            if (loaded(code) == HELD_NOTHING) {
                *ret_outcome = (struct outcome){true, (uint32_t)at};
                return true;
            }
            held = loaded(code) == HELD_ARCH ? arch : number;
        } else if (code->code == (BPF_JMP | BPF_JA)) {
            at += code->k;
        } else if (is_jump(code)) {
            at += is_true(code, held) ? code->jt : code->jf;
        } else {
            return false;
        }
    }
    return false;
}

/* --- where answers may change ------------------------------------------------------------------------- */

static void note(struct numbers *self, uint32_t number)
{
    self->items[self->count++] = number;
    if (number < UINT32_MAX)
        self->items[self->count++] = number + 1;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint32_t one = *(const uint32_t *)a, two = *(const uint32_t *)b;

    return (one > two) - (one < two);
}

static void sort(struct numbers *self)
{
    size_t kept = 1;

    qsort(self->items, self->count, sizeof(self->items[0]), compare_numbers);
    for (size_t i = 1; i < self->count; i++)
        if (self->items[i] != self->items[kept - 1])
            self->items[kept++] = self->items[i];
    self->count = kept;
}

/* All numbers that machine and system call may be compared with, whichever way is taken there. */
static void collect(const struct seccomp_program *program, struct numbers ret_numbers[HELD_MAX])
{
    /* Which of them may be held where; jumps go forward, so once through is enough. */
    CLEANUP(free_p) unsigned char *may = mem_calloc(program->count + NEAR + 2, 1);

    for (int held = 0; held < HELD_MAX; held++) {
        ret_numbers[held].items = mem_calloc(2 * program->count + 1, sizeof(uint32_t));
        ret_numbers[held].items[ret_numbers[held].count++] = 0;
    }
    may[0] = 1 << HELD_NOTHING;
    for (size_t at = 0; at < program->count; at++) {
        const struct sock_filter *code = &program->code[at];

        if (code->code == (BPF_LD | BPF_W | BPF_ABS)) {
            if (may[at] && loaded(code) != HELD_NOTHING)
                may[at + 1] |= (unsigned char)(1 << loaded(code));
        } else if (code->code == (BPF_JMP | BPF_JA)) {
            if (at + code->k + 1 < program->count)
                may[at + code->k + 1] |= may[at];
        } else if (is_jump(code)) {
            may[at + code->jt + 1] |= may[at];
            may[at + code->jf + 1] |= may[at];
            for (int held = 0; held < HELD_MAX; held++)
                if (may[at] & 1 << held)
                    note(&ret_numbers[held], code->k);
        }
    }
    for (int held = 0; held < HELD_MAX; held++)
        sort(&ret_numbers[held]);
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
    return a->goes_on == b->goes_on && a->value == b->value;
}

static bool find_ranges(const struct seccomp_program *program, uint32_t arch,
                        const struct numbers *numbers, struct ranges *ret_ranges)
{
    *ret_ranges = (struct ranges){mem_calloc(numbers->count, sizeof(struct range)), 0};
    for (size_t i = 0; i < numbers->count; i++) {
        struct outcome outcome;

        if (!follow(program, arch, numbers->items[i], &outcome))
            return false;
        if (!ret_ranges->count ||
            !is_same(&outcome, &ret_ranges->items[ret_ranges->count - 1].outcome))
            ret_ranges->items[ret_ranges->count++] = (struct range){numbers->items[i], outcome};
    }
    return true;
}

static bool are_same(const struct ranges *a, const struct ranges *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].first != b->items[i].first ||
            !is_same(&a->items[i].outcome, &b->items[i].outcome))
            return false;
    return true;
}

/* --- writing ---------------------------------------------------------------------------------------- */

/* Where it stands. */
static size_t put(struct writer *self, struct sock_filter code)
{
    if (self->begin == 0)
        self->is_full = true;
    else
        self->code[--self->begin] = code;
    return self->begin;
}

/* From the one that will be written next; what that jumps over is one less. */
static size_t distance(const struct writer *self, size_t target)
{
    return target - self->begin;
}

static void put_jump(struct writer *self, uint16_t code, uint32_t k, size_t yes, size_t no)
{
    /* One that is written in between moves the other one off by one. */
    if (distance(self, yes) >= NEAR)
        yes = put(self,
                  (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(self, yes)));
    if (distance(self, no) > NEAR)
        no =
            put(self, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(self, no)));
    put(self, (struct sock_filter)BPF_JUMP(code, k, (uint8_t)distance(self, yes),
                                           (uint8_t)distance(self, no)));
}

static void mark(const struct seccomp_program *old, bool *is_needed, size_t from)
{
    is_needed[from] = true;
    for (size_t at = from; at < old->count; at++) {
        const struct sock_filter *code = &old->code[at];

        if (!is_needed[at] || BPF_CLASS(code->code) == BPF_RET)
            continue;
        if (code->code == (BPF_JMP | BPF_JA)) {
            if (at + code->k + 1 < old->count)
                is_needed[at + code->k + 1] = true;
        } else if (BPF_CLASS(code->code) == BPF_JMP) {
            if (at + code->jt + 1 < old->count)
                is_needed[at + code->jt + 1] = true;
            if (at + code->jf + 1 < old->count)
                is_needed[at + code->jf + 1] = true;
        } else if (at + 1 < old->count) {
            is_needed[at + 1] = true;
        }
    }
}

/* What looks at arguments, from the last instruction to the first. Only unneeded ones fall out, so no jump gets longer. */
static void take_over(struct writer *self, const bool *is_needed)
{
    const struct seccomp_program *old = self->old;

    for (size_t at = old->count; at-- > 0;) {
        struct sock_filter code = old->code[at];

        if (!is_needed[at])
            continue;
        if (code.code == (BPF_JMP | BPF_JA)) {
            code.k = (uint32_t)distance(self, self->places[at + code.k + 1]);
        } else if (BPF_CLASS(code.code) == BPF_JMP) {
            code.jt = (uint8_t)distance(self, self->places[at + code.jt + 1]);
            code.jf = (uint8_t)distance(self, self->places[at + code.jf + 1]);
        }
        self->places[at] = put(self, code);
    }
}

/* One that stands near enough is used again. */
static size_t put_outcome(struct writer *self, const struct outcome *outcome)
{
    const size_t end =
        self->begin + NEAR / 2 < BPF_MAXINSNS ? self->begin + NEAR / 2 : BPF_MAXINSNS;

    if (outcome->goes_on)
        return self->places[outcome->value];
    for (size_t at = self->begin; at < end; at++)
        if (self->code[at].code == (BPF_RET | BPF_K) && self->code[at].k == outcome->value)
            return at;
    return put(self, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, outcome->value));
}

static size_t put_ranges(struct writer *self, const struct range *ranges, size_t count)
{
    size_t half = count / 2, yes, no;

    if (count == 1)
        return put_outcome(self, &ranges->outcome);
    yes = put_ranges(self, ranges + half, count - half);
    no = put_ranges(self, ranges, half);
    put_jump(self, BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, yes, no);
    return self->begin;
}

static size_t put_machine(struct writer *self, const struct ranges *ranges)
{
    size_t at = put_ranges(self, ranges->items, ranges->count);

    if (ranges->count == 1)
        return at;
    return put(self, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                                  offsetof(struct seccomp_data, nr)));
}

/* --- all of it ---------------------------------------------------------------------------------------- */

/* A machine's ranges hold for those behind it, too, up to the next one's. */
struct machine {
    uint32_t first;
    struct ranges ranges; /* owned */
};

struct machines {
    struct machine *items; /* owned */
    size_t count;
};

static void machines_fini(struct machines *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->items[i].ranges.items);
    free(self->items);
}

static bool find_machines(const struct seccomp_program *program, struct machines *ret_machines)
{
    struct numbers numbers[HELD_MAX] = {{NULL, 0}};
    bool is_known = true;

    collect(program, numbers);
    ret_machines->items = mem_calloc(numbers[HELD_ARCH].count, sizeof(struct machine));
    for (size_t i = 0; i < numbers[HELD_ARCH].count && is_known; i++) {
        struct machine *one = &ret_machines->items[ret_machines->count];

        one->first = numbers[HELD_ARCH].items[i];
        is_known = find_ranges(program, one->first, &numbers[HELD_NUMBER], &one->ranges);
        if (is_known && ret_machines->count && are_same(&one->ranges, &one[-1].ranges))
            free(one->ranges.items);
        else
            ret_machines->count++;
    }
    for (int held = 0; held < HELD_MAX; held++)
        free(numbers[held].items);
    return is_known;
}

static void take_over_needed(struct writer *self, const struct machines *machines)
{
    CLEANUP(free_p) bool *is_needed = mem_calloc(self->old->count, sizeof(bool));

    for (size_t m = 0; m < machines->count; m++)
        for (size_t i = 0; i < machines->items[m].ranges.count; i++)
            if (machines->items[m].ranges.items[i].outcome.goes_on)
                mark(self->old, is_needed, machines->items[m].ranges.items[i].outcome.value);
    take_over(self, is_needed);
}

/* From the last one; each one asks whether it is its turn, and else goes on to the one before. */
static void put_machines(struct writer *self, const struct machines *machines)
{
    size_t before = put_machine(self, &machines->items[0].ranges);

    for (size_t i = 1; i < machines->count; i++) {
        size_t at = put_machine(self, &machines->items[i].ranges);

        put_jump(self, BPF_JMP | BPF_JGE | BPF_K, machines->items[i].first, at, before);
        before = self->begin;
    }
    if (before != self->begin)
        put(self, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(self, before)));
    put(self, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                           offsetof(struct seccomp_data, arch)));
}

void seccomp_shrink(struct seccomp_program *program)
{
    CLEANUP(machines_fini) struct machines machines = {NULL, 0};
    CLEANUP(free_p) struct writer *writer = NULL;
    CLEANUP(free_p) size_t *places = NULL;
    size_t count;

    if (!find_machines(program, &machines))
        return;
    writer = mem_calloc(1, sizeof(*writer));
    places = mem_calloc(program->count + 1, sizeof(*places));
    writer->old = program;
    writer->places = places;
    writer->begin = BPF_MAXINSNS;
    take_over_needed(writer, &machines);
    put_machines(writer, &machines);
    count = BPF_MAXINSNS - writer->begin;
    if (writer->is_full || count >= program->count)
        return;
    memcpy(program->code, &writer->code[writer->begin], count * sizeof(program->code[0]));
    program->count = (unsigned short)count;
}
