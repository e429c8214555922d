/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/procfs.h"
#include "base/spawn.h"
#include "base/str.h"
#include "metrics/host_probe.h"

/* A configuration has some 150 to 300 kB. */
#define KCONFIG_MAX (1u << 20)

static const char *const verdicts[HOST_VERDICTS] = {
	[HOST_OK] = "ok",	    [HOST_NOTE] = "note",   [HOST_MISSING] = "missing",
	[HOST_LIMITED] = "limited", [HOST_FATAL] = "fatal",
};

const char *host_verdict_name(enum host_verdict v)
{
	return verdicts[v];
}

struct host_fact *fact_add(struct host_probe *p, const char *name)
{
	struct host *h = p->host;
	struct host_fact *f = &h->facts[MIN(h->n, (size_t)HOST_FACTS_MAX - 1)];

	h->n = MIN(h->n + 1, (size_t)HOST_FACTS_MAX);
	*f = (struct host_fact){.name = name, .verdict = HOST_OK};
	return f;
}

void fact_value(struct host_fact *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(f->value, sizeof(f->value), fmt, ap); /* cut, never overflowed */
	va_end(ap);
}

void fact_costs(struct host_fact *f, enum host_verdict v, const char *fmt, ...)
{
	va_list ap;

	f->verdict = v;
	va_start(ap, fmt);
	(void)vsnprintf(f->costs, sizeof(f->costs), fmt, ap); /* cut, never overflowed */
	va_end(ap);
}

void word_add(char *list, size_t size, const char *word)
{
	size_t used = strlen(list);

	(void)snprintf(list + used, size - used, "%s%s", used ? " " : "", word); /* or cut */
}

/* Procfs has its own way in (base/procfs.h), but for a fake one. */
static int probe_open(const struct host_probe *p, const char *path)
{
	const char *rest = p->o->root ? NULL : str_after(path, "proc/");

	return rest ? proc_open(PROC_ROOT, rest, O_RDONLY, NULL)
		    : file_open(p->rootfd, path, O_RDONLY, NULL);
}

ssize_t probe_read(const struct host_probe *p, const char *path, char *buf, size_t size)
{
	_cleanup_fd_ int fd = probe_open(p, path);
	ssize_t n = fd < 0 ? fd : io_read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
	return n;
}

bool probe_exists(const struct host_probe *p, const char *path)
{
	return faccessat(p->rootfd, path, F_OK, 0) == 0;
}

bool probe_number(const struct host_probe *p, const char *path, int64_t *ret)
{
	char text[64];

	return probe_read(p, path, text, sizeof(text)) > 0 && parse_i64(text, 10, ret) == 0;
}

/* "CONFIG_HZ=250", "# CONFIG_PSI is not set" */
char probe_kconfig(const struct host_probe *p, const char *name)
{
	char line[96];
	const char *hit;
	int n;

	if (!p->kconfig)
		return '?';
	n = snprintf(line, sizeof(line), "\nCONFIG_%s=", name);
	if (n < 0 || (size_t)n >= sizeof(line))
		return '?';
	hit = strstr(p->kconfig, line);
	return hit ? hit[n] : 'n';
}

/* "6.18.44-x" -> 6, 18. */
static unsigned version_of(const char *release)
{
	uint32_t v[2] = {0};

	for (int i = 0; i < 2; i++) {
		size_t len = strspn(release, "0123456789");
		char digits[12];

		if (!str_part(digits, sizeof(digits), release, len) ||
		    parse_u32(digits, 10, &v[i]) < 0 || v[i] > UINT16_MAX)
			return 0;
		release += len;
		if (i == 0 && *release++ != '.')
			return 0;
	}
	return KERNEL(v[0], v[1]);
}

static void read_release(struct host_probe *p)
{
	(void)probe_read(p, "proc/sys/kernel/osrelease", p->release, sizeof(p->release));
	p->kernel = version_of(p->release); /* 0, older than everything, if it cannot be read */
}

static int inflate(const struct host_probe *p, const char *packed, size_t len, char **ret)
{
	struct spawn gzip = {
		.path = "gzip",
		.argv = (char *[]){(char *)"gzip", (char *)"-dc", NULL},
		.envp = p->o->environ,
		.stdin_data = packed,
		.stdin_len = len,
		.output_limit = KCONFIG_MAX,
		.timeout_ms = 5000,
	};
	struct spawn_result result = {0};
	int rc = spawn_run(&gzip, &result, NULL);

	if (rc == 0 && result.status == 0)
		*ret = take_ptr(&result.output);
	else
		rc = -EIO;
	free(result.output);
	return rc;
}

/* /proc/config.gz (CONFIG_IKCONFIG_PROC) or what distributions put beside the kernel. */
static void read_kconfig(struct host_probe *p)
{
	_cleanup_fd_ int fd = probe_open(p, "proc/config.gz");
	_cleanup_free_ char *packed = NULL;
	char path[160];
	size_t len;

	if (fd >= 0 && p->o->programs) {
		packed = malloc(KCONFIG_MAX);
		ssize_t n = packed ? io_read(fd, packed, KCONFIG_MAX) : -1;

		if (n > 0 && inflate(p, packed, (size_t)n, &p->kconfig) == 0) {
			p->kconfig_from = "/proc/config.gz";
			return;
		}
	}
	(void)snprintf(path, sizeof(path), "boot/config-%s", p->release); /* fits */
	if (file_read_alloc(p->rootfd, path, KCONFIG_MAX, &p->kconfig, &len, NULL) >= 0)
		p->kconfig_from = "/boot/config";
}

void host_probe(const struct host_opts *o, struct host *ret)
{
	static const struct host_opts none;
	struct host_probe p = {.o = o ? o : &none, .host = ret, .cg = {.fd = -1}};

	ret->n = 0;
	p.rootfd = open(p.o->root ? p.o->root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	read_release(&p);
	read_kconfig(&p);
	if (cg_host_open(&p.cg, NULL) < 0)
		p.cg = (struct cg_host){.layout = CG_LAYOUT_NONE, .fd = -1};
	host_probe_kernel(&p);
	host_probe_scheduler(&p);
	host_probe_cgroup(&p);
	host_probe_security(&p);
	host_probe_machine(&p);
	host_probe_programs(&p);
	if (p.o->counters)
		host_probe_counters(&p);
	cg_host_close(&p.cg);
	free(p.kconfig);
	(void)fd_close(p.rootfd); /* always -1 */
}

static bool has_verdict(const struct host *h, enum host_verdict v)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->facts[i].verdict == v)
			return true;
	return false;
}

bool host_usable(const struct host *h)
{
	return !has_verdict(h, HOST_FATAL);
}

const char *host_service(const struct host *h)
{
	if (!host_usable(h))
		return "none";
	return has_verdict(h, HOST_LIMITED) ? "reduced" : "full";
}

const struct host_fact *host_fact_find(const struct host *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (streq(h->facts[i].name, name))
			return &h->facts[i];
	return NULL;
}
