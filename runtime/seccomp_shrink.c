/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/seccomp_shrink.h"

#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define ARCHS_MAX 8
#define JUMP_MAX 250 /* of the 255 that fit; the rest is for the jumps in between */

#define AT_NR offsetof(struct seccomp_data, nr)
#define AT_ARCH offsetof(struct seccomp_data, arch)
#define LOAD (BPF_LD | BPF_W | BPF_ABS)

/* What the accumulator holds. */
enum content { NOTHING, NR, ARCH, CONTENTS };

/* How a decision ends: with a value, or at an instruction that looks at more than the two. */
struct leaf {
	bool value;
	uint32_t k; /* the value, or the place */
};

/* From this number on, up to the next. */
struct interval {
	uint32_t from;
	size_t leaf; /* of shrink.leaves */
};

struct shrink {
	const struct sock_filter *in;
	size_t n;
	/* Every number from which on something may be decided otherwise: ascending. */
	uint32_t *bounds;
	size_t n_bounds;
	uint32_t archs[ARCHS_MAX]; /* in the order in which the filter asks */
	size_t n_archs;
	struct leaf *leaves;
	size_t *leaf_at; /* where each is in the output, see emit; 0: not yet */
	size_t n_leaves;
	struct interval *row; /* of one architecture */
	size_t n_row;
	/* Written from its end to its beginning, so that a jump's target is there before the jump:
	 * out[0] is the last instruction. A place is the number of instructions from there to the
	 * end. */
	struct sock_filter *out;
	size_t n_out, max_out;
	size_t *copy_at; /* of each instruction of `in` that was copied; 0: not */
	bool failed;
};

static bool is_jump(const struct sock_filter *i)
{
	return BPF_CLASS(i->code) == BPF_JMP;
}

static bool compares_constant(const struct sock_filter *i)
{
	const uint16_t c = i->code;

	return c == (BPF_JMP | BPF_JEQ | BPF_K) || c == (BPF_JMP | BPF_JGT | BPF_K) ||
	       c == (BPF_JMP | BPF_JGE | BPF_K);
}

static bool loads(const struct sock_filter *i, enum content *ret)
{
	if (i->code != LOAD || (i->k != AT_NR && i->k != AT_ARCH))
		return false;
	*ret = i->k == AT_NR ? NR : ARCH;
	return true;
}

/* --- what is decided ----------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool learn_arch(struct shrink *s, const struct sock_filter *i)
{
	if (i->code != (BPF_JMP | BPF_JEQ | BPF_K))
		return false;
	for (size_t a = 0; a < s->n_archs; a++)
		if (s->archs[a] == i->k)
			return true;
	if (s->n_archs == ARCHS_MAX)
		return false;
	s->archs[s->n_archs++] = i->k;
	return true;
}

/* Every way through the part that decides, with what the accumulator may hold on it; jumps lead
 * forward only, and not out of it (jumps_are_inside), so one pass sees them all. */
static bool survey(struct shrink *s)
{
	_cleanup_free_ bool(*seen)[CONTENTS] = calloc(s->n + 1, sizeof(*seen));

	if (!seen)
		return false;
	seen[0][NOTHING] = true;
	s->bounds[s->n_bounds++] = 0;
	for (size_t pc = 0; pc < s->n; pc++) {
		const struct sock_filter *i = &s->in[pc];
		enum content now;

		for (int c = NOTHING; c < CONTENTS; c++) {
			if (!seen[pc][c])
				continue;
			if (loads(i, &now)) {
				seen[pc + 1][now] = true;
			} else if (i->code == LOAD || i->code == (BPF_RET | BPF_K)) {
				; /* a leaf */
			} else if (i->code == (BPF_JMP | BPF_JA)) {
				seen[pc + 1 + i->k][c] = true;
			} else if (compares_constant(i) && c != NOTHING) {
				if (c == ARCH && !learn_arch(s, i))
					return false;
				if (c == NR) {
					s->bounds[s->n_bounds++] = i->k;
					s->bounds[s->n_bounds++] =
						i->k + 1; /* 0 is there already */
				}
				seen[pc + 1 + i->jt][c] = seen[pc + 1 + i->jf][c] = true;
			} else {
				return false;
			}
		}
	}
	return true;
}

static void sort_bounds(struct shrink *s)
{
	size_t n = 0;

	qsort(s->bounds, s->n_bounds, sizeof(*s->bounds), by_value);
	for (size_t i = 0; i < s->n_bounds; i++)
		if (n == 0 || s->bounds[i] != s->bounds[n - 1])
			s->bounds[n++] = s->bounds[i];
	s->n_bounds = n;
}

/* A value that no comparison with an architecture knows. */
static uint32_t other_arch(const struct shrink *s)
{
	uint32_t v = 0;

	for (size_t i = 0; i < s->n_archs; i++)
		if (s->archs[i] == v) {
			v++;
			i = (size_t)-1;
		}
	return v;
}

