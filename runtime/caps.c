/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/caps.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "oci/names.h"

/* In the C library, but only libcap's header declares it. */
int capset(cap_user_header_t header, const cap_user_data_t data);

/* Every capability this kernel knows: what a process has in a fresh user namespace. */
static uint64_t kernel_caps(void)
{
	unsigned n = CAP_CHECKPOINT_RESTORE; /* the newest one of 5.9 */

	while (n < 63 && prctl(PR_CAPBSET_READ, n + 1, 0, 0, 0) >= 0)
		n++;
	return n == 63 ? UINT64_MAX : (1ULL << (n + 1)) - 1;
}

static void add_name(struct strbuf *names, const char *name)
{
	strbuf_addf(names, "%s%s", names->len ? ", " : "", name);
}

static void add_bits(struct strbuf *names, uint64_t bits)
{
	for (unsigned i = 0; bits; i++, bits >>= 1) {
		const char *name;
		char number[16];

		if (!(bits & 1))
			continue;
		name = table_name_n(oci_capabilities.v, oci_capabilities.n, i);
		(void)snprintf(number, sizeof(number), "%u", i); /* two digits */
		add_name(names, name ? name : number);
	}
}

/* *set loses what is not in `limit`; what was lost goes into *lost. */
static void limit_to(uint64_t *set, uint64_t limit, uint64_t *lost)
{
	*lost |= *set & ~limit;
	*set &= limit;
}

static void warn_left_out(const char *why, uint64_t bits, const struct strv *unknown)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;

	for (size_t i = 0; unknown && i < unknown->n; i++)
		add_name(&names, unknown->v[i]);
	add_bits(&names, bits);
	if (names.len)
		log_warn("capabilities left out (%s): %s", why, strbuf_str(&names));
}

void caps_resolve(const struct spec_capabilities *want, const struct proc_status *own,
		  struct caps *ret)
{
	uint64_t missing = 0, beyond = 0;
	struct proc_status have = {0};
	struct caps c = {0};

	if (own)
		have = *own;
	else
		have.cap_permitted = have.cap_bounding = kernel_caps();
	if (want) {
		c.bounding = want->bounding;
		c.permitted = want->permitted;
		c.effective = want->effective;
		c.inheritable = want->inheritable;
		c.ambient = want->ambient;
		limit_to(&c.bounding, have.cap_bounding, &missing);
		limit_to(&c.permitted, have.cap_permitted, &missing);
		limit_to(&c.inheritable, have.cap_permitted, &missing);
		/* capset(2): effective within permitted; what is new in inheritable must be in the
		 * bounding set, which is already the container's by then. */
		limit_to(&c.inheritable, c.bounding, &beyond);
		limit_to(&c.effective, c.permitted, &beyond);
		limit_to(&c.ambient, c.permitted & c.inheritable, &beyond);
		warn_left_out("the runtime does not have them or the kernel does not know them",
			      missing, &want->unknown);
		warn_left_out(
			"effective needs permitted, inheritable needs bounding, ambient needs "
			"permitted and inheritable",
			beyond & ~missing, NULL);
	}
	c.drop = have.cap_bounding & ~c.bounding;
	c.clear_ambient = have.cap_ambient != 0;
	*ret = c;
}

int caps_prepare(const struct caps *c, uid_t user, struct err *e)
{
	for (unsigned i = 0; i < 64; i++)
		if ((c->drop & (1ULL << i)) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return fail(e, errno, "drop capability %u from the bounding set", i);
	/* Without it the permitted set is cleared when all user ids leave 0. */
	if (user != 0 && c->permitted && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return fail(e, errno, "keep capabilities across the change of user");
	return 0;
}

int caps_finish(const struct caps *c, uid_t user, struct err *e)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(c->effective >> (32 * i));
		data[i].permitted = (uint32_t)(c->permitted >> (32 * i));
		data[i].inheritable = (uint32_t)(c->inheritable >> (32 * i));
	}
	if (capset(&header, data) < 0)
		return fail(e, errno, "set capabilities");
	if (c->clear_ambient && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail(e, errno, "clear the ambient capabilities");
	for (unsigned i = 0; i < 64; i++)
		if ((c->ambient & (1ULL << i)) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return fail(e, errno, "raise ambient capability %u", i);
	if (user != 0 && c->permitted && prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return fail(e, errno, "stop keeping capabilities");
	return 0;
}
