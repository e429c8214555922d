/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest process there is: what its start costs is the runtime's. */
int main(void)
{
	return 0;
}
