/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a checkpoint must carry over, for tests: a process that counts in memory and writes
 * each number as a line to OUT, 20 ms apart.
 *
 *	crjob OUT			counts
 *	crjob OUT lock FILE		holds an exclusive flock(2) on FILE meanwhile
 *	crjob OUT unix PATH		sends each number to the datagram socket PATH
 *	crjob OUT tcp PORT		sends each number to itself over the loopback device, and
 *					writes what arrives
 *	crjob OUT memory MB		dirties so much memory once, and checks it each time
 *	crjob OUT tty			writes what it reads from its terminal instead
 *	crjob OUT hear PATH		writes what arrives at the datagram socket PATH instead
 * It ends with status 7 on SIGTERM, and with 1 when something is not as it was.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int out, ends[2] = {-1, -1};
static unsigned char *memory;
static size_t memory_size;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void on_term(int signal)
{
	(void)signal;
	_exit(7);
}

static void hold_lock(const char *file)
{
	int fd = open(file, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		die(file);
}

static void connect_unix(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	ends[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (ends[0] < 0 || connect(ends[0], (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path);
}

static void hear(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	char line[32];
	ssize_t n;

	(void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die(path);
	while ((n = read(fd, line, sizeof(line))) > 0)
		if (write(out, line, (size_t)n) != n)
			die("write");
	die("read");
}

static void connect_self(const char *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_port = htons((unsigned short)atoi(port)),
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	ends[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(listener, 1) < 0 ||
	    connect(ends[0], (struct sockaddr *)&a, sizeof(a)) < 0)
		die("loopback");
	ends[1] = accept(listener, NULL, NULL);
	if (ends[1] < 0)
		die("accept");
}

static void fill(const char *mb)
{
	memory_size = (size_t)atoi(mb) << 20;
	memory = malloc(memory_size);
	if (!memory)
		die("malloc");
	for (size_t i = 0; i < memory_size; i++)
		memory[i] = (unsigned char)(i * 31 >> 3);
}

static void check_memory(void)
{
	for (size_t i = 0; i < memory_size; i += 997)
		if (memory[i] != (unsigned char)(i * 31 >> 3))
			die("memory");
}

static void put(const char *line)
{
	if (write(out, line, strlen(line)) != (ssize_t)strlen(line))
		die("write");
}

static void count(unsigned n)
{
	char line[32];
	int len = snprintf(line, sizeof(line), "%u\n", n);

	if (ends[0] >= 0 && write(ends[0], line, (size_t)len) != len)
		die("send");
	if (ends[1] >= 0 && read(ends[1], line, (size_t)len) != len)
		die("receive");
	put(line);
}

static void copy_terminal(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin))
		put(line);
	exit(3);
}

int main(int argc, char **argv)
{
	(void)signal(SIGTERM, on_term);
	out = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0644) : -1;
	if (out < 0)
		die("usage: crjob OUT [KIND ARG]");
	if (argc > 2 && strcmp(argv[2], "tty") == 0)
		copy_terminal();
	if (argc > 3 && strcmp(argv[2], "hear") == 0)
		hear(argv[3]);
	if (argc > 3 && strcmp(argv[2], "lock") == 0)
		hold_lock(argv[3]);
	if (argc > 3 && strcmp(argv[2], "unix") == 0)
		connect_unix(argv[3]);
	if (argc > 3 && strcmp(argv[2], "tcp") == 0)
		connect_self(argv[3]);
	if (argc > 3 && strcmp(argv[2], "memory") == 0)
		fill(argv[3]);
	for (unsigned n = 1;; n++) {
		check_memory();
		count(n);
		(void)usleep(20000); /* woken early: one line sooner */
	}
}