/* Runs the part that decides; `survey` has seen that it comes to an end. */
static struct leaf decide(const struct sock_filter *in, uint32_t arch, uint32_t nr)
{
	uint32_t a = 0;

	for (size_t pc = 0;; pc++) {
		const struct sock_filter *i = &in[pc];
		enum content c;

		switch (i->code) {
		case LOAD:
			if (!loads(i, &c))
				return (struct leaf){false, (uint32_t)pc};
			a = c == NR ? nr : arch;
			break;
		case BPF_RET | BPF_K:
			return (struct leaf){true, i->k};
		case BPF_JMP | BPF_JA:
			pc += i->k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			pc += a > i->k ? i->jt : i->jf;
			break;
		default: /* BPF_JGE */
			pc += a >= i->k ? i->jt : i->jf;
		}
	}
}

static size_t leaf_number(struct shrink *s, struct leaf l)
{
	for (size_t i = 0; i < s->n_leaves; i++)
		if (s->leaves[i].value == l.value && s->leaves[i].k == l.k)
			return i;
	s->leaves[s->n_leaves] = l;
	return s->n_leaves++;
}

static void make_row(struct shrink *s, uint32_t arch)
{
	s->n_row = 0;
	for (size_t i = 0; i < s->n_bounds; i++) {
		size_t leaf = leaf_number(s, decide(s->in, arch, s->bounds[i]));

		if (s->n_row == 0 || s->row[s->n_row - 1].leaf != leaf)
			s->row[s->n_row++] = (struct interval){s->bounds[i], leaf};
	}
}

/* --- the output ---------------------------------------------------------------------------------
 */

/* In front of all that is there; returns its place. */
static size_t emit(struct shrink *s, struct sock_filter i)
{
	if (s->n_out == s->max_out)
		s->failed = true;
	else
		s->out[s->n_out++] = i;
	return s->n_out;
}

/* From the instruction that is emitted next. */
static size_t distance(const struct shrink *s, size_t place)
{
	return s->n_out - place;
}

/* A place that means the same and is in reach of a comparison. */
static size_t near(struct shrink *s, size_t place)
{
	if (distance(s, place) <= JUMP_MAX)
		return place;
	return emit(s,
		    (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance(s, place)));
}

static size_t emit_compare(struct shrink *s, uint16_t code, uint32_t k, size_t yes, size_t no)
{
	yes = near(s, yes);
	no = near(s, no);
	return emit(s, (struct sock_filter)BPF_JUMP(code, k, (uint8_t)distance(s, yes),
						    (uint8_t)distance(s, no)));
}

/* An instruction that is no jump, and what it goes on to: `next`, unless it is a return. */
static size_t emit_before(struct shrink *s, struct sock_filter i, size_t next)
{
	if (BPF_CLASS(i.code) != BPF_RET && next != s->n_out)
		(void)emit(s, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA,
							   (uint32_t)distance(s, next)));
	return emit(s, i);
}

static size_t leaf_place(struct shrink *s, size_t number)
{
	const struct leaf *l = &s->leaves[number];
	size_t at = s->leaf_at[number];

	if (at && distance(s, at) <= JUMP_MAX)
		return at;
	at = l->value ? emit(s, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, l->k))
		      : near(s, s->copy_at[l->k]);
	return s->leaf_at[number] = at;
}

/* A binary search among row[from .. to - 1]. */
static size_t emit_search(struct shrink *s, size_t from, size_t to)
{
	size_t middle = from + (to - from) / 2, less, more;

	if (to - from == 1)
		return leaf_place(s, s->row[from].leaf);
	more = emit_search(s, middle, to);
	less = emit_search(s, from, middle);
	return emit_compare(s, BPF_JMP | BPF_JGE | BPF_K, s->row[middle].from, more, less);
}

static size_t emit_arch(struct shrink *s, uint32_t arch)
{
	size_t at;

	make_row(s, arch);
	at = emit_search(s, 0, s->n_row);
	return s->n_row == 1 ? at : emit(s, (struct sock_filter)BPF_STMT(LOAD, AT_NR));
}

/* Everything behind the leaves that are places, in the order it has. */
static void copy_rest(struct shrink *s, bool *wanted)
{
	for (size_t pc = 0; pc < s->n; pc++) {
		const struct sock_filter *i = &s->in[pc];

		if (!wanted[pc] || BPF_CLASS(i->code) == BPF_RET)
			continue;
		if (i->code == (BPF_JMP | BPF_JA))
			wanted[pc + 1 + i->k] = true;
		else if (is_jump(i))
			wanted[pc + 1 + i->jt] = wanted[pc + 1 + i->jf] = true;
		else
			wanted[pc + 1] = true;
	}
	for (size_t pc = s->n; pc-- > 0;) {
		const struct sock_filter *i = &s->in[pc];

		if (!wanted[pc])
			continue;
		if (i->code == (BPF_JMP | BPF_JA))
			s->copy_at[pc] = near(s, s->copy_at[pc + 1 + i->k]);
		else if (is_jump(i))
			s->copy_at[pc] = emit_compare(s, i->code, i->k, s->copy_at[pc + 1 + i->jt],
						      s->copy_at[pc + 1 + i->jf]);
		else
			s->copy_at[pc] = emit_before(s, *i, s->copy_at[pc + 1]);
	}
}

