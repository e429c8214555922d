/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd_notify(3) by hand. notify listen PATH: prints what comes, one datagram a line, its newlines as
 * blanks; @NAME is in the abstract namespace. notify send TEXT: to $NOTIFY_SOCKET.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static socklen_t address(const char *name, struct sockaddr_un *a)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	strncpy(a->sun_path, name, sizeof(a->sun_path) - 1);
	if (*name == '@')
		a->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + (*name == '/'));
}

int main(int argc, char **argv)
{
	int s = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un a;
	socklen_t len;
	char text[4096];
	ssize_t n;

	if (argc == 3 && strcmp(argv[1], "send") == 0 && getenv("NOTIFY_SOCKET")) {
		len = address(getenv("NOTIFY_SOCKET"), &a);
		if (sendto(s, argv[2], strlen(argv[2]), 0, (struct sockaddr *)&a, len) >= 0)
			return 0;
		perror("notify");
		return 1;
	}
	if (argc != 3 || strcmp(argv[1], "listen") != 0)
		return 2;
	len = address(argv[2], &a);
	if (bind(s, (struct sockaddr *)&a, len) < 0) {
		perror("notify");
		return 1;
	}
	printf("listening\n");
	fflush(stdout);
	while ((n = recv(s, text, sizeof(text), 0)) >= 0) {
		for (ssize_t i = 0; i < n; i++)
			if (text[i] == '\n')
				text[i] = ' ';
		printf("%.*s\n", (int)n, text);
		fflush(stdout);
	}
	return 1;
}
