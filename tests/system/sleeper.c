/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeps until it is killed. */
#include <unistd.h>

int main(void)
{
	for (;;)
		(void)pause(); /* interrupted: once more */
}