/* Jumps that leave the filter are the kernel's to refuse, not ours to follow. */
static bool jumps_are_inside(const struct shrink *s)
{
	for (size_t pc = 0; pc < s->n; pc++) {
		const struct sock_filter *i = &s->in[pc];
		uint32_t far = i->jt > i->jf ? i->jt : i->jf;

		if (is_jump(i) && (i->code == (BPF_JMP | BPF_JA) ? i->k : far) >= s->n - pc - 1)
			return false;
	}
	return s->n && BPF_CLASS(s->in[s->n - 1].code) == BPF_RET;
}

static bool write_filter(struct shrink *s)
{
	_cleanup_free_ bool *wanted = calloc(s->n + 1, sizeof(*wanted));
	size_t at[ARCHS_MAX], next;

	if (!wanted)
		return false;
	for (size_t a = 0; a < s->n_archs; a++)
		make_row(s, s->archs[a]);
	make_row(s, other_arch(s));
	for (size_t i = 0; i < s->n_leaves; i++)
		if (!s->leaves[i].value)
			wanted[s->leaves[i].k] = true;
	copy_rest(s, wanted);
	for (size_t a = s->n_archs; a-- > 0;)
		at[a] = emit_arch(s, s->archs[a]);
	next = emit_arch(s, other_arch(s));
	for (size_t a = s->n_archs; a-- > 0;)
		next = emit_compare(s, BPF_JMP | BPF_JEQ | BPF_K, s->archs[a], at[a], next);
	if (s->n_archs)
		(void)emit(s, (struct sock_filter)BPF_STMT(LOAD, AT_ARCH));
	/* It begins with the instruction that was emitted last. */
	return !s->failed && (s->n_archs || next == s->n_out);
}

static struct sock_filter *forwards(const struct shrink *s)
{
	struct sock_filter *out = calloc(s->n_out, sizeof(*out));

	for (size_t i = 0; out && i < s->n_out; i++)
		out[i] = s->out[s->n_out - 1 - i];
	return out;
}

/* The two decide alike, for every architecture that either tells from others, and every interval.
 */
static bool agrees(const struct shrink *s, const struct sock_filter *out)
{
	for (size_t a = 0; a <= s->n_archs; a++) {
		uint32_t arch = a < s->n_archs ? s->archs[a] : other_arch(s);

		for (size_t i = 0; i < s->n_bounds; i++) {
			struct leaf was = decide(s->in, arch, s->bounds[i]);
			struct leaf is = decide(out, arch, s->bounds[i]);
			uint32_t k = was.value ? was.k : (uint32_t)(s->n_out - s->copy_at[was.k]);

			if (was.value != is.value || is.k != k)
				return false;
		}
	}
	return true;
}

static void shrink_free(struct shrink *s)
{
	free(s->bounds);
	free(s->leaves);
	free(s->leaf_at);
	free(s->row);
	free(s->out);
	free(s->copy_at);
}

bool seccomp_shrink(const struct sock_filter *insns, unsigned short n, struct sock_filter **ret,
		    unsigned short *ret_n)
{
	/* A bound is an interval of each architecture at most; a leaf is a return or a load. */
	const size_t bounds = (size_t)n * 2 * CONTENTS + 1;
	_cleanup_(shrink_free) struct shrink s = {
		.in = insns,
		.n = n,
		.bounds = calloc(bounds, sizeof(*s.bounds)),
		.leaves = calloc((size_t)n + 1, sizeof(*s.leaves)),
		.leaf_at = calloc((size_t)n + 1, sizeof(*s.leaf_at)),
		.row = calloc(bounds, sizeof(*s.row)),
		.out = calloc(n, sizeof(*s.out)),
		.copy_at = calloc((size_t)n + 1, sizeof(*s.copy_at)),
		.max_out = n ? n - 1u : 0,
	};
	struct sock_filter *out;

	if (!s.bounds || !s.leaves || !s.leaf_at || !s.row || !s.out || !s.copy_at)
		return false;
	if (!jumps_are_inside(&s) || !survey(&s))
		return false;
	sort_bounds(&s);
	if (!write_filter(&s))
		return false;
	out = forwards(&s);
	if (!out || !agrees(&s, out)) {
		free(out);
		return false;
	}
	*ret = out;
	*ret_n = (unsigned short)s.n_out;
	return true;
}
