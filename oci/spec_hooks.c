/* SPDX-License-Identifier: Apache-2.0 */
/* hooks: config.md, "POSIX-platform Hooks". */
#include "base/cleanup.h"
#include "oci/spec_read.h"

#define AT(member) .offset = offsetof(struct spec_hook, member)
static const struct spec_field hook_fields[] = {
	FIELD("path", STRING, path, AT(path), REQUIRED),
	FIELD("args", STRINGS, strings, AT(args)),
	FIELD("env", STRINGS, strings, AT(env)),
	FIELD("timeout", INTEGER, i32, AT(timeout_sec), RANGE(1, INT32_MAX)),
};
#undef AT
static const struct spec_object hook_object = OBJECT_INIT(hook_fields, struct spec_hook, NULL);

#define HOOKS(key, kind)                                                                           \
	FIELD(key, OBJECTS, array, OBJECT(hook_object),                                            \
	      .offset = offsetof(struct spec, hooks[kind].v),                                      \
	      .count = offsetof(struct spec, hooks[kind].n))
static const struct spec_field hooks_fields[] = {
	HOOKS("prestart", HOOK_PRESTART),
	HOOKS("createRuntime", HOOK_CREATE_RUNTIME),
	HOOKS("createContainer", HOOK_CREATE_CONTAINER),
	HOOKS("startContainer", HOOK_START_CONTAINER),
	HOOKS("poststart", HOOK_POSTSTART),
	HOOKS("poststop", HOOK_POSTSTOP),
};
const struct spec_object spec_hooks_object = OBJECT_INIT(hooks_fields, struct spec, NULL);
