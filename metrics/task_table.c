/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/task_table.h"

#include <stddef.h>
#include <string.h>

void task_table_clear(struct task_table *t)
{
	t->used = 0;
	if (++t->generation)
		return;
	/* After 2^32 passes old entries would look like new ones. */
	memset(t->slots, 0, sizeof(t->slots));
	t->generation = 1;
}

/* The slot of the pid, or the free one where it would go. */
static struct task *probe(struct task_table *t, pid_t pid)
{
	uint32_t i = (uint32_t)pid % TASK_TABLE_SLOTS;

	while (t->slots[i].generation == t->generation && t->slots[i].pid != pid)
		i = (i + 1) % TASK_TABLE_SLOTS;
	return &t->slots[i];
}

struct task *task_find(struct task_table *t, pid_t pid)
{
	struct task *task = probe(t, pid);

	return task->generation == t->generation ? task : NULL;
}

struct task *task_put(struct task_table *t, pid_t pid)
{
	struct task *task = probe(t, pid);

	if (task->generation == t->generation)
		return task;
	if (t->used >= TASK_TABLE_SLOTS / 4 * 3)
		return NULL;
	t->used++;
	*task = (struct task){.pid = pid, .generation = t->generation};
	return task;
}

void task_copy(struct task *to, const struct task *from)
{
	uint32_t generation = to->generation;
	pid_t pid = to->pid;

	*to = *from;
	to->generation = generation;
	to->pid = pid;
}
