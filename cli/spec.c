/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cli/cli.h"

/* A configuration that someone wrote by hand is never overwritten. */
static int write_new(int dirfd, const char *dir, const char *name, const struct strbuf *text,
		     struct err *e)
{
	_cleanup_fd_ int fd =
		openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int rc;

	if (fd < 0 && errno == EEXIST)
		return refuse(e, EEXIST, "%s/%s exists already; move it away first", dir, name);
	if (fd < 0)
		return fail(e, errno, "create %s/%s", dir, name);
	rc = io_write(fd, text->buf, text->len);
	if (rc < 0) {
		(void)unlinkat(dirfd, name, 0); /* half a file; the first error is the news */
		return fail(e, -rc, "write %s/%s", dir, name);
	}
	return 0;
}

static int run(struct cli *cli, int argc, char **argv, struct err *e)
{
	const char *bundle = NULL, *name = NULL;
	bool rootless = false;
	const struct opt opts[] = {
		{"bundle", 'b', OPT_STRING, &bundle, "DIR", "where to write (default: here)"},
		{"config", 'f', OPT_STRING, &name, "FILE", "its name (default: config.json)"},
		{"rootless", 0, OPT_FLAG, &rootless, NULL, "for a user who is not root"},
		{0},
	};
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct json_writer w = {.indent = true};
	_cleanup_fd_ int dirfd = -1;
	int first = cli_options(&verb_spec, opts, argc, argv, e);
	int rc = first < 0 ? first : cli_operands(&verb_spec, argc, first, 0, 0, e);

	(void)cli;
	if (rc < 0)
		return rc;
	bundle = bundle && *bundle ? bundle : ".";
	dirfd = file_open(AT_FDCWD, bundle, O_PATH | O_DIRECTORY, e);
	if (dirfd < 0)
		return dirfd;
	doc_spec_write(&w, rootless);
	text = w.sb;
	strbuf_add(&text, "\n", 1);
	if (text.oom)
		return fail(e, ENOMEM, "spec");
	return write_new(dirfd, bundle, name && *name ? name : "config.json", &text, e);
}

const struct verb verb_spec = {
	.name = "spec",
	.args = "",
	.summary = "Write a default config.json.",
	.run = run,
	.mixed = true,
};
